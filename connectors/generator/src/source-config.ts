import type { ObjectSchema } from '@connect-run/core'

/** How one field gets its value. */
export type FieldSpec =
  | { readonly type: 'number'; readonly min: number; readonly max: number; readonly decimals: number }
  | { readonly type: 'integer'; readonly min: number; readonly max: number }
  | { readonly type: 'choice'; readonly values: readonly unknown[]; readonly weights?: readonly number[] }
  | { readonly type: 'sequence'; readonly start: number; readonly step: number }
  | { readonly type: 'time'; readonly format: 'iso' | 'ms' | 's' }
  | { readonly type: 'string'; readonly length: number }
  | { readonly type: 'constant'; readonly value: unknown }

export interface GeneratorConfig {
  readonly fields: Readonly<Record<string, FieldOptions>>
  readonly count: number
  readonly rate: number
  readonly seed: number
  readonly keyField?: string
  readonly stream: string
}

/** As the user wrote it; `fieldSpec` checks it and fills in the rest. */
export interface FieldOptions {
  readonly type: FieldSpec['type']
  readonly min?: number
  readonly max?: number
  readonly decimals?: number
  readonly values?: readonly unknown[]
  readonly weights?: readonly number[]
  readonly start?: number
  readonly step?: number
  readonly format?: 'iso' | 'ms' | 's'
  readonly length?: number
  readonly value?: unknown
}

export const generatorSchema: ObjectSchema<GeneratorConfig> = {
  type: 'object',
  properties: {
    fields: {
      type: 'object',
      description: 'The fields of each record, by name.',
      examples: [{ pressure: { type: 'number', min: 0, max: 10, decimals: 1 } }],
      additionalProperties: {
        type: 'object',
        required: ['type'],
        properties: {
          type: {
            type: 'string',
            enum: ['number', 'integer', 'choice', 'sequence', 'time', 'string', 'constant'],
            description:
              '`number` and `integer`: evenly spread from `min` to `max`; `choice`: one of `values`; `sequence`: ' +
              '`start`, `start + step`, …; `time`: now; `string`: random letters and digits; `constant`: always `value`.',
          },
          min: { type: 'number', description: 'Of `number` and `integer`, inclusive. Default 0.' },
          max: { type: 'number', description: 'Of `number` and `integer`, inclusive. Default 1 (`integer`: 100).' },
          decimals: {
            type: 'integer',
            minimum: 0,
            maximum: 9,
            description: 'Of `number`: digits after the point. Default 2.',
          },
          values: { type: 'array', items: {}, minItems: 1, description: 'Of `choice`.' },
          weights: {
            type: 'array',
            items: { type: 'number', minimum: 0 },
            minItems: 1,
            description: 'Of `choice`: how often each of `values` comes, relative to the others. Default: all alike.',
          },
          start: { type: 'number', description: 'Of `sequence`. Default 0.' },
          step: { type: 'number', description: 'Of `sequence`. Default 1.' },
          format: {
            type: 'string',
            enum: ['iso', 'ms', 's'],
            description: 'Of `time`: text, or a number of milliseconds or seconds since 1970. Default `iso`.',
          },
          length: { type: 'integer', minimum: 1, maximum: 1000, description: 'Of `string`: characters. Default 8.' },
          value: { anyOf: [{}], description: 'Of `constant`.' },
        },
      },
    },
    count: {
      type: 'integer',
      minimum: 0,
      default: 0,
      description: 'How many records to make before the source ends; 0: it never ends.',
    },
    rate: {
      type: 'number',
      minimum: 0,
      default: 0,
      description: 'Records a second; 0: as fast as the sink takes them.',
    },
    seed: {
      type: 'integer',
      default: 1,
      description: 'Record n is always the same for one seed and one set of fields, apart from `time` fields.',
    },
    keyField: { type: 'string', minLength: 1, description: 'The field whose value is also the key. Default: no key.' },
    stream: { type: 'string', minLength: 1, default: 'generator', description: 'Name of the stream of records.' },
  },
  required: ['fields'],
}
