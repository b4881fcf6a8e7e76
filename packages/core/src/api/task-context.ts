import type { Partition, Positions } from './record.ts'

/** Structured log of one task. Normal operation is silent: info at start, stop, rebalance; warn when degraded. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Time enters through this, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since 1970. May jump. */
  now(): number
  /** Milliseconds that only go forward; for durations. */
  monotonic(): number
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/**
 * How a pipeline weighs the delay of a record against its cost; a connector tunes its own fetching, batching and
 * lingering by it. `low`: a record is sent on at once. `balanced`: it waits some 25 ms for company. `throughput`: batches
 * are filled.
 */
export type Latency = 'low' | 'balanced' | 'throughput'

/** What the runtime lends every task. */
export interface TaskContext<Config> {
  readonly config: Config
  /** The worker's `name` in the file, the pipeline's key; ids of groups and state are `<name>-<pipeline>`. */
  readonly worker: string
  readonly pipeline: string
  /** Aborts when the task must end at once (second signal, deadline passed). A graceful stop calls `stop` instead. */
  readonly signal: AbortSignal
  readonly clock: Clock
  /** The pipeline's option `latency`. Default `balanced`. */
  readonly latency: Latency
  /** From 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number
  readonly logger: Logger
  /** Counts an event of this task under a name of `telemetry/metric-names.ts`. */
  count(metric: string, by?: number): void
}

export interface SourceContext<Config> extends TaskContext<Config> {
  /**
   * Where to go on, from the state store; empty on a first start, and for a source that keeps its own positions
   * (has `commit`), which learns them from {@link assigned} instead.
   */
  readonly positions: Positions
  /** `--once`: everything up to what is the end now, then `EndOfSource` or positions that reach `endPositions`. */
  readonly once: boolean
  /**
   * A source whose partitions come and go (a Kafka group) calls this when it has got some, before it reads them, with
   * the positions that its own store has of them. Resolves with the positions that the sink holds beside its data and
   * that take precedence, if any.
   */
  assigned(partitions: readonly Partition[], stored: Positions): Promise<Positions>
  /**
   * … and this before it gives some up: the runtime stops waiting for retries, drains what is in flight of them
   * (at most 10 s), flushes, calls `commit` for what is done, and forgets the rest. The source gives them up when
   * this resolves. Rows of theirs returned later are dropped.
   */
  revoking(partitions: readonly Partition[]): Promise<void>
  /** … and this when they were taken away already: nothing can be committed, what is in flight is forgotten. */
  lost(partitions: readonly Partition[]): void
}

export interface SinkContext<Config> extends TaskContext<Config> {
  /** The streams that this pipeline's source reads, where known at start: a sink may name or tag by them. */
  readonly streams: readonly string[] | undefined
  /** Set where the pipeline's `delivery` is `exactly-once`: the sink must be `transactional`. */
  readonly exactlyOnce?: {
    /**
     * What the source's `transactionMember` returns: its positions must be written in its name. Undefined where the
     * source keeps no positions itself: the sink then keeps them, and gives them back in `recover`.
     */
    readonly member: (() => unknown) | undefined
    /** Dead letters are replayed, maybe while the pipeline runs, whose own sink must not be shut out. */
    readonly isReplay?: true
  }
}
