import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureSystemPackages, findProgram, firstLine } from '../../setup/system-packages.mjs'
import type { Certificates } from './certificates.ts'
import { issueCertificates } from './certificates.ts'
import { freePort } from './free-port.ts'
import { redisCommand, type RedisReply } from './redis-command.ts'
import { ServiceProcess } from './service-process.ts'
import { ServiceUnavailableError } from './service-unavailable.ts'
import { noteUse } from './usage-log.ts'

export interface RedisOptions {
  /** Default a free one. */
  readonly port?: number
  /** Lines of `redis.conf` by their first word, over the defaults: an append-only file, synced with each write. */
  readonly config?: Readonly<Record<string, string>>
  /** Of the default user. Default: none is needed. */
  readonly password?: string
  /** Listens with TLS besides, see `tls`. Default false. */
  readonly secured?: boolean
}

/** A Redis of this process's own on loopback. It keeps its data and port over kill and start. */
export interface RedisServer extends Pick<ServiceProcess, 'start' | 'kill' | 'pause' | 'resume'> {
  readonly version: string
  readonly port: number
  /** `redis://127.0.0.1:<port>`, without the password. */
  readonly url: string
  /** Where `secured` was asked for. */
  readonly tls: { readonly port: number; readonly certificates: Certificates } | undefined
  readonly pid: number | undefined
  /** Runs a command on a connection of its own, as `redis-cli` does. */
  command(...words: string[]): Promise<RedisReply>
  /** Kills and starts it, with its data or without. */
  restart(data?: 'kept' | 'lost'): Promise<void>
  /** Kills it and removes its folder. */
  stop(): Promise<void>
}

interface RedisSoftware {
  readonly version: string
  readonly program: string
}

let found: Promise<RedisSoftware> | undefined

/** Finds or installs Redis. Throws ServiceUnavailableError where that cannot be. */
export function redisSoftware(): Promise<RedisSoftware> {
  found ??= find()
  return found
}

async function find(): Promise<RedisSoftware> {
  const missing = findProgram('redis-server') ? undefined : await ensureSystemPackages(['redis-server'])
  const program = findProgram('redis-server')
  if (!program) throw new ServiceUnavailableError(`no Redis: ${missing ?? 'redis-server is not on the PATH'}`)
  const version = /\bv=(\d+\.\d+\.\d+)/.exec(firstLine(program, ['--version']) ?? '')?.[1] ?? 'of unknown version'
  return { version, program }
}

/** Starts Redis. Throws ServiceUnavailableError where there is none to be had. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const layout = await prepare(options)
  const server = await launch(layout)
  const { dir, port, software, tls } = layout
  const stop = async (): Promise<void> => {
    await server.kill()
    await rm(dir, { recursive: true, force: true })
  }
  return {
    version: software.version,
    port,
    url: `redis://127.0.0.1:${port}`,
    tls,
    get pid() {
      return server.pid
    },
    command: (...words) => redisCommand({ port, password: options.password }, words),
    start: () => server.start(),
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: async (data = 'kept') => {
      await server.kill()
      if (data === 'lost') {
        await rm(join(dir, 'data'), { recursive: true, force: true })
        await mkdir(join(dir, 'data'))
      }
      await server.start()
    },
    stop,
  }
}

interface Layout {
  readonly software: RedisSoftware
  readonly dir: string
  readonly configFile: string
  readonly port: number
  readonly password: string | undefined
  readonly tls: RedisServer['tls']
  readonly isSentinel: boolean
}

async function prepare({ port: wanted, config = {}, password, secured = false }: RedisOptions): Promise<Layout> {
  const software = await redisSoftware()
  noteUse({ service: `Redis ${software.version}`, origin: software.program })
  const dir = await mkdtemp(join(tmpdir(), 'connect-run-redis-'))
  await mkdir(join(dir, 'data'))
  const port = wanted ?? (await freePort())
  const certificates = secured ? await issueCertificates(join(dir, 'certificates')) : undefined
  const tls = certificates && { port: await freePort(), certificates }
  const configFile = join(dir, 'redis.conf')
  await writeFile(configFile, configText({ ...defaults(dir, port), ...secrets(password), ...secure(tls), ...config }))
  return { software, dir, configFile, port, password, tls, isSentinel: Object.keys(config).some(isOfSentinel) }
}

function isOfSentinel(directive: string): boolean {
  return directive.startsWith('sentinel ')
}

function defaults(dir: string, port: number): Readonly<Record<string, string>> {
  return {
    bind: '127.0.0.1',
    port: String(port),
    dir: join(dir, 'data'),
    save: '""',
    appendonly: 'yes',
    appendfsync: 'always',
    'repl-diskless-sync-delay': '0',
  }
}

function secrets(password: string | undefined): Readonly<Record<string, string>> {
  return password === undefined ? {} : { requirepass: JSON.stringify(password), masterauth: JSON.stringify(password) }
}

function secure(tls: RedisServer['tls']): Readonly<Record<string, string>> {
  if (tls === undefined) return {}
  const { caFile, certFile, keyFile } = tls.certificates
  return {
    'tls-port': String(tls.port),
    'tls-ca-cert-file': caFile,
    'tls-cert-file': certFile,
    'tls-key-file': keyFile,
    'tls-auth-clients': 'no',
  }
}

function configText(lines: Readonly<Record<string, string>>): string {
  return Object.entries(lines)
    .map(([directive, value]) => `${directive} ${value}\n`)
    .join('')
}

async function launch({ software, dir, configFile, port, password, isSentinel }: Layout): Promise<ServiceProcess> {
  const server = new ServiceProcess({
    name: `Redis ${software.version} at port ${port}`,
    command: [software.program, configFile, ...(isSentinel ? ['--sentinel'] : [])],
    logFile: join(dir, 'redis.log'),
    ready: async () => (await redisCommand({ port, password, timeoutMs: 1000 }, ['PING'])) === 'PONG',
    readyTimeoutMs: 30_000,
    scratch: dir,
  })
  try {
    await server.start()
  } catch (error) {
    await rm(dir, { recursive: true, force: true })
    throw error
  }
  return server
}
