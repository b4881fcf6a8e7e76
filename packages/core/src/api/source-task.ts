import type { RecordBatch } from '../records/record-batch.ts'
import type { Positions, SourceRecord } from './record.ts'
import type { SourceContext } from './task-context.ts'

/** Bounds of one `poll`. */
export interface PollLimits {
  /**
   * At most this many records. 0: the pipeline is full; return no rows, but serve what keeps the source alive
   * (a group's heartbeats and rebalances, commit results). It may go on for as long as the sink is slow.
   */
  readonly maxRecords: number
  /** At most about this many bytes of keys and values; one record may exceed it. */
  readonly maxBytes: number
  /** Return an empty batch when nothing came for so long, in milliseconds. */
  readonly maxWaitMs: number
}

/** What `poll` may return: a packed batch, or plain records that the runtime packs. */
export type PollResult = RecordBatch | readonly SourceRecord[]

/**
 * Reads records. The runtime calls `start` once, then `poll` again and again, one call at a time, then `stop` once.
 * After a failure a new task is made and started from the committed positions.
 */
export interface SourceTask<Config = unknown> {
  /**
   * Connects. A `RetriableError` (`UNREACHABLE`) makes the runtime try again with backoff; the message names the
   * address and what to try.
   */
  start(context: SourceContext<Config>): Promise<void>
  /**
   * The next records, in order within each partition. An empty result means nothing now. The signal aborts when the
   * runtime needs the call to return: return what there is. A position is never repeated within one run.
   */
  poll(limits: PollLimits, signal: AbortSignal): Promise<PollResult>
  /** Called once, also after a failed start, when nothing is in flight any more. Frees everything. */
  stop(): Promise<void>
  /**
   * A source that keeps its own positions (Kafka's group) stores them here; others leave it out and the state store
   * keeps them. Called at most once at a time; resolves when they are stored. Never called with positions of
   * partitions that were given up.
   */
  commit?(positions: Positions): Promise<void>
  /**
   * Where its positions can be part of a sink's transaction (see `SourceTraits.keptAt`): what the sink must know to
   * write them there in its name, agreed between the two connectors. Lent in `SinkContext.exactlyOnce`.
   */
  transactionMember?(): unknown
  /** The positions that are the end right now, for `--once` and for lag. */
  endPositions?(): Promise<Positions>
}

/** What is to be known of a source before it is started. Computed from its config. */
export interface SourceTraits {
  /**
   * Who keeps its positions: the source itself (it has `commit`), the state store (default), or nobody, as what it
   * gives can't be asked for again.
   */
  readonly positions?: 'source' | 'state' | 'none'
  /**
   * Where a source that keeps them itself does so, one URL for each server (`kafka://host:9092`): a sink that writes
   * there can make them part of its transactions, by `transactionMember`.
   */
  readonly keptAt?: readonly string[]
  /** What of its config may lose or double records, whatever the other end does. */
  readonly caveats?: readonly Caveat[]
  /** What of its config keeps `delivery: exactly-once` from being true, if anything does. */
  readonly notExactlyOnce?: Obstacle
}

/** An option as it is set, and what that takes from the guarantees: a sentence for `connect-run explain`. */
export interface Caveat {
  /** Its key, with the value where that matters: `onMissingOffset: latest`. */
  readonly option: string
  readonly text: string
}

/** Why something can't be had, as a part of a sentence, and what to do about it. */
export interface Obstacle {
  readonly reason: string
  readonly hint?: string
}
