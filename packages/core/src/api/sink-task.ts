import type { RecordBatch } from '../records/record-batch.ts'
import type { Partition, Positions } from './record.ts'
import type { Caveat } from './source-task.ts'
import type { SinkContext } from './task-context.ts'

/**
 * Writes records. The runtime calls `start` once, then `put` with up to `concurrency` calls at a time (one at a time
 * for each partition where the sink is `ordered`), then `stop` once.
 */
export interface SinkTask<Config = unknown> {
  /** Connects. A `RetriableError` makes the runtime try again with backoff. */
  start(context: SinkContext<Config>): Promise<void>
  /**
   * Writes the batch, in order. On return the rows are durable unless the task has `flush`. May be called again
   * with rows that were given before (after a failure, or after a crash). The signal aborts when the attempt is
   * given up (stop deadline, revoked partitions); rows must then be taken as not written.
   * What it throws is an instruction, see `errors.ts`.
   */
  put(batch: RecordBatch, signal: AbortSignal): Promise<void>
  /** Called once, also after a failed start, when no `put` is running. Frees everything. */
  stop(): Promise<void>
  /** Makes everything taken so far durable. Called before positions pass, never during another `flush`. */
  flush?(signal: AbortSignal): Promise<void>
  /**
   * A sink that holds positions beside its data returns them here, and makes its data end exactly there. Called
   * before partitions are read; what it returns takes precedence over the source's own positions.
   */
  recover?(request: RecoverRequest): Promise<Positions>
  /**
   * … and stores them with the data, atomically. Called after `flush` and before the source's positions pass;
   * `put` may be running, and rows beyond the positions may have been written. `stored` are the positions that have
   * passed before: the source's store (Kafka's group, the state store) holds them, or newer ones up to `positions`.
   */
  commit?(positions: Positions, stored: Positions): Promise<void>
  /**
   * It writes in transactions, which `commit` ends: all that was put since the last one appears with the positions, or
   * nothing of it does. Then no `put` runs during `commit`, its positions cover exactly what was put, and it is called
   * every 100 ms by default. `put` must not throw a `RetriableError`, nor name a row as failed, unless it is certain
   * that the rows are not part of the transaction. What else it or `commit` throws fails the task, as do partitions
   * that were taken away; the sink is then stopped, which ends the open transaction without its records, and a new
   * one goes on from the positions of the last that was committed.
   */
  readonly transactional?: boolean
  /**
   * A place beside its own, by a config of the same connector, in the same transaction: dead letters then appear with
   * the positions that pass them. Undefined where that place can't be part of it.
   */
  beside?(config: Config): Pick<SinkTask, 'put'> | undefined
  /** Can it be reached, is it allowed? Throws what `start` or `put` would. Writes nothing. */
  probe?(signal: AbortSignal): Promise<void>
}

export interface RecoverRequest {
  /**
   * The partitions that are about to be read: those just assigned where they come and go (then other partitions may
   * be under way), otherwise undefined, which means all of the pipeline, before the first `put`.
   */
  readonly partitions: readonly Partition[] | undefined
  /** Where the source's own store says to go on in them; none where it has none. */
  readonly stored: Positions
}

/** How a sink wants to be served. Computed from its config once, at start. */
export interface SinkTraits {
  /** The order of writes matters: one batch in flight for each partition. Default false. */
  readonly ordered?: boolean
  /** Writing a row again changes nothing. Default false; said in the log and in `connectors NAME`. */
  readonly idempotent?: boolean
  /** It holds positions beside its data (`recover`), and its data ends exactly there after a crash. Default false. */
  readonly holdsPositions?: boolean
  /** What of its config may lose or double records, whatever the other end does. */
  readonly caveats?: readonly Caveat[]
  /**
   * `values` (default): every value and key is decoded before `put`, and rows that can't be are dead-lettered
   * there; the sink reads `value`. `bytes`: the sink reads `valueBytes` or `encoded()`, encoded by its own `value`
   * converter. `source`: keys are decoded, values are not; the sink reads `packed` where it knows `sourceFormat`,
   * otherwise `value`, and reports the `RecordError` that this throws as the failure of its row.
   */
  readonly reads?: 'values' | 'bytes' | 'source'
  /** What happens to records whose value is null. `skip` counts them as skipped. Default `write`. */
  readonly tombstones?: 'write' | 'skip'
  /** How many `put` calls may run at a time. Default 1; a user's `concurrency` replaces it. */
  readonly concurrency?: number
  /** Default bounds of a batch; a user's `batch` replaces them. */
  readonly batch?: { readonly maxRecords?: number; readonly maxBytes?: number; readonly lingerMs?: number }
}
