import type { Partition } from '@connect-run/core'
import Kafka, { type KafkaConsumer, type LibrdKafkaError } from '../client.ts'
import { KafkaError } from '../kafka-error.ts'
import type { ClientSettings } from '../librdkafka-settings.ts'
import { type ClientLibrary, Connection, answer, attempt } from './connection.ts'
import type {
  ConsumerClient,
  ConsumerEvents,
  FetchLimits,
  Fetched,
  OffsetQuery,
  PartitionOffset,
} from './consumer-client.ts'
import { messageFetch } from './message-fetch.ts'
import { describeCode, kafkaError } from './native-errors.ts'
import { hasPackedCalls } from './packed-calls.ts'
import { packedFetch } from './packed-fetch.ts'

interface PendingCommit {
  readonly id: string
  readonly resolve: () => void
  readonly reject: (error: KafkaError) => void
}

/** A member of a group; records come by the packed call, or by the published one. */
class RdkafkaConsumer implements ConsumerClient {
  readonly #consumer: KafkaConsumer
  readonly #connection: Connection
  readonly #fetch: (limits: FetchLimits) => Promise<Fetched>
  #commits: PendingCommit[] = []
  #closing = false
  readonly #lent = new Set<Promise<unknown>>()

  constructor(settings: ClientSettings, events: ConsumerEvents, packed: boolean) {
    const { global, topic, token } = settings
    const callbacks = {
      rebalance_cb: (error: LibrdKafkaError, parts: TopicPartition[]) => this.#rebalanced(error, parts, events),
      offset_commit_cb: (error: LibrdKafkaError | undefined, parts: TopicPartition[]) => this.#committed(error, parts),
    }
    this.#consumer = new Kafka.KafkaConsumer({ ...global, ...callbacks }, topic)
    if (token !== undefined) this.#consumer.setOauthBearerToken(token)
    this.#connection = new Connection(this.#consumer, events)
    this.#fetch = (packed ? packedFetch : messageFetch)(this.#consumer)
  }

  connect(timeoutMs: number): Promise<void> {
    return this.#connection.connect(timeoutMs)
  }

  subscribe(topics: readonly string[]): void {
    attempt(() => this.#consumer.subscribe([...topics]))
  }

  async fetch(limits: FetchLimits): Promise<Fetched> {
    const connection = this.#connection
    try {
      const fetched = await this.#fetch(limits)
      if (fetched.errors.length === 0) return fetched
      return { ...fetched, errors: await Promise.all(fetched.errors.map((error) => connection.explained(error))) }
    } catch (error) {
      throw await connection.explained(error as KafkaError)
    }
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

  async lend<T>(call: (consumer: unknown) => Promise<T>): Promise<T> {
    // The binding does not check whether what it is given is still connected.
    if (this.#closing || !this.#connection.connected) throw new KafkaError(-197, describeCode(-197))
    const lent = call(this.#consumer)
    this.#lent.add(lent)
    try {
      return await lent
    } finally {
      this.#lent.delete(lent)
    }
  }

  async disconnect(): Promise<void> {
    this.#closing = true
    await Promise.allSettled(this.#lent)
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
  packed: hasPackedCalls,
  open: (settings, events, packed) => attempt(() => new RdkafkaConsumer(settings, events, packed)),
}
