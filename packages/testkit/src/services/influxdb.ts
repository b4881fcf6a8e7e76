import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureSystemPackages, findProgram, firstLine } from '../../setup/system-packages.mjs'
import { containerCommand, containerEngine, hasImage } from './container-engine.ts'
import { freePort } from './free-port.ts'
import { ServiceProcess } from './service-process.ts'
import { ServiceUnavailableError } from './service-unavailable.ts'
import { noteUse } from './usage-log.ts'

/** One series of an answer. Times are RFC 3339 text with every digit, since nanoseconds do not fit a JS number. */
export interface InfluxSeries {
  readonly name: string
  readonly tags?: Readonly<Record<string, string>>
  readonly columns: readonly string[]
  readonly values: readonly (readonly unknown[])[]
}

export interface InfluxDb {
  readonly url: string
  createDatabase(name: string): Promise<void>
  dropDatabase(name: string): Promise<void>
  /** The series of the first statement's answer; none if there are no rows. */
  query(database: string, statement: string): Promise<InfluxSeries[]>
  /** The answer as the server wrote it. `params` are added to the request: `{ epoch: 'ns' }`. */
  queryText(database: string, statement: string, params?: Readonly<Record<string, string>>): Promise<string>
  /** How many points a measurement has, counted by one of its fields. */
  count(database: string, measurement: string, field: string): Promise<number>
  write(database: string, lines: string): Promise<void>
}

/** An InfluxDB 1.x of this process's own; it keeps its data and port over stop, kill and start. */
export interface InfluxDbServer extends InfluxDb, Pick<ServiceProcess, 'start' | 'kill' | 'pause' | 'resume'> {
  readonly version: string
  /** Kills the server and removes its folder. */
  stop(): Promise<void>
}

/** The InfluxDB 1.x at `url`. */
export function influxDbAt(url: string): InfluxDb {
  const request = async (
    path: string,
    params: Readonly<Record<string, string>>,
    init?: RequestInit,
  ): Promise<string> => {
    const answer = await fetch(`${url}${path}?${new URLSearchParams(params).toString()}`, init ?? {})
    const text = await answer.text()
    if (!answer.ok) throw new Error(`InfluxDB answered ${answer.status} to ${path}: ${text.trim()}`)
    return text
  }
  const run = (params: Readonly<Record<string, string>>): Promise<string> =>
    request('/query', params, { method: 'POST' })
  const query = async (db: string, q: string): Promise<InfluxSeries[]> => {
    const [result] = (JSON.parse(await run({ db, q })) as InfluxAnswer).results
    if (result?.error !== undefined) throw new Error(`InfluxDB: ${result.error} in ${q}`)
    return result?.series ?? []
  }
  return {
    url,
    createDatabase: async (name) => void (await query('', `CREATE DATABASE ${quoted(name)}`)),
    dropDatabase: async (name) => void (await query('', `DROP DATABASE ${quoted(name)}`)),
    query,
    queryText: (db, q, params) => run({ db, q, ...params }),
    count: async (db, measurement, field) => {
      const [series] = await query(db, `SELECT count(${quoted(field)}) FROM ${quoted(measurement)}`)
      return Number(series?.values[0]?.[1] ?? 0)
    },
    write: async (db, lines) => void (await request('/write', { db }, { method: 'POST', body: lines })),
  }
}

interface InfluxAnswer {
  readonly results: readonly { readonly series?: InfluxSeries[]; readonly error?: string }[]
}

function quoted(name: string): string {
  return `"${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

interface InfluxSoftware {
  readonly version: string
  readonly origin: string
  readonly engine?: string
  command(config: string, dir: string, containerName: string): string[]
}

let found: Promise<InfluxSoftware> | undefined

/** Finds or installs InfluxDB 1.x. Throws ServiceUnavailableError where that cannot be. */
export function influxDbSoftware(): Promise<InfluxSoftware> {
  found ??= find()
  return found
}

async function find(): Promise<InfluxSoftware> {
  const engine = await containerEngine()
  const image = 'influxdb:1.8'
  if (engine && (await hasImage(engine, image))) {
    return {
      version: '1.8',
      origin: `image ${image} in ${engine}`,
      engine,
      command: (config, folder, name) =>
        containerCommand({ engine, image, program: 'influxd', folder, name }, ['-config', config]),
    }
  }
  const missing = findProgram('influxd') ? undefined : await ensureSystemPackages(['influxdb'])
  const program = findProgram('influxd')
  if (!program) throw new ServiceUnavailableError(`no InfluxDB: ${missing ?? 'influxd is not on the PATH'}`)
  const said = firstLine(program, ['version']) ?? ''
  const version = /\bv?(\d+\.\d+\.\d+)/.exec(said)?.[1] ?? 'of unknown version'
  if (version.startsWith('2.')) throw new ServiceUnavailableError(`${program} is ${version}, which is no InfluxDB 1.x`)
  return { version, origin: program, command: (config) => [program, '-config', config] }
}

/** Starts InfluxDB 1.x on a free loopback port. Throws ServiceUnavailableError where there is none to be had. */
export async function startInfluxDb(): Promise<InfluxDbServer> {
  const software = await influxDbSoftware()
  noteUse({ service: `InfluxDB ${software.version}`, origin: software.origin })
  const dir = await mkdtemp(join(tmpdir(), 'connect-run-influxdb-'))
  const port = await freePort()
  const config = join(dir, 'influxdb.conf')
  for (const folder of ['meta', 'data', 'wal']) await mkdir(join(dir, folder))
  await writeFile(config, configText(dir, port, await freePort()))
  const url = `http://127.0.0.1:${port}`
  const name = `connect-run-influxdb-${process.pid}-${port}`
  const server = new ServiceProcess({
    name: `InfluxDB ${software.version}`,
    command: software.command(config, dir, name),
    logFile: join(dir, 'influxd.log'),
    ready: async () => (await fetch(`${url}/ping`)).ok,
    scratch: dir,
    ...(software.engine ? { container: { engine: software.engine, name } } : {}),
  })
  const stop = async (): Promise<void> => {
    await server.kill()
    await rm(dir, { recursive: true, force: true })
  }
  try {
    await server.start()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    ...influxDbAt(url),
    version: software.version,
    start: () => server.start(),
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    stop,
  }
}

function configText(dir: string, port: number, rpcPort: number): string {
  return `reporting-disabled = true
bind-address = "127.0.0.1:${rpcPort}"
[meta]
  dir = "${dir}/meta"
[data]
  dir = "${dir}/data"
  wal-dir = "${dir}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  log-enabled = false
`
}
