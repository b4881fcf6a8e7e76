import Kafka, { type KafkaConsumer, type LibrdKafkaError, type Message } from '@connect-run/connector-kafka/client'
import { pollUntil } from '../poll-until.ts'
import { kafkaAt } from '../services/kafka-topics.ts'

const BEGINNING = -2 // RD_KAFKA_OFFSET_BEGINNING
const CAUGHT_UP_MS = 120_000
const MOST_MESSAGES = 5000

/** Follows a topic from its beginning with `read_committed`, also while brokers come and go. */
export class TopicTail {
  readonly #bootstrap: string
  readonly #topic: string
  readonly #onMessage: (message: Message) => void
  readonly #consumer: KafkaConsumer
  /** Up to where each partition was read when there was no more; this passes transaction markers too. */
  readonly #ended = new Map<number, number>()
  #partitions: readonly number[] = []
  #isOpen = true
  #loop: Promise<void> | undefined
  #read = 0

  constructor(bootstrap: string, topic: string, onMessage: (message: Message) => void) {
    this.#bootstrap = bootstrap
    this.#topic = topic
    this.#onMessage = onMessage
    const properties = {
      'bootstrap.servers': bootstrap,
      'group.id': `torture-${process.pid}`,
      'enable.auto.commit': false,
      'enable.partition.eof': true,
      'isolation.level': 'read_committed',
      'fetch.wait.max.ms': 50,
    } as const
    this.#consumer = new Kafka.KafkaConsumer(properties, {})
    this.#consumer.on('event.error', () => {}) // reconnecting is the client's own affair
    this.#consumer.on('partition.eof', ({ partition, offset }) => this.#ended.set(partition, offset))
  }

  /** Messages so far. */
  get read(): number {
    return this.#read
  }

  async open(): Promise<void> {
    const [consumer, topic] = [this.#consumer, this.#topic]
    await connected(consumer)
    this.#partitions = Object.keys(await kafkaAt(this.#bootstrap).leaders(topic)).map(Number)
    consumer.setDefaultConsumeTimeout(100)
    consumer.assign(this.#partitions.map((partition) => ({ topic, partition, offset: BEGINNING })))
    this.#loop = this.#follow()
  }

  /** Resolves when all that was there at the call has been read. */
  async caughtUp(): Promise<void> {
    const topic = this.#topic
    // A leader that has just been elected, or comes back, may refuse for a moment.
    const ends = await pollUntil(() => kafkaAt(this.#bootstrap).endOffsets(topic), { what: `the end of ${topic}` })
    const isThere = (): boolean => this.#partitions.every((id) => (this.#ended.get(id) ?? -1) >= ends[id]!)
    await pollUntil(isThere, { timeoutMs: CAUGHT_UP_MS, what: `${topic} is read to its end` })
  }

  /** A partition that is read less far than it goes has an open transaction, or is not reachable. */
  async describe(): Promise<string> {
    const ends = await kafkaAt(this.#bootstrap).endOffsets(this.#topic)
    return this.#partitions.map((id) => `${id}: read to ${this.#ended.get(id) ?? '-'} of ${ends[id] ?? '-'}`).join(', ')
  }

  async close(): Promise<void> {
    this.#isOpen = false
    await this.#loop
    await new Promise((resolve) => this.#consumer.disconnect(resolve))
  }

  async #follow(): Promise<void> {
    while (this.#isOpen) {
      const messages = await consumed(this.#consumer)
      for (const message of messages) this.#onMessage(message)
      this.#read += messages.length
    }
  }
}

function connected(consumer: KafkaConsumer): Promise<void> {
  return new Promise((resolve, reject) => {
    consumer.connect({ allTopics: false, timeout: 30_000 }, (error: LibrdKafkaError | null) =>
      error ? reject(new Error(error.message)) : resolve(),
    )
  })
}

/** Nothing where the brokers do not answer. */
function consumed(consumer: KafkaConsumer): Promise<readonly Message[]> {
  return new Promise((resolve) => {
    consumer.consume(MOST_MESSAGES, (error: LibrdKafkaError | null, messages: Message[]) =>
      resolve(error ? [] : messages),
    )
  })
}
