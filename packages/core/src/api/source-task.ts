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
  /** The positions that are the end right now, for `--once` and for lag. */
  endPositions?(): Promise<Positions>
}
