import type { ConnectorPlugin } from '../api/connector.ts'
import type { Converter } from '../api/converter.ts'
import type { Latency } from '../api/task-context.ts'
import type { Transform, TransformFunction } from '../api/transform.ts'
import type { StateConfig } from './state-config.ts'

/** A validated file: every default applied, every name resolved to code. What the engine runs. */
export interface WorkerConfig {
  readonly name: string
  /** The file it came from, for messages. */
  readonly file: string
  readonly state: StateConfig
  /** How long a graceful stop may take before what is in flight is abandoned, in milliseconds. */
  readonly shutdownTimeoutMs: number
  readonly pipelines: readonly PipelineConfig[]
  /** Only for `--embedded`. */
  readonly embedded: EmbeddedConfig | undefined
}

/** What `--embedded` runs beside this file, and what it shows at the end. */
export interface EmbeddedConfig {
  /** Absolute paths of configs that run beside this one; this one ends with what they have sent. */
  readonly files: readonly string[]
  /** A query for the embedded CnosDB whose first rows are printed at the end. */
  readonly query: string | undefined
}

export interface PipelineConfig {
  readonly name: string
  readonly source: SourceEnd
  readonly transforms: readonly TransformStep[]
  readonly sink: SinkEnd
  readonly errors: ErrorsConfig
  readonly limits: FlowLimits
  readonly latency: Latency
  readonly delivery: DeliveryMode
  readonly restart: RestartConfig
  /** How often positions are committed, in milliseconds. Undefined: as suits where they are kept. */
  readonly commitIntervalMs: number | undefined
}

/**
 * What is asked for each record. `at-least-once`: written, perhaps twice after a crash, unless the sink makes that
 * impossible. `exactly-once`: written in one transaction with the positions.
 */
export type DeliveryMode = 'at-least-once' | 'exactly-once'

export interface EndConfig {
  readonly plugin: ConnectorPlugin
  /** By the plugin's schema, defaults applied. */
  readonly config: unknown
  readonly key: Converter
  readonly value: Converter
}

export type SourceEnd = EndConfig

export interface SinkEnd extends EndConfig {
  /** What the user set; the sink's traits fill the rest. */
  readonly batch: { readonly maxRecords?: number; readonly maxBytes?: number; readonly lingerMs?: number }
  readonly concurrency: number | undefined
  readonly retry: RetryConfig
  /** Undefined: what the sink refuses is tried again in place. */
  readonly parking: ParkingConfig | undefined
}

export interface TransformStep {
  readonly name: string
  readonly effects: Transform['effects']
  readonly run: TransformFunction
}

/** Backoff of whole calls that failed for a reason that passes. */
export interface RetryConfig {
  readonly initialDelayMs: number
  readonly maxDelayMs: number
  /** 0: no limit. */
  readonly maxAttempts: number
  /** From the first failure, in milliseconds. 0: no limit. */
  readonly maxElapsedMs: number
  /** Deadline of one attempt, in milliseconds. 0: the connector's own. */
  readonly attemptTimeoutMs: number
}

/** Bounds of records set aside to be tried again while others go on, and how they are. */
export interface ParkingConfig {
  readonly maxRecords: number
  readonly maxBytes: number
  /** Attempts from the parking lot before a record is given up. 0: no limit. */
  readonly maxAttempts: number
  readonly initialDelayMs: number
  readonly maxDelayMs: number
}

export interface ErrorsConfig {
  /** `none`: a record that can't be handled fails the pipeline. `all`: it is dead-lettered, or dropped and counted. */
  readonly tolerance: 'none' | 'all'
  readonly deadLetterQueue: DeadLetterTarget | undefined
  /** Beyond these the pipeline stops instead of setting more records aside. */
  readonly deadLetterLimits?: DeadLetterLimits | undefined
}

export interface DeadLetterLimits {
  /** At most so many dead letters within any time of this length, in milliseconds. */
  readonly maxRate?: { readonly records: number; readonly windowMs: number } | undefined
  /** At most this share (from 0 to 1) of the records read within any time of this length, in milliseconds. */
  readonly maxShare?: { readonly share: number; readonly windowMs: number } | undefined
}

export type DeadLetterTarget =
  | {
      readonly kind: 'sink'
      readonly plugin: ConnectorPlugin
      readonly config: unknown
      /** As a user would write them; what a source that reads the queue is made from. */
      readonly options: Readonly<Record<string, unknown>>
      readonly describe: string
    }
  | { readonly kind: 'file'; readonly path: string; readonly maxFileBytes: number }

/** Bounds of what is read and not yet done, or of one poll. */
export interface FlowLimits {
  readonly maxRecords: number
  readonly maxBytes: number
}

/** What happens after a task failed for a reason that a restart may cure. */
export interface RestartConfig {
  /** Restarts in a row before the pipeline is given up; 0: none. */
  readonly maxRestarts: number
  readonly initialDelayMs: number
  readonly maxDelayMs: number
  /** A task that ran so long without failing has recovered: the count begins anew. */
  readonly resetAfterMs: number
}
