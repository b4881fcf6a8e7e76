import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { ConnectError, RetriableError, type TlsConfig, isPem } from '@connect-run/core'
import { type RedisStateConfig, stateLocation } from '@connect-run/core/runtime'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { stateError } from './redis-errors.ts'
import { type Wait, unmet } from './wait.ts'

export type RedisClient = Redis | Cluster

/** What may be asked of a client, whichever kind it is. */
export type ClientOptions = Pick<
  RedisOptions,
  | 'enableOfflineQueue'
  | 'autoResendUnfulfilledCommands'
  | 'maxRetriesPerRequest'
  | 'commandTimeout'
  | 'socketTimeout'
  | 'connectionName'
>

const CONNECT_MS = 5000
const MAX_RECONNECT_MS = 2000
/** A call must not outlast the lease that it renews, nor keep a stop waiting; durability is waited for besides. */
const [MIN_CALL_MS, MAX_CALL_MS] = [1000, 5000]

/** Makes a client that connects, and connects again whenever that is needed. Its errors must be listened to. */
export function connectRedis(config: RedisStateConfig, options: ClientOptions = {}): RedisClient {
  const { mode, hosts, database: db, primary: name, username, password, tls, sentinel } = config
  const shared = {
    protocol: 2 as const,
    disableClientInfo: true,
    connectTimeout: CONNECT_MS,
    // After a failover the primary is elsewhere.
    reconnectOnError: ({ message }: Error) => message.startsWith('READONLY'),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
    ...options,
  }
  if (mode === 'cluster') {
    const { enableOfflineQueue = true, ...redisOptions } = shared
    return new Cluster([...hosts], { redisOptions, enableOfflineQueue, clusterRetryStrategy: reconnectDelay })
  }
  if (mode === 'single') return new Redis({ ...shared, ...hosts[0]!, db, retryStrategy: reconnectDelay })
  return new Redis({
    ...shared,
    ...(name === undefined ? {} : { name }),
    db,
    sentinels: [...hosts],
    ...(sentinel?.username === undefined ? {} : { sentinelUsername: sentinel.username }),
    ...(sentinel === undefined ? {} : { sentinelPassword: sentinel.password }),
    enableTLSForSentinelMode: tls !== undefined,
    retryStrategy: reconnectDelay,
    sentinelRetryStrategy: reconnectDelay,
  })
}

/** Grows, and differs between workers that have lost the same server. */
function reconnectDelay(attempt: number): number {
  return Math.min(MAX_RECONNECT_MS, 50 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2)
}

function tlsOptions({ ca, cert, key, keyPassword, verify = true }: TlsConfig): ConnectionOptions {
  return {
    rejectUnauthorized: verify,
    ...(ca === undefined ? {} : { ca: pem(ca) }),
    ...(cert === undefined ? {} : { cert: pem(cert) }),
    ...(key === undefined ? {} : { key: pem(key) }),
    ...(keyPassword === undefined ? {} : { passphrase: keyPassword }),
  }
}

function pem(textOrPath: string): string {
  if (isPem(textOrPath)) return textOrPath
  try {
    return readFileSync(textOrPath, 'utf8')
  } catch (error) {
    throw new ConnectError('FILE_UNREADABLE', `can't read a certificate of \`state.tls\`: ${(error as Error).message}`)
  }
}

export type Reply = string | number | null | readonly Reply[]

/** How a command of a task is sent: at most once, and rejected rather than kept while there is no connection. */
export class StateConnection {
  readonly location: string
  readonly #client: RedisClient
  /** How long a call may take, in milliseconds. */
  readonly #timeoutMs: number
  /** What the client met last; the calls that fail for it don't say. */
  #trouble: string | undefined
  #awaited: Promise<void> | undefined

  constructor(config: RedisStateConfig, onReady: () => void) {
    this.location = stateLocation(config)
    this.#timeoutMs = Math.min(MAX_CALL_MS, Math.max(MIN_CALL_MS, config.leaseMs / 5)) + config.durability.timeoutMs
    this.#client = connectRedis(config, {
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: this.#timeoutMs,
      socketTimeout: 3 * this.#timeoutMs,
    })
    this.#client.on('error', (error: Error & { lastNodeError?: Error }) => {
      this.#trouble = (error.lastNodeError ?? error).message
    })
    this.#client.on('ready', () => {
      this.#trouble = undefined
      onReady()
    })
  }

  /** Resolves when the server can be asked; rejects when that takes too long. */
  async ready(): Promise<void> {
    if (this.#client.status === 'ready') return
    this.#awaited ??= this.#becomesReady().finally(() => (this.#awaited = undefined))
    await this.#awaited
  }

  async #becomesReady(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        this.#client.off('ready', settle)
        this.#client.off('end', settle)
        if (this.#client.status === 'ready') resolve()
        else reject(this.failure(new Error('Connection is closed')))
      }
      const timer = setTimeout(settle, this.#timeoutMs)
      this.#client.once('ready', settle)
      this.#client.once('end', settle)
    })
  }

  /** Runs a script and, on the same connection, what waits until its changes are durable. */
  async run(script: string, keys: readonly string[], args: readonly string[], wait?: Wait): Promise<Reply> {
    try {
      const pipeline = this.#client.pipeline()
      pipeline.eval(script, keys.length, ...keys, ...args)
      if (wait !== undefined) pipeline.call(wait.command[0]!, ...wait.command.slice(1))
      const [said, waited] = (await pipeline.exec()) ?? []
      if (said === undefined) throw new Error('Connection is closed')
      if (said[0] !== null) throw said[0]
      const reply = said[1] as Reply
      if (wait !== undefined && hasChanged(reply)) checkWait(wait, waited, this.location)
      return reply
    } catch (error) {
      throw this.failure(error)
    }
  }

  async call(command: string, ...args: readonly string[]): Promise<Reply> {
    try {
      return (await this.#client.call(command, ...args)) as Reply
    } catch (error) {
      throw this.failure(error)
    }
  }

  /** Asks each server that takes writes. Rejects where none of them answers: a cluster may lack a node for a while. */
  async onEach<T>(ask: (server: Redis) => Promise<T>): Promise<T[]> {
    const servers = this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client]
    const asked = await Promise.allSettled(servers.map(ask))
    const answers = asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
    const failed = asked.find((each) => each.status === 'rejected')
    if (answers.length > 0) return answers
    throw this.failure(failed?.reason ?? new Error('Connection is closed'))
  }

  failure(error: unknown): Error {
    return stateError(error, this.location, this.#trouble)
  }

  close(): void {
    this.#client.disconnect()
  }
}

/** Whether a script has done what it was asked for. */
function hasChanged(reply: Reply): boolean {
  return Array.isArray(reply) && (reply[0] === 'done' || reply[0] === 'claimed')
}

type Waited = readonly [Error | null, unknown] | undefined

function checkWait(wait: Wait, waited: Waited, location: string): void {
  if (waited === undefined) throw new Error('Connection is closed')
  if (waited[0] !== null) throw waited[0]
  const why = unmet(wait, waited[1])
  if (why === undefined) return
  throw new RetriableError('STATE_UNWRITABLE', `Redis at ${location} has not made a write durable: ${why} in time`, {
    hint: 'see how disk and replicas are, or change `state.durability`; positions stay where they are until then',
  })
}
