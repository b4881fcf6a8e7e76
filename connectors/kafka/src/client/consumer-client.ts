import { type Header, type PackedInput, type Partition, RecordBatch, packRecords } from '@connect-run/core'
import Kafka, { type EofEvent, type KafkaConsumer, type LibrdKafkaError, type Message } from '../client.ts'
import type { ClientSettings } from '../librdkafka-settings.ts'
import { type ClientLibrary, Connection, type ConnectionEvents, answer, attempt } from './connection.ts'
import { KafkaError } from '../kafka-error.ts'
import { describeCode, kafkaError } from './native-errors.ts'

export interface PartitionOffset extends Partition {
  readonly offset: number
}

/** What one fetch brought. */
export interface Fetched {
  /** In order within each partition; may hold rows of partitions that were given up meanwhile. */
  readonly batch: RecordBatch
  /** Partitions that are read up to their end, and that end. */
  readonly ends: readonly PartitionOffset[]
}

export interface ConsumerEvents extends ConnectionEvents {
  /** The group gave partitions: `assign` must follow, however late. */
  assigned(partitions: readonly Partition[]): void
  /** The group wants partitions back: `unassign` must follow, however late; nobody else gets them before. */
  revoked(partitions: readonly Partition[]): void
}

/** Where a partition's end, beginning or first record of a time is asked for. */
export type OffsetQuery = 'earliest' | 'latest' | { readonly atOrAfterMs: number }

/** All that the connector asks of a consumer. Calls that fail reject with, or throw, a {@link KafkaError}. */
export interface ConsumerClient {
  connect(timeoutMs: number): Promise<void>
  subscribe(topics: readonly string[]): void
  /**
   * One at a time. Waits up to `waitMs` for the first record. Also what serves assignments, commit results and
   * errors: it must be called again and again.
   */
  fetch(maxRecords: number, waitMs: number): Promise<Fetched>
  assign(starts: readonly PartitionOffset[]): void
  unassign(partitions: readonly Partition[]): void
  pause(partitions: readonly Partition[]): void
  resume(partitions: readonly Partition[]): void
  /** Resolves with the group's answer, which only comes while `fetch` is called. */
  commit(offsets: readonly PartitionOffset[]): Promise<void>
  /** Whether an answer to a commit is awaited. */
  readonly committing: boolean
  /** The group's position of each partition; undefined where it has none. */
  committed(partitions: readonly Partition[], timeoutMs: number): Promise<(number | undefined)[]>
  /** Undefined where no record is that young. */
  offsets(partitions: readonly Partition[], query: OffsetQuery, timeoutMs: number): Promise<(number | undefined)[]>
  topics(timeoutMs: number): Promise<ReadonlyMap<string, number>>
  disconnect(): Promise<void>
}

interface PendingCommit {
  readonly id: string
  readonly resolve: () => void
  readonly reject: (error: KafkaError) => void
}

/** The published binding: one object for each message, packed here. */
class RdkafkaConsumer implements ConsumerClient {
  readonly #consumer: KafkaConsumer
  readonly #connection: Connection
  #commits: PendingCommit[] = []
  #ends: PartitionOffset[] = []

  constructor(settings: ClientSettings, events: ConsumerEvents) {
    const { global, topic, token } = settings
    const callbacks = {
      rebalance_cb: (error: LibrdKafkaError, parts: TopicPartition[]) => this.#rebalanced(error, parts, events),
      offset_commit_cb: (error: LibrdKafkaError | undefined, parts: TopicPartition[]) => this.#committed(error, parts),
    }
    this.#consumer = new Kafka.KafkaConsumer({ ...global, ...callbacks }, topic)
    if (token !== undefined) this.#consumer.setOauthBearerToken(token)
    this.#consumer.on('partition.eof', (end: EofEvent) => this.#ends.push(fromNative(end)))
    this.#connection = new Connection(this.#consumer, events)
  }

  connect(timeoutMs: number): Promise<void> {
    return this.#connection.connect(timeoutMs)
  }

  subscribe(topics: readonly string[]): void {
    attempt(() => this.#consumer.subscribe([...topics]))
  }

  async fetch(maxRecords: number, waitMs: number): Promise<Fetched> {
    this.#consumer.setDefaultConsumeTimeout(waitMs)
    const messages = await answer<Message[]>((done) => this.#consumer.consume(maxRecords, done)).catch(
      (error: KafkaError) => this.#connection.rethrow(error),
    )
    const ends = this.#ends
    if (ends.length > 0) this.#ends = []
    return { batch: messages.length === 0 ? RecordBatch.empty : packRecords(messages.map(toInput)), ends }
  }

  assign(starts: readonly PartitionOffset[]): void {
    attempt(() => this.#consumer.incrementalAssign(starts.map(toNative)))
  }

  unassign(partitions: readonly Partition[]): void {
    const list = partitions.map(toNative)
    // While the client closes it has no protocol any more and takes only the plain call.
    if (this.#connection.connected) attempt(() => this.#consumer.incrementalUnassign(list))
    else attempt(() => this.#consumer.unassign())
  }

  pause(partitions: readonly Partition[]): void {
    if (partitions.length > 0) attempt(() => this.#consumer.pause(partitions.map(toNative)))
  }

  resume(partitions: readonly Partition[]): void {
    if (partitions.length > 0) attempt(() => this.#consumer.resume(partitions.map(toNative)))
  }

  get committing(): boolean {
    return this.#commits.length > 0
  }

  commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const id = commitId(offsets.map(toNative))
    return new Promise((resolve, reject) => {
      attempt(() => this.#consumer.commit(offsets.map(toNative)))
      this.#commits.push({ id, resolve, reject })
    })
  }

  async committed(partitions: readonly Partition[], timeoutMs: number): Promise<(number | undefined)[]> {
    const list = partitions.map(toNative)
    return inOrder(partitions, await answer((done) => this.#consumer.committed(list, timeoutMs, done)))
  }

  async offsets(
    partitions: readonly Partition[],
    query: OffsetQuery,
    timeoutMs: number,
  ): Promise<(number | undefined)[]> {
    if (partitions.length === 0) return []
    // Kafka's ListOffsets takes these two in the place of a time.
    const time = query === 'latest' ? -1 : query === 'earliest' ? -2 : query.atOrAfterMs
    const list = partitions.map((partition) => ({ ...toNative(partition), offset: time }))
    return inOrder(partitions, await answer((done) => this.#consumer.offsetsForTimes(list, timeoutMs, done)))
  }

  topics(timeoutMs: number): Promise<ReadonlyMap<string, number>> {
    return this.#connection.topics(timeoutMs)
  }

  async disconnect(): Promise<void> {
    await this.#connection.disconnect()
    for (const { reject } of this.#commits.splice(0)) reject(new KafkaError(-197, describeCode(-197)))
  }

  #rebalanced(raw: LibrdKafkaError, parts: readonly TopicPartition[], events: ConsumerEvents): void {
    const error = kafkaError(raw)
    if (error.code === -175) events.assigned(parts.map(fromNative))
    else if (error.code === -174) events.revoked(parts.map(fromNative))
    else events.error(error)
  }

  #committed(raw: LibrdKafkaError | undefined, parts: readonly TopicPartition[]): void {
    const id = commitId(parts)
    const index = this.#commits.findIndex((commit) => commit.id === id)
    const [commit] = index < 0 ? [] : this.#commits.splice(index, 1)
    const error = (raw as LibrdKafkaError | null | undefined) ?? undefined
    if (error === undefined) commit?.resolve()
    else commit?.reject(kafkaError(error))
  }
}

interface TopicPartition {
  topic: string
  partition: number
  offset?: number
}

// A partition without topic or number crashes the addon: every one that goes in is made here.
function toNative(partition: Partition & { readonly offset?: number }): TopicPartition & { offset: number } {
  const made: TopicPartition = { topic: partition.stream, partition: partition.partition }
  if (partition.offset !== undefined) made.offset = partition.offset
  return made as TopicPartition & { offset: number }
}

function fromNative({ topic, partition, offset = -1 }: TopicPartition): PartitionOffset {
  return { stream: topic, partition, offset }
}

function toInput(message: Message): PackedInput {
  return {
    stream: message.topic,
    partition: message.partition,
    offset: message.offset,
    timestamp: message.timestamp ?? -1,
    key: message.key as Buffer | null,
    value: message.value,
    headers: message.headers === undefined ? undefined : toHeaders(message.headers),
  }
}

function toHeaders(headers: readonly Record<string, unknown>[]): Header[] {
  return headers.map((header) => {
    const key = Object.keys(header)[0]!
    return { key, value: header[key] as Buffer }
  })
}

function commitId(offsets: readonly TopicPartition[]): string {
  return offsets
    .map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`)
    .sort()
    .join()
}

/** The binding answers with an offset, none, or an error in the place of each partition. */
function inOrder(
  partitions: readonly Partition[],
  answers: readonly (TopicPartition | Error)[],
): (number | undefined)[] {
  const failed = answers.find((found) => found instanceof Error || 'message' in found)
  if (failed !== undefined) throw kafkaError(failed)
  const found = new Map((answers as TopicPartition[]).map((it) => [`${it.partition} ${it.topic}`, it.offset]))
  return partitions.map(({ stream, partition }) => {
    const offset = found.get(`${partition} ${stream}`)
    return offset === undefined || offset < 0 ? undefined : offset
  })
}

export const consumerLibrary: ClientLibrary<ConsumerClient, ConsumerEvents> = {
  features: Kafka.features,
  open: (settings, events) => attempt(() => new RdkafkaConsumer(settings, events)),
}
