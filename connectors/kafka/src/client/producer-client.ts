import type { Header } from '@connect-run/core'
import Kafka, {
  type DeliveryReport,
  type LibrdKafkaError,
  type MessageHeader,
  type Metadata,
  type Producer,
} from '../client.ts'
import type { ClientSettings } from '../librdkafka-settings.ts'
import { type ClientLibrary, Connection, type ConnectionEvents, answer, attempt } from './connection.ts'
import type { KafkaError } from '../kafka-error.ts'
import { kafkaError } from './native-errors.ts'

/** Records on their way out, in columns. */
export interface OutgoingRecords {
  readonly topics: readonly string[]
  readonly keys: readonly (Buffer | null)[]
  readonly values: readonly (Buffer | null)[]
  /** Milliseconds since 1970; -1 takes the time of sending. */
  readonly timestamps: readonly number[]
  /** Only of records that have some; text, see `headerProblem`. */
  readonly headers: ReadonlyMap<number, readonly Header[]>
}

export interface SendFailure {
  /** Index in the records. */
  readonly row: number
  readonly error: KafkaError
}

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor: number
  readonly config: Readonly<Record<string, string>>
}

/** All that the connector asks of a producer. Calls that fail reject with a KafkaError. */
export interface ProducerClient {
  connect(timeoutMs: number): Promise<void>
  /**
   * Sends some rows in order and resolves when every one is acknowledged or has failed, with the failures by row.
   * Rejects with the signal's reason when it aborts; rows then may still arrive. One call at a time.
   */
  send(records: OutgoingRecords, rows: readonly number[], signal: AbortSignal): Promise<SendFailure[]>
  /** Names of the topics that there are. */
  topics(timeoutMs: number): Promise<ReadonlyMap<string, number>>
  createTopic(topic: NewTopic, timeoutMs: number): Promise<void>
  /**
   * Asks for one topic, which makes brokers that create topics by themselves do so. Resolves with whether it is there
   * now.
   */
  touchTopic(name: string, timeoutMs: number): Promise<boolean>
  disconnect(): Promise<void>
}

const QUEUE_FULL = -184
/** How often delivery reports are fetched while some are awaited, and events otherwise. */
const POLL_BUSY_MS = 1
const POLL_IDLE_MS = 100

// librdkafka takes a buffer without memory behind it for null.
const EMPTY = Buffer.from('x').subarray(0, 0)

/** One call of `send`. Its rows are numbered on, so that reports of an abandoned call are told apart. */
interface Sending {
  readonly first: number
  readonly rows: readonly number[]
  readonly failures: SendFailure[]
  unsettled: number
  readonly done: () => void
}

class RdkafkaProducer implements ProducerClient {
  readonly #settings: ClientSettings
  readonly #producer: Producer
  readonly #connection: Connection
  #sending: Sending | undefined
  #next = 0
  #timer: NodeJS.Timeout | undefined

  constructor(settings: ClientSettings, events: ConnectionEvents) {
    this.#settings = settings
    this.#producer = new Kafka.Producer({ ...settings.global, dr_cb: true }, settings.topic)
    if (settings.token !== undefined) this.#producer.setOauthBearerToken(settings.token)
    this.#connection = new Connection(this.#producer, events)
    this.#producer.on('delivery-report', (error, report) => this.#delivered(error, report))
  }

  async connect(timeoutMs: number): Promise<void> {
    await this.#connection.connect(timeoutMs)
    this.#schedulePoll()
  }

  send(records: OutgoingRecords, rows: readonly number[], signal: AbortSignal): Promise<SendFailure[]> {
    if (rows.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      const failures: SendFailure[] = []
      const finish = (settle: () => void): void => {
        signal.removeEventListener('abort', abort)
        this.#sending = undefined
        settle()
      }
      const abort = (): void => finish(() => reject(signal.reason as Error))
      if (signal.aborted) return abort()
      signal.addEventListener('abort', abort, { once: true })
      const done = (): void => finish(() => resolve(failures.sort((one, other) => one.row - other.row)))
      const sending: Sending = { first: this.#next, rows, failures, unsettled: rows.length, done }
      this.#sending = sending
      this.#next += rows.length
      this.#schedulePoll()
      void this.#produceAll(sending, records)
    })
  }

  topics(timeoutMs: number): Promise<ReadonlyMap<string, number>> {
    return this.#connection.topics(timeoutMs)
  }

  async createTopic({ name, partitions, replicationFactor, config }: NewTopic, timeoutMs: number): Promise<void> {
    const { 'bootstrap.servers': brokers } = this.#settings.global
    const admin = Kafka.AdminClient.create(adminSettings(this.#settings, brokers), this.#settings.token)
    const topic = { topic: name, num_partitions: partitions, replication_factor: replicationFactor, config }
    try {
      await answer((done) => admin.createTopic(topic, timeoutMs, done))
    } finally {
      admin.disconnect()
    }
  }

  async touchTopic(topic: string, timeoutMs: number): Promise<boolean> {
    const { topics } = await answer<Metadata>((done) =>
      this.#producer.getMetadata({ topic, allTopics: false, timeout: timeoutMs }, done),
    )
    return topics.some(({ name, partitions }) => name === topic && partitions.length > 0)
  }

  async disconnect(): Promise<void> {
    clearTimeout(this.#timer)
    // What it still holds is given up: nobody waits for it any more.
    await this.#connection.disconnect((done) => this.#producer.disconnect(0, done))
  }

  /** Waits while the queue is full; its rows leave it by their time-out at the latest. */
  async #produceAll(sending: Sending, records: OutgoingRecords): Promise<void> {
    for (let i = 0; i < sending.rows.length && this.#sending === sending;) {
      const failure = this.#produce(sending.first + i, sending.rows[i]!, records)
      if (failure?.code === QUEUE_FULL) {
        await new Promise((resolve) => setTimeout(resolve, POLL_BUSY_MS))
        continue
      }
      if (failure !== undefined) this.#settle(sending, sending.rows[i]!, failure)
      i++
    }
  }

  #produce(number: number, row: number, records: OutgoingRecords): KafkaError | undefined {
    const { topics, keys, values, timestamps, headers } = records
    const time = timestamps[row]!
    const extra = headers.size === 0 ? undefined : toNative(headers.get(row))
    try {
      this.#producer.produce(
        topics[row]!,
        null,
        present(values[row]!),
        present(keys[row]!),
        time < 0 ? null : time,
        number,
        extra,
      )
      return undefined
    } catch (error) {
      return kafkaError(error)
    }
  }

  #delivered(error: LibrdKafkaError | null, report: DeliveryReport): void {
    const sending = this.#sending
    if (sending === undefined) return
    const index = (report.opaque as number) - sending.first
    const row = index < 0 ? undefined : sending.rows[index]
    if (row !== undefined) this.#settle(sending, row, error === null ? undefined : kafkaError(error))
  }

  #settle(sending: Sending, row: number, error: KafkaError | undefined): void {
    if (error !== undefined) sending.failures.push({ row, error })
    if (--sending.unsettled === 0) sending.done()
  }

  #schedulePoll(): void {
    clearTimeout(this.#timer)
    if (!this.#connection.connected) return
    this.#timer = setTimeout(
      () => {
        if (this.#connection.connected) this.#producer.poll()
        this.#schedulePoll()
      },
      this.#sending === undefined ? POLL_IDLE_MS : POLL_BUSY_MS,
    ).unref()
  }
}

function present(bytes: Buffer | null): Buffer | null {
  return bytes !== null && bytes.length === 0 ? EMPTY : bytes
}

function toNative(headers: readonly Header[] | undefined): MessageHeader[] | undefined {
  return headers?.map(({ key, value }) => ({ [key]: value!.toString('utf8') }))
}

/** The admin client takes only what concerns connections. */
function adminSettings({ global }: ClientSettings, brokers: unknown): Record<string, unknown> {
  const shared = Object.entries(global).filter(([name]) => /^(ssl|sasl|security|socket|client|broker)\./.test(name))
  return { 'bootstrap.servers': brokers, ...Object.fromEntries(shared) }
}

export const producerLibrary: ClientLibrary<ProducerClient, ConnectionEvents> = {
  features: Kafka.features,
  open: (settings, events) => attempt(() => new RdkafkaProducer(settings, events)),
}
