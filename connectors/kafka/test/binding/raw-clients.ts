import { randomUUID } from 'node:crypto'
import Kafka, {
  type Client,
  type KafkaConsumer,
  type LibrdKafkaError,
  type PackedBatch,
  type PackedFailure,
  type PackedLimits,
  type PackedRange,
  type PackedRecords,
  type Producer,
} from '@connect-run/connector-kafka/client'
import { pollUntil } from '@connect-run/testkit'
import type { KafkaTopics, TopicOptions } from '@connect-run/testkit/services'

export type Properties = Readonly<Record<string, unknown>>

/** The binding's calls as promises. */
export function call<T>(start: (done: (error: LibrdKafkaError | null, result?: T) => void) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => (error ? reject(asError(error)) : resolve(result as T)))
  })
}

/** The binding's errors are no Errors for jest, which has globals of its own. */
function asError({ message, code }: LibrdKafkaError): Error & { code: number } {
  return Object.assign(new Error(message), { code })
}

/** Makes topics with names of their own. */
export function topicMaker(topics: KafkaTopics): (options?: TopicOptions) => Promise<string> {
  return async (options) => {
    const topic = `packed-${randomUUID()}`
    await topics.createTopic(topic, options)
    return topic
  }
}

/** Opens clients, and closes at `close` those that are still open. */
export class RawClients {
  readonly #bootstrap: string
  readonly #open: Client<string>[] = []

  constructor(bootstrap: string) {
    this.#bootstrap = bootstrap
  }

  async producer(properties: Properties = {}, topicProperties: Properties = {}): Promise<Producer> {
    const global = { 'bootstrap.servers': this.#bootstrap, 'linger.ms': 0, ...properties }
    return this.#connected(new Kafka.Producer(global as never, topicProperties as never))
  }

  async consumer(properties: Properties = {}, topicProperties: Properties = {}): Promise<KafkaConsumer> {
    const global = {
      'bootstrap.servers': this.#bootstrap,
      'group.id': `raw-${randomUUID()}`,
      'enable.auto.commit': false,
      'fetch.wait.max.ms': 20,
      'fetch.queue.backoff.ms': 10,
      ...properties,
    }
    const topic = { 'auto.offset.reset': 'earliest', ...topicProperties }
    return this.#connected(new Kafka.KafkaConsumer(global as never, topic as never))
  }

  async close(): Promise<void> {
    for (const client of this.#open.splice(0)) {
      if (!client.isConnected()) continue
      if (client instanceof Kafka.Producer) await call((done) => client.disconnect(0, done as never))
      else await call((done) => client.disconnect(done as never))
    }
  }

  async #connected<C extends Client<string>>(client: C): Promise<C> {
    await call((done) => client.connect({ allTopics: false, topic: '', timeout: 10_000 }, done as never))
    this.#open.push(client)
    return client
  }
}

export interface RawRecord {
  readonly value: Buffer | null
  readonly key?: Buffer | null
  readonly timestamp?: number
  readonly headers?: readonly (readonly [name: string, value: Buffer | null])[]
}

export interface ReadRecord extends Required<RawRecord> {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampType: number
}

export function values(count: number, prefix = 'value '): RawRecord[] {
  return Array.from({ length: count }, (_, i) => ({ value: Buffer.from(`${prefix}${i}`) }))
}

/** Columns as a caller of producePacked makes them. */
export function pack(records: readonly RawRecord[]): PackedRecords {
  const chunks: Buffer[] = []
  let size = 0
  const add = (bytes: Buffer | null): [number, number] => {
    if (bytes === null) return [0, -1]
    chunks.push(bytes)
    size += bytes.length
    return [size - bytes.length, size]
  }
  const ranges = records.map(({ value, key = null }) => [...add(value), ...add(key)])
  const headers: number[] = []
  for (const [index, record] of records.entries()) {
    for (const [name, value] of record.headers ?? []) headers.push(index, ...add(Buffer.from(name)), ...add(value))
  }
  return {
    n: records.length,
    buffer: Buffer.concat(chunks),
    valueStart: Int32Array.from(ranges, (range) => range[0]!),
    valueEnd: Int32Array.from(ranges, (range) => range[1]!),
    keyStart: Int32Array.from(ranges, (range) => range[2]!),
    keyEnd: Int32Array.from(ranges, (range) => range[3]!),
    timestamp: Float64Array.from(records, ({ timestamp = 0 }) => timestamp),
    headers: headers.length === 0 ? null : Int32Array.from(headers),
  }
}

export function unpack(batch: PackedBatch): ReadRecord[] {
  const bytes = (start: number, end: number): Buffer | null => (end < 0 ? null : batch.buffer.subarray(start, end))
  const headers = Array.from({ length: batch.n }, () => [] as [string, Buffer | null][])
  for (let i = 0; batch.headers && i < batch.headers.length; i += 5) {
    const [index, from, to, start, end] = batch.headers.subarray(i, i + 5)
    headers[index!]!.push([batch.buffer.toString('utf8', from, to), bytes(start!, end!)])
  }
  return headers.map((list, i) => ({
    topic: batch.topics[batch.topic[i]!]!,
    partition: batch.partition[i]!,
    offset: batch.offset[i]!,
    timestamp: batch.timestamp[i]!,
    timestampType: batch.timestampType[i]!,
    key: bytes(batch.keyStart[i]!, batch.keyEnd[i]!),
    value: bytes(batch.valueStart[i]!, batch.valueEnd[i]!),
    headers: list,
  }))
}

export interface Produced {
  readonly taken: number
  /** Resolves when all that were taken are settled. */
  readonly failed: Promise<PackedFailure[] | null>
}

export function produce(
  producer: Producer,
  topic: string,
  batch: PackedRecords,
  { partition = null, ...range }: PackedRange & { partition?: number | null } = {},
): Produced {
  let settle!: (failed: PackedFailure[] | null) => void
  const failed = new Promise<PackedFailure[] | null>((resolve) => (settle = resolve))
  return { taken: producer.producePacked(topic, partition, batch, range, settle), failed }
}

export function fetch(consumer: KafkaConsumer, limits: PackedLimits = {}): Promise<PackedBatch> {
  const defaults = { maxRecords: 10_000, timeoutMs: 100, lingerMs: 10 }
  return call((done) => consumer.consumePacked({ ...defaults, ...limits }, done))
}

/** Batches until `enough`, each of them unpacked. */
export async function fetchUntil(
  consumer: KafkaConsumer,
  enough: (records: readonly ReadRecord[], batch: PackedBatch) => boolean,
  limits: PackedLimits = {},
): Promise<ReadRecord[]> {
  const records: ReadRecord[] = []
  await pollUntil(
    async () => {
      const batch = await fetch(consumer, limits)
      for (const record of unpack(batch)) records.push(record)
      if (enough(records, batch)) return true
      if (batch.errors.length > 0) throw asError(batch.errors[0]!)
      return false
    },
    { what: 'enough records', intervalMs: 0, timeoutMs: 60_000 },
  )
  return records
}

export function fetchCount(consumer: KafkaConsumer, count: number, limits?: PackedLimits): Promise<ReadRecord[]> {
  return fetchUntil(consumer, (records) => records.length >= count, limits)
}
