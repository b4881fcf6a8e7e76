import type { Partition, RecordBatch } from '@connect-run/core'
import type { KafkaError } from '../kafka-error.ts'
import type { ConnectionEvents } from './connection.ts'

export interface PartitionOffset extends Partition {
  readonly offset: number
}

/** What one fetch brought. */
export interface Fetched {
  /** In order within each partition; may hold rows of partitions that were given up meanwhile. */
  readonly batch: RecordBatch
  /** Partitions that are read up to their end, and that end. */
  readonly ends: readonly PartitionOffset[]
  /** What went wrong with some partition. The records before it are in the batch. */
  readonly errors: readonly KafkaError[]
}

export interface FetchLimits {
  readonly maxRecords: number
  /** At most about this many bytes of keys, values and headers; one record may exceed it. */
  readonly maxBytes: number
  /** How long to wait for the first record, in milliseconds, … */
  readonly waitMs: number
  /** … and for more records after it. */
  readonly lingerMs: number
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
   * One at a time. Also what serves assignments, commit results and errors: it must be called again and again.
   */
  fetch(limits: FetchLimits): Promise<Fetched>
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
  /** Lends the binding's consumer for one call of a producer. It is not closed before that has returned. */
  lend<T>(call: (consumer: unknown) => Promise<T>): Promise<T>
  disconnect(): Promise<void>
}
