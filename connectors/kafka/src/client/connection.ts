import type { Client, LibrdKafkaError } from '../client.ts'
import type { ClientSettings } from '../librdkafka-settings.ts'
import { setTimeout as delay } from 'node:timers/promises'
import type { KafkaError } from '../kafka-error.ts'
import { kafkaError } from './native-errors.ts'

/** What a client tells besides answers to calls. Called from librdkafka's events, never re-entrantly. */
export interface ConnectionEvents {
  /** A connection failed or all are down, a login was refused, … */
  error(error: KafkaError): void
  /** A line of librdkafka's own log; level as in syslog, 3 is an error. */
  log(level: number, text: string): void
}

/** The addon, once it is loaded. */
export interface ClientLibrary<Made, Events> {
  /** What librdkafka was built with: `ssl`, `zstd`, … */
  readonly features: readonly string[]
  /** Whether it has the calls for packed batches, which a patch of node-rdkafka adds. */
  readonly packed: boolean
  /** Makes a client, of packed batches or of single messages; throws a KafkaError about settings that it does not take. */
  open(settings: ClientSettings, events: Events, packed: boolean): Made
}

const FATAL_LOG_MS = 200

/** "Broker transport failure" and "all brokers are down" follow a cause, such as a certificate, and say less. */
const SAYS_LESS: ReadonlySet<number> = new Set([-195, -187])

/** Promises around the binding's client, and what went wrong last. */
export class Connection {
  readonly #client: Client<string>
  #state: 'new' | 'connected' | 'closed' = 'new'
  #lastCause: KafkaError | undefined
  #lastLog: string | undefined
  #fatalLog: string | undefined

  constructor(client: Client<string>, events: ConnectionEvents) {
    this.#client = client
    client.on('event.error', (raw: LibrdKafkaError) => {
      const error = this.#withReason(kafkaError(raw))
      if (!SAYS_LESS.has(error.code) || this.#lastCause === undefined) this.#lastCause = error
      events.error(error)
    })
    client.on('event.log', (line: { severity: number; fac: string; message: string }) => {
      // A broker that hangs up is no error to librdkafka, and may be all that tells of a wrong listener.
      if (line.severity <= 3 || line.fac === 'FAIL') this.#lastLog = line.message
      if (line.severity === 0) this.#fatalLog ??= line.message
      events.log(line.severity, line.message)
    })
  }

  get connected(): boolean {
    return this.#state === 'connected'
  }

  /** Connects and waits for one broker to answer. A failed connection can't be used again. */
  async connect(timeoutMs: number): Promise<void> {
    try {
      await answer((done) => this.#client.connect({ allTopics: false, timeout: timeoutMs }, done))
      this.#state = 'connected'
    } catch (error) {
      this.#state = 'closed'
      throw this.#explain(error as KafkaError)
    }
  }

  async disconnect(close: (done: () => void) => unknown = (done) => this.#client.disconnect(done)): Promise<void> {
    if (this.#state !== 'connected') return
    this.#state = 'closed'
    await new Promise<void>((resolve) => close(resolve))
  }

  /** Partitions of every topic that there is. Creates none. */
  async topics(timeoutMs: number): Promise<ReadonlyMap<string, number>> {
    const metadata = await answer<{ topics: readonly { name: string; partitions: readonly unknown[] }[] }>((done) =>
      this.#client.getMetadata({ allTopics: true, timeout: timeoutMs }, done),
    )
    return new Map(metadata.topics.map(({ name, partitions }) => [name, partitions.length]))
  }

  /** The error; a fatal one with its reason, which only stands in librdkafka's log, a moment later. */
  async explained(error: KafkaError): Promise<KafkaError> {
    if (error.fatal && this.#fatalLog === undefined) await delay(FATAL_LOG_MS)
    return this.#withReason(error)
  }

  #withReason(error: KafkaError): KafkaError {
    if (error.fatal && this.#fatalLog !== undefined) error.message = detail(this.#fatalLog)
    return error
  }

  /** A time-out says little; the failed attempt before it says why. */
  #explain(error: KafkaError): KafkaError {
    if (!SAYS_LESS.has(error.code) && error.code !== -185) return error
    const cause = this.#lastCause ?? error
    if (this.#lastLog !== undefined) cause.message = detail(this.#lastLog)
    return cause
  }
}

/** librdkafka's line without thread name, timing and count of repetitions. */
export function detail(line: string): string {
  return line.replace(/^\[thrd:[^\]]*\]: /, '').replace(/\s+\(after \d+ms in state .*\)$/, '')
}

/** A call of the binding as a promise that rejects with a KafkaError. */
export function answer<T = void>(
  call: (done: (error: LibrdKafkaError | null | undefined, result?: unknown) => void) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error) reject(kafkaError(error))
      else resolve(result as T)
    })
  })
}

/** Throws what the binding throws, as a KafkaError. */
export function attempt<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw kafkaError(error)
  }
}
