import type { RecordError } from './errors.ts'
import type { Schema } from './schema.ts'

/** A header value is bytes or null; a string written by a connector is its UTF-8. Order and doubles are kept. */
export interface Header {
  readonly key: string
  readonly value: Buffer | null
}

/**
 * Where a record comes from, and its name in logs, dead letters and identities.
 * Kafka: topic, partition, offset. A file: path, 0, byte position.
 */
export interface Coordinates {
  readonly stream: string
  readonly partition: number
  readonly offset: number
  /** Which of the records made from one source record this is; 0 unless a transform split it. */
  readonly index: number
}

/** One ordered sequence of records within a source. */
export interface Partition {
  readonly stream: string
  readonly partition: number
}

/**
 * Where a source goes on. The offset orders positions of one partition; the token, small JSON, holds whatever else
 * the source needs to resume there (file identity, fingerprint, cursor).
 */
export interface Position {
  readonly offset: number
  readonly token?: unknown
  /**
   * Nothing will ever follow in this partition, nor will it be read again (a file that was read to its end and is
   * gone). Once the position has passed, it is forgotten: stores drop their entry of the partition.
   */
  readonly ended?: true
}

export interface PartitionPosition extends Partition {
  readonly position: Position
}

/** Positions of several partitions; at most one entry for each. */
export type Positions = readonly PartitionPosition[]

/**
 * A record as a connector sees it. It is a view on a row of a batch: cheap to make, valid as long as the batch.
 * A packed buffer lives as long as one of its records: copy what is kept for long.
 */
export interface ConnectRecord extends Coordinates {
  /** Milliseconds since 1970; undefined where the source has none. */
  readonly timestamp: number | undefined
  /** Decoded by the source's `key` converter (or as the source made it). */
  readonly key: unknown
  /** Decoded by the source's `value` converter (or as the source made it); null is a tombstone. */
  readonly value: unknown
  readonly keySchema: Schema | undefined
  readonly valueSchema: Schema | undefined
  /** In the sink's format. Null where the record has none. */
  readonly keyBytes: Buffer | null
  /** In the sink's format. Null is a tombstone, and not the same as empty. */
  readonly valueBytes: Buffer | null
  readonly headers: readonly Header[]
}

/** What a simple source returns from `poll`, record by record; the runtime packs it into a batch. */
export interface SourceRecord {
  /** Default: the connector's name. */
  readonly stream?: string
  /** Default: 0. */
  readonly partition?: number
  readonly offset: number
  /** Where to go on once this record is done. Default: `{offset: offset + 1}`. */
  readonly next?: Position
  /** Milliseconds since 1970. */
  readonly timestamp?: number
  /** A Buffer is bytes for the source's `key` converter; any other value is taken as decoded. */
  readonly key?: unknown
  /** A Buffer is bytes for the source's `value` converter; any other value is taken as decoded. */
  readonly value: unknown
  readonly headers?: readonly Header[]
  /** This record can't be handed on: it goes the way of `errors.tolerance`, with this as its cause. */
  readonly error?: RecordError
}
