import { chmod, chown, copyFile, link, mkdir, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { freePort } from './free-port.ts'
import { type SearchApi, searchAt } from './search-api.ts'
import { type SearchFlavor, type SearchSoftware, searchSoftware } from './search-software.ts'
import { ServiceProcess, type ServiceSpec } from './service-process.ts'
import { noteUse } from './usage-log.ts'

export interface SearchOptions {
  readonly flavor: SearchFlavor
  /** Default a free one. */
  readonly port?: number
  /** Of opensearch.yml or elasticsearch.yml, by their full names: `{ 'thread_pool.write.size': 1 }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /** What the heap may grow to, in MiB. Default 512. */
  readonly heapMb?: number
}

/** An OpenSearch or Elasticsearch of this process's own, one node on loopback. It keeps data and port over stop and kill. */
export interface SearchServer extends SearchApi, Pick<ServiceProcess, 'start' | 'kill' | 'pause' | 'resume'> {
  readonly flavor: SearchFlavor
  /** `2.19.1` */
  readonly release: string
  readonly port: number
  readonly pid: number | undefined
  /** What it has printed, over all of its runs. */
  readonly logFile: string
  /** Ends it in an orderly way; start() brings it back. */
  shutdown(): Promise<void>
  /** Kills it and removes its folder. */
  stop(): Promise<void>
}

/** Starts a search server, and resolves when it answers. Throws ServiceUnavailableError where there is none to be had. */
export async function startSearch(options: SearchOptions): Promise<SearchServer> {
  const software = await searchSoftware(options.flavor)
  const { product, release, flavor } = software
  noteUse({ service: `${product} ${release}`, origin: software.origin })
  const { port = await freePort(), settings = {}, heapMb = 512 } = options
  const folder = await mkdtemp(join(tmpdir(), `connect-run-${flavor}-`))
  const url = `http://127.0.0.1:${port}`
  const logFile = join(folder, 'server.log')
  const layout = { software, port, settings, heapMb, folder }
  const server = new ServiceProcess({
    name: `${product} ${release} at port ${port}`,
    ...(await runOf(layout)),
    logFile,
    ready: () => isReady(url),
    scratch: folder,
    ...(USER === undefined ? {} : { user: USER }),
  })
  const stop = async (): Promise<void> => {
    await server.kill()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await prepare(layout)
    await server.start()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...searchAt(url),
    flavor,
    release,
    port,
    get pid() {
      return server.pid
    },
    logFile,
    start: () => server.start(),
    shutdown: () => server.stop(),
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    stop,
  }
}

/** Whom it runs as instead of root, which it refuses: on every system a user with no rights. */
const USER = process.getuid?.() === 0 ? 65_534 : undefined

async function isReady(url: string): Promise<boolean> {
  return (await fetch(`${url}/_cluster/health?wait_for_status=yellow&timeout=5s`)).ok
}

interface Layout {
  readonly software: SearchSoftware
  readonly port: number
  readonly settings: Required<SearchOptions>['settings']
  readonly heapMb: number
  /** Everything of this server; its own files are in `home`, `conf`, `data`, `logs` and `tmp`. */
  readonly folder: string
}

/** Writes the files of a server that has none yet. */
async function prepare({ software, port, settings, folder }: Layout): Promise<void> {
  await chmod(folder, 0o755)
  await linkTree(software.home, join(folder, 'home'))
  for (const name of ['conf', 'data', 'logs', 'tmp']) await mkdir(join(folder, name))
  const conf = join(folder, 'conf')
  const all = { ...defaults(folder, port, await freePort()), ...ofProduct(software), ...settings }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
  await writeFile(join(conf, `${software.product.toLowerCase()}.yml`), lines.join(''))
  await writeFile(join(conf, 'log4j2.properties'), LOG4J2)
  await writeFile(join(conf, 'jvm.options'), '') // or the collector of its own stands beside ours
  if (USER === undefined) return
  for (const name of ['conf', 'data', 'logs', 'tmp']) await chown(join(folder, name), USER, USER)
}

/**
 * The distribution once more, by hard links where they can be had: the cache may lie where only its owner looks, and a
 * server that is started for root is nobody.
 */
async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to)
  const entries = await readdir(from, { withFileTypes: true })
  await Promise.all(
    entries.map((entry) => {
      const [source, target] = [join(from, entry.name), join(to, entry.name)]
      return entry.isDirectory() ? linkTree(source, target) : link(source, target).catch(() => copyFile(source, target))
    }),
  )
}

function defaults(
  folder: string,
  port: number,
  transportPort: number,
): Readonly<Record<string, string | number | boolean>> {
  return {
    'cluster.name': `connect-run-${port}`,
    'node.name': 'node-1',
    'network.host': '127.0.0.1',
    'http.port': port,
    'transport.port': transportPort,
    'discovery.type': 'single-node',
    'path.data': join(folder, 'data'),
    'path.logs': join(folder, 'logs'),
    'cluster.routing.allocation.disk.threshold_enabled': false,
  }
}

function ofProduct({ product }: SearchSoftware): Readonly<Record<string, boolean>> {
  return product === 'Elasticsearch' ? { 'xpack.security.enabled': false } : {}
}

const LOG4J2 = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1.} %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
`

type Run = Pick<ServiceSpec, 'command' | 'isGroup'>

async function runOf(layout: Layout): Promise<Run> {
  const tmp = join(layout.folder, 'tmp')
  const options = [...JVM, `-Xmx${layout.heapMb}m`, `-Djava.io.tmpdir=${tmp}`]
  if (layout.software.flavor === 'elasticsearch8') return byLauncher(layout, options)
  return { command: ['/usr/bin/env', `LIBFFI_TMPDIR=${tmp}`, ...javaCommand(layout, options)] }
}

/** For a quick start and little memory. */
const JVM = ['-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-AlwaysPreTouch']

/** Elasticsearch 8 begins with a program that starts the server proper and hands it its settings. */
async function byLauncher({ software, folder }: Layout, options: readonly string[]): Promise<Run> {
  const variables = {
    ES_JAVA_HOME: dirname(dirname(await realpath(software.java))),
    ES_PATH_CONF: join(folder, 'conf'),
    ES_JAVA_OPTS: options.join(' '),
    CLI_JAVA_OPTS: '-Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1',
  }
  const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
  return { command: ['/usr/bin/env', ...assignments, join(folder, 'home', 'bin', 'elasticsearch')], isGroup: true }
}

function javaCommand({ software, folder }: Layout, options: readonly string[]): string[] {
  const home = join(folder, 'home')
  const [prefix, main] = MAIN[software.product]
  const properties = {
    [`${prefix}.path.home`]: home,
    [`${prefix}.path.conf`]: join(folder, 'conf'),
    [`${prefix}.distribution.type`]: 'zip',
    [`${prefix}.bundled_jdk`]: 'false',
    'java.security.manager': 'allow',
    'log4j2.disable.jmx': 'true',
    'log4j.shutdownHookEnabled': 'false',
    'io.netty.noUnsafe': 'true',
    'io.netty.allocator.type': 'unpooled',
    'jna.nosys': 'true',
  }
  const given = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`)
  return [software.java, ...options, ...given, '-cp', join(home, 'lib', '*'), main]
}

/** What the names of a product's properties begin with, and its main class. */
const MAIN = {
  OpenSearch: ['opensearch', 'org.opensearch.bootstrap.OpenSearch'],
  Elasticsearch: ['es', 'org.elasticsearch.bootstrap.Elasticsearch'],
} as const
