import { type PackedInput, type Partition, RecordBatch, packRecords } from '@connect-run/core'
import type {
  ConsumerClient,
  ConsumerEvents,
  FetchLimits,
  Fetched,
  PartitionOffset,
} from '../src/client/consumer-client.ts'
import { KafkaError } from '../src/kafka-error.ts'
import type { ClientLibrary } from '../src/client/connection.ts'

const key = ({ stream, partition }: Partition): string => `${stream}/${partition}`

/** A consumer whose broker is this object: what it serves next and what was asked of it are in the open. */
export class FakeConsumer implements ConsumerClient {
  readonly calls: string[] = []
  readonly fetches: FetchLimits[] = []
  readonly low = new Map<string, number>()
  readonly high = new Map<string, number>()
  readonly group = new Map<string, number>()
  events!: ConsumerEvents
  /** What the next fetches bring, an error included; nothing afterwards. */
  next: (Fetched | KafkaError)[] = []
  /** Set, a commit is answered by nobody. */
  silent = false
  #commits: (() => void)[] = []

  readonly library: ClientLibrary<ConsumerClient, ConsumerEvents> = {
    features: ['ssl', 'sasl_plain'],
    packed: true,
    open: (_, events) => {
      this.events = events
      return this
    },
  }

  connect(): Promise<void> {
    return Promise.resolve()
  }

  subscribe(topics: readonly string[]): void {
    this.calls.push(`subscribe ${topics.join()}`)
  }

  async fetch(limits: FetchLimits): Promise<Fetched> {
    const { waitMs } = limits
    this.fetches.push(limits)
    await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, 2)))
    if (!this.silent) for (const answer of this.#commits.splice(0)) answer()
    const next = this.next.shift()
    if (next instanceof KafkaError) throw next
    return next ?? { batch: RecordBatch.empty, ends: [], errors: [] }
  }

  assign(starts: readonly PartitionOffset[]): void {
    this.calls.push(`assign ${starts.map((start) => `${key(start)}@${start.offset}`).join()}`)
  }

  unassign(partitions: readonly Partition[]): void {
    this.calls.push(`unassign ${partitions.map(key).join()}`)
  }

  pause(partitions: readonly Partition[]): void {
    if (partitions.length > 0) this.calls.push(`pause ${partitions.map(key).join()}`)
  }

  resume(partitions: readonly Partition[]): void {
    if (partitions.length > 0) this.calls.push(`resume ${partitions.map(key).join()}`)
  }

  get committing(): boolean {
    return this.#commits.length > 0
  }

  commit(offsets: readonly PartitionOffset[]): Promise<void> {
    this.calls.push(`commit ${offsets.map((it) => `${key(it)}@${it.offset}`).join()}`)
    return new Promise((resolve) => this.#commits.push(resolve))
  }

  committed(partitions: readonly Partition[]): Promise<(number | undefined)[]> {
    return Promise.resolve(partitions.map((partition) => this.group.get(key(partition))))
  }

  offsets(partitions: readonly Partition[], query: 'earliest' | 'latest' | object): Promise<(number | undefined)[]> {
    const offsets = query === 'earliest' ? this.low : this.high
    return Promise.resolve(partitions.map((partition) => offsets.get(key(partition)) ?? 0))
  }

  topics(): Promise<ReadonlyMap<string, number>> {
    return Promise.resolve(new Map([['t', 4]]))
  }

  lend<T>(call: (consumer: unknown) => Promise<T>): Promise<T> {
    return call(this)
  }

  disconnect(): Promise<void> {
    this.calls.push('disconnect')
    return Promise.resolve()
  }
}

export function rowsOf(partition: number, from: number, to: number): PackedInput[] {
  return Array.from({ length: to - from }, (_, i) => ({
    stream: 't',
    partition,
    offset: from + i,
    timestamp: -1,
    key: null,
    value: Buffer.from(`${from + i}`),
  }))
}

export function fetchedRows(...rows: readonly PackedInput[]): Fetched {
  return { batch: packRecords(rows), ends: [], errors: [] }
}
