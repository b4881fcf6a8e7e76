import type { ConnectorPlugin } from '../api/connector.ts'
import type { Converter } from '../api/converter.ts'
import type { Latency } from '../api/task-context.ts'
import type { Transform, TransformFunction } from '../api/transform.ts'

/** A validated file: every default applied, every name resolved to code. What the engine runs. */
export interface WorkerConfig {
  readonly name: string
  /** The file it came from, for messages. */
  readonly file: string
  /** `file:<folder>` or `memory:`. */
  readonly stateUrl: string
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
  readonly restart: RestartConfig
  /** How often positions are committed, in milliseconds. Undefined: as suits where they are kept. */
  readonly commitIntervalMs: number | undefined
}

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

export interface ErrorsConfig {
  /** `none`: a record that can't be handled fails the pipeline. `all`: it is dead-lettered, or dropped and counted. */
  readonly tolerance: 'none' | 'all'
  readonly deadLetterQueue: DeadLetterTarget | undefined
}

export type DeadLetterTarget =
  | { readonly kind: 'sink'; readonly plugin: ConnectorPlugin; readonly config: unknown; readonly describe: string }
  | { readonly kind: 'file'; readonly path: string }

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
