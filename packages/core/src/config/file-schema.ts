import type { ObjectSchema, PropertySchema } from '../api/config-schema.ts'
import type { Latency } from '../api/task-context.ts'
import { type DeadLetterLimitOptions, deadLetterLimits } from './dead-letter-limits.ts'
import type { DeliveryMode } from './pipeline-config.ts'
import { type StateFileConfig, stateSchema } from './state-config.ts'

/** What a file says after `${…}`, checked and with defaults; ends, converters and transforms are still options. */
export interface FileConfig {
  readonly name: string
  readonly state: StateFileConfig
  readonly plugins: readonly string[]
  readonly shutdown: { readonly timeout: number }
  readonly embedded?: { readonly files: readonly string[]; readonly query?: string }
  readonly pipelines: Readonly<Record<string, PipelineFileConfig>>
}

export interface PipelineFileConfig {
  readonly source: Options
  readonly transforms: readonly Options[]
  readonly sink: Options
  readonly errors: { readonly tolerance: 'none' | 'all'; readonly deadLetterQueue?: Options & DeadLetterLimitOptions }
  readonly limits: { readonly maxRecords: number; readonly maxBytes: number }
  readonly latency: Latency
  readonly delivery: DeliveryMode
  readonly commitInterval?: number
  readonly restart: {
    readonly maxRestarts: number
    readonly initialDelay: number
    readonly maxDelay: number
    readonly resetAfter: number
  }
}

export type Options = Readonly<Record<string, unknown>>

/** Groups, state and metrics are named after it. */
const namePattern = '^[A-Za-z0-9][A-Za-z0-9._-]*$'
const nameMessage = 'must be letters, digits, ".", "_" and "-", beginning with a letter or digit'

export function duration(description: string, preset?: string): PropertySchema {
  return { type: 'string', format: 'duration', description, ...(preset === undefined ? {} : { default: preset }) }
}

const end = (description: string): PropertySchema => ({ type: 'object', description, additionalProperties: {} })

const errors: PropertySchema = {
  type: 'object',
  description: 'What happens to records that cannot be handled.',
  default: {},
  properties: {
    tolerance: {
      type: 'string',
      enum: ['none', 'all'],
      default: 'none',
      description: '`none`: such a record fails the pipeline. `all`: it goes to the dead letter queue, or is dropped.',
    },
    deadLetterQueue: {
      type: 'object',
      description:
        'Where such records go: `topic` on the Kafka end of this pipeline, `path` of a JSON-lines file (default: beside the state), or any `connector` with its options.',
      properties: deadLetterLimits,
      additionalProperties: {},
    },
  },
}

const limits: PropertySchema = {
  type: 'object',
  description: 'Bounds of what is read and not yet done. A source waits where one is reached.',
  default: {},
  properties: {
    maxRecords: { type: 'integer', minimum: 1, default: 25_000, description: 'Records in flight.' },
    maxBytes: { type: 'string', format: 'size', default: '32MiB', description: 'Bytes of records in flight.' },
  },
}

const restart: PropertySchema = {
  type: 'object',
  description: 'What happens after a task failed for a reason that a restart may cure.',
  default: {},
  properties: {
    maxRestarts: {
      type: 'integer',
      minimum: 0,
      default: 10,
      description: 'Restarts in a row before the pipeline is given up; 0: none.',
    },
    initialDelay: duration('Pause before the first restart; it doubles with each.', '1s'),
    maxDelay: duration('Longest pause between restarts.', '1m'),
    resetAfter: duration('A task that ran so long without failing has recovered.', '10m'),
  },
}

const pipeline: PropertySchema = {
  type: 'object',
  description: 'One source, transforms, one sink.',
  required: ['source', 'sink'],
  properties: {
    source: end('Where records come from.'),
    transforms: {
      type: 'array',
      description: 'Steps between source and sink, in order.',
      default: [],
      items: { type: 'object', additionalProperties: {} },
    },
    sink: end('Where records go.'),
    errors,
    limits,
    latency: {
      type: 'string',
      enum: ['low', 'balanced', 'throughput'],
      default: 'balanced',
      description:
        'What fetching, batching and lingering are tuned for: each record sent on at once (`low`), fewest CPU-seconds ' +
        '(`throughput`), or both within reason. What `batch` and `properties` say comes first.',
    },
    delivery: {
      type: 'string',
      enum: ['at-least-once', 'exactly-once'],
      default: 'at-least-once',
      description:
        '`exactly-once`: records and progress are written in one transaction, so that a crash doubles nothing. Refused ' +
        'where source and sink can’t do that together; `connect-run explain` says what each pipeline guarantees.',
    },
    commitInterval: duration(
      'How often progress is committed. Default: 1s where the source keeps it itself (Kafka), 100ms where `state` does; ' +
        'there also after each 1,000 records, before the next batch, if the sink would show them twice after a crash. ' +
        'With `delivery: exactly-once` how long a transaction lasts, and so how long its readers wait: 100ms, 10s at most.',
    ),
    restart,
  },
}

const embedded: PropertySchema = {
  type: 'object',
  description: 'Only for `--embedded`: what runs beside this file, and what is shown at the end.',
  required: ['files'],
  properties: {
    files: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      description: 'Configs that run beside this one, relative to it; this one ends with what they have sent.',
    },
    query: { type: 'string', minLength: 1, description: 'A query whose first rows are printed at the end.' },
  },
}

/** The file without what connectors, converters and transforms add. */
export const fileSchema: ObjectSchema<FileConfig> = {
  type: 'object',
  description: 'A worker of connect-run and its pipelines.',
  required: ['name', 'pipelines'],
  properties: {
    name: {
      type: 'string',
      description: 'Name of the worker; consumer groups and state are named after it.',
      pattern: namePattern,
      errorMessage: nameMessage,
      examples: ['orders'],
    },
    state: stateSchema,
    plugins: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      default: [],
      description: 'Connectors besides those found by themselves: package names, or paths relative to this file.',
    },
    shutdown: {
      type: 'object',
      description: 'How the worker ends.',
      default: {},
      properties: { timeout: duration('How long a graceful stop may take.', '30s') },
    },
    embedded,
    pipelines: { type: 'object', description: 'The pipelines by name.', additionalProperties: pipeline },
  },
}

export { nameMessage, namePattern }
