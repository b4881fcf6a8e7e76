import type { ObjectSchema } from './config-schema.ts'
import type { SinkTask, SinkTraits } from './sink-task.ts'
import type { Obstacle, SourceTask, SourceTraits } from './source-task.ts'
import type { Clock, Logger } from './task-context.ts'

/** One issue found by a connector's own check, on top of its schema. */
export interface ConfigIssue {
  /** Where, as keys from the connector's section down; empty for the section itself. */
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly hint?: string
}

/** What `connect-run validate --probe` lends a connector that asks its servers. */
export interface ProbeContext {
  /** The worker's `name` in the file and the pipeline's key, of which a task makes names of groups and clients. */
  readonly worker: string
  readonly pipeline: string
  /** At a sink: the streams that the pipeline's source reads, where its config says so. */
  readonly streams: readonly string[] | undefined
  /** Aborts when the time for an answer is over (10 s), or nobody wants it any more. */
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Goes nowhere: what the user must know is returned or thrown. */
  readonly logger: Logger
}

interface ConnectorSide<Config> {
  /** One sentence: what it reads or writes. */
  readonly description: string
  /** The connector's own options. `connector`, `key`, `value` (and `batch`, `concurrency`, `retry` at a sink) belong to the runtime. */
  readonly config: ObjectSchema<Config>
  /** The names of the converters used where the user gives none, e.g. `{value: 'json'}`. Default `json` and `string`. */
  readonly defaults?: { readonly key?: string; readonly value?: string }
  /** Checks what a schema can't say. Called by `validate` and at start, before anything is created; no I/O. */
  check?(config: Config): readonly ConfigIssue[]
  /**
   * Asks the other side, without a task and beside the probes of other ends, whether a task of this config could work:
   * is it reached, does it let us in, is there what the config names, may this user do what the task would do. What the
   * task makes by itself (`createTopic`) may be missing.
   *
   * It changes nothing, here or there: it makes, writes, commits, joins and locks nothing, also where a worker runs with
   * the same config. When it settles, all that it opened is closed; after the signal has aborted, soon closes by itself.
   *
   * Resolves with what it learned, a few words each, the server and its version first (`OpenSearch 2.19.1`), and with
   * what it could not find out (`not checked: …`). Rejects with the ConnectError that a task would end or wait with; it
   * is called once, so that a `RetriableError` is a finding like any other. Rejects soon when the signal aborts. Neither
   * holds a secret.
   */
  probe?(config: Config, context: ProbeContext): Promise<readonly string[]>
}

export interface SourceConnector<Config> extends ConnectorSide<Config> {
  create(config: Config): SourceTask<Config>
  traits?(config: Config): SourceTraits
  /** The streams that it will read, where the config says so. */
  streams?(config: Config): readonly string[] | undefined
}

export interface SinkConnector<Config> extends ConnectorSide<Config> {
  create(config: Config): SinkTask<Config>
  traits?(config: Config): SinkTraits
  /**
   * Whether it can write in transactions together with the positions of such a source, for `delivery: exactly-once`;
   * otherwise why not. Without it, it can't.
   */
  exactlyOnce?(config: Config, source: SourceTraits): true | Obstacle
  /**
   * What this sink must have for itself alone (a file), as absolute names. Two ends of one worker that name the same
   * are refused before anything starts.
   */
  claims?(config: Config): readonly string[]
}

/**
 * What a connector package exports as default from the file that its manifest names
 * (`"connect-run": {"plugin": "./dist/plugin.js"}` in package.json). Importing it must be cheap: a client library is
 * loaded in `start`, not here.
 */
export interface ConnectorPlugin {
  /** As written after `connector:`. */
  readonly name: string
  readonly description: string
  // The runtime validates a config by its schema before it hands it over, so it need not know its type.
  readonly source?: SourceConnector<never>
  readonly sink?: SinkConnector<never>
  /**
   * For an end of this connector, the options of a sink of the same connector that takes dead letters to `topic`
   * (`errors.deadLetterQueue.topic`). `end` is the options of that end as written by the user.
   */
  deadLetterSink?(end: Readonly<Record<string, unknown>>, topic: string): Readonly<Record<string, unknown>>
  /**
   * For a sink of this connector that takes dead letters, the options of a source of the same connector that reads them
   * all, from the first on, and leaves nothing behind. `sink` are its options as written; `reader` is a name that nobody
   * else reads under. Undefined where what such a sink writes can't be read back.
   */
  deadLetterSource?(
    sink: Readonly<Record<string, unknown>>,
    reader: string,
  ): Readonly<Record<string, unknown>> | undefined
  /**
   * What is to be known of this installation, a sentence each: a slower path, a feature that was not built in. Shown by
   * `connectors NAME`, and called for nothing else: it may load the client library.
   */
  notes?(): Promise<readonly string[]>
}

/** Keeps the config's type between the schema and the task while the plugin forgets it. */
export function sourceConnector<Config>(source: SourceConnector<Config>): SourceConnector<never> {
  return source as unknown as SourceConnector<never>
}

/** Keeps the config's type between the schema and the task while the plugin forgets it. */
export function sinkConnector<Config>(sink: SinkConnector<Config>): SinkConnector<never> {
  return sink as unknown as SinkConnector<never>
}
