import type { ObjectSchema, PropertySchema, ValueSchema } from '../api/config-schema.ts'
import { duration } from './file-schema.ts'
import { partsOf } from './json-schema.ts'

/** What every end has, whatever its connector. */
export interface EndFileConfig {
  readonly connector: string
  readonly key?: ConverterOptions
  readonly value?: ConverterOptions
}

/** What every sink has besides. */
export interface SinkFileConfig extends EndFileConfig {
  readonly batch: { readonly maxRecords?: number; readonly maxBytes?: number; readonly linger?: number }
  readonly concurrency?: number
  readonly retry: {
    readonly initialDelay: number
    readonly maxDelay: number
    readonly maxAttempts: number
    readonly maxElapsed: number
    readonly attemptTimeout: number
  }
  readonly parking?: {
    readonly maxRecords: number
    readonly maxBytes: number
    readonly maxAttempts: number
    readonly initialDelay: number
    readonly maxDelay: number
  }
}

/** A converter's name, or its name among its options. */
export type ConverterOptions = string | (Readonly<Record<string, unknown>> & { readonly converter: string })

const converterForms: readonly (PropertySchema | ValueSchema)[] = [
  { type: 'string', minLength: 1 },
  {
    type: 'object',
    required: ['converter'],
    properties: { converter: { type: 'string', description: "The converter's name." } },
    additionalProperties: {},
  },
]

const converter = (description: string): PropertySchema => ({ description, anyOf: converterForms })

const endProperties: ObjectSchema<EndFileConfig>['properties'] = {
  connector: { type: 'string', description: 'The connector, as listed by `connect-run connectors`.' },
  key: converter('How keys become bytes and back: a converter, or `{converter, …options}`.'),
  value: converter('How values become bytes and back: a converter, or `{converter, …options}`.'),
}

const sinkProperties: ObjectSchema<SinkFileConfig>['properties'] = {
  ...endProperties,
  batch: {
    type: 'object',
    description: 'Bounds of a batch; the first one reached sends it. Defaults are the connector’s.',
    default: {},
    properties: {
      maxRecords: { type: 'integer', minimum: 1, description: 'Most records in a batch.' },
      maxBytes: { type: 'string', format: 'size', description: 'Most bytes in a batch.' },
      linger: duration('How long a batch waits to fill.'),
    },
  },
  concurrency: { type: 'integer', minimum: 1, description: 'How many batches are written at a time.' },
  retry: {
    type: 'object',
    description: 'Backoff of writes that failed for a reason that passes.',
    default: {},
    properties: {
      initialDelay: duration('Pause before the first retry; it doubles with each.', '100ms'),
      maxDelay: duration('Longest pause between retries.', '30s'),
      maxAttempts: { type: 'integer', minimum: 0, default: 0, description: 'Attempts in all; 0: no limit.' },
      maxElapsed: duration('Longest time from the first failure; 0s: no limit.', '0s'),
      attemptTimeout: duration('Deadline of one attempt; 0s: the connector’s own.', '0s'),
    },
  },
  parking: {
    type: 'object',
    description:
      'Sets records that the sink refuses for a reason that may pass aside in Redis, and goes on with the others. Needs a ' +
      'state in Redis that syncs each write, a sink whose records may come twice and in any order, and `errors.tolerance: all`.',
    properties: {
      maxRecords: { type: 'integer', minimum: 1, default: 10_000, description: 'Most records set aside.' },
      maxBytes: { type: 'string', format: 'size', default: '64MiB', description: 'Most bytes of them.' },
      maxAttempts: {
        type: 'integer',
        minimum: 0,
        default: 20,
        description: 'Attempts before such a record is a dead letter; 0: no limit.',
      },
      initialDelay: duration('Pause before the first of these attempts; it doubles with each.', '1s'),
      maxDelay: duration('Longest pause between them.', '5m'),
    },
  },
}

/** Keys of an end that belong to the runtime; a connector may not have options of these names. */
export const runtimeKeys: Readonly<Record<'source' | 'sink', readonly string[]>> = {
  source: Object.keys(endProperties),
  sink: Object.keys(sinkProperties),
}

// One object may be the schema of both sides.
const schemas = { source: new WeakMap<object, ObjectSchema<never>>(), sink: new WeakMap<object, ObjectSchema<never>>() }

/** The runtime's options and the connector's own in one schema, so that a misspelt key is compared with all. */
export function endSchema(side: 'source' | 'sink', own: ObjectSchema<never>): ObjectSchema<never> {
  let schema = schemas[side].get(own)
  if (schema === undefined) {
    const { properties, required = [] } = partsOf(own)
    schema = {
      ...own,
      required: ['connector', ...required],
      properties: { ...(side === 'sink' ? sinkProperties : endProperties), ...properties },
    } as unknown as ObjectSchema<never>
    schemas[side].set(own, schema)
  }
  return schema
}

/** The connector's own part of validated or written options of an end. */
export function ownOptions(side: 'source' | 'sink', options: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([key]) => !runtimeKeys[side].includes(key)))
}
