import { unlessAborted } from '@connect-run/core'
import Kafka, { type Metadata, type Producer } from '../client.ts'
import type { ClientSettings } from '../librdkafka-settings.ts'
import { type ClientLibrary, Connection, type ConnectionEvents, answer, attempt } from './connection.ts'
import { messageSend } from './message-send.ts'
import { hasPackedCalls } from './packed-calls.ts'
import { packedSend } from './packed-send.ts'
import type { NewTopic, OutgoingRecords, ProducerClient, SendFailure, TransactionCalls } from './producer-client.ts'
import { transactionCalls } from './transaction-calls.ts'

/** How often events are fetched: lost connections, refused logins, lines of librdkafka's log. */
const EVENTS_MS = 100

/** A producer; records go by the packed call, or by the published one. */
class RdkafkaProducer implements ProducerClient {
  readonly #settings: ClientSettings
  readonly #producer: Producer
  readonly #connection: Connection
  readonly #send: (topic: string, records: OutgoingRecords, signal: AbortSignal) => Promise<SendFailure[]>
  readonly transactions: TransactionCalls
  #timer: NodeJS.Timeout | undefined

  constructor(settings: ClientSettings, events: ConnectionEvents, packed: boolean) {
    this.#settings = settings
    this.#producer = new Kafka.Producer(packed ? settings.global : { ...settings.global, dr_cb: true }, settings.topic)
    if (settings.token !== undefined) this.#producer.setOauthBearerToken(settings.token)
    this.#connection = new Connection(this.#producer, events)
    this.transactions = transactionCalls(this.#producer)
    this.#send = packed ? packedSend(this.#producer) : messageSend(this.#producer, () => this.#poll())
  }

  async connect(timeoutMs: number): Promise<void> {
    // Why nobody answers is an event as well.
    const events = setInterval(() => {
      if (this.#producer.isConnected()) this.#producer.poll()
    }, EVENTS_MS)
    try {
      await this.#connection.connect(timeoutMs)
    } finally {
      clearInterval(events)
    }
    this.#timer = setInterval(() => this.#poll(), EVENTS_MS).unref()
  }

  async send(topic: string, records: OutgoingRecords, signal: AbortSignal): Promise<SendFailure[]> {
    signal.throwIfAborted()
    return unlessAborted(this.#send(topic, records, signal), signal)
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
    clearInterval(this.#timer)
    // What it still holds is given up: nobody waits for it any more.
    await this.#connection.disconnect((done) => this.#producer.disconnect(0, done))
  }

  #poll(): void {
    if (this.#connection.connected) this.#producer.poll()
  }
}

/** The admin client takes only what concerns connections. */
function adminSettings({ global }: ClientSettings, brokers: unknown): Record<string, unknown> {
  const shared = Object.entries(global).filter(([name]) => /^(ssl|sasl|security|socket|client|broker)\./.test(name))
  return { 'bootstrap.servers': brokers, ...Object.fromEntries(shared) }
}

export const producerLibrary: ClientLibrary<ProducerClient, ConnectionEvents> = {
  features: Kafka.features,
  packed: hasPackedCalls,
  open: (settings, events, packed) => attempt(() => new RdkafkaProducer(settings, events, packed)),
}
