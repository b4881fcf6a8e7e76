import type { ObjectSchema, TlsConfig } from '@connect-run/core'
import { gzipSchema, passwordSchema, timeoutSchema, tlsSchema, urlSchema } from '@connect-run/http'

export const fieldTypes = ['double', 'bigint', 'unsigned', 'boolean', 'string'] as const
export type FieldType = (typeof fieldTypes)[number]

export const timeUnits = ['s', 'ms', 'us', 'ns'] as const
export type TimeUnit = (typeof timeUnits)[number]

export interface TagsConfig {
  readonly fields?: readonly string[]
  readonly headers?: readonly string[]
  readonly static?: Readonly<Record<string, string>>
  readonly partition?: boolean
  readonly topic?: boolean
  readonly backslash?: 'refuse' | 'slash'
}

export interface FieldsConfig {
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly strings?: readonly string[]
  readonly types?: Readonly<Record<string, FieldType>>
}

export interface TimeConfig {
  readonly field?: string
  readonly unit?: TimeUnit
  readonly format?: 'rfc3339'
}

export interface CnosdbSinkConfig {
  readonly url: string
  readonly api: 'cnosdb' | 'influxdb'
  readonly username?: string
  readonly password?: string
  readonly tenant: string
  readonly database: string
  readonly createDatabase: boolean
  readonly preset?: 'telegraf'
  readonly table?: string
  readonly root?: string
  readonly tags?: TagsConfig
  readonly fields?: FieldsConfig
  readonly time?: TimeConfig
  readonly flatten?: { readonly separator?: string }
  readonly transcode: boolean
  readonly gzip: boolean
  /** Milliseconds. */
  readonly timeout: number
  readonly tls?: TlsConfig
}

const names = { type: 'string', minLength: 1 } as const

export const cnosdbSinkSchema: ObjectSchema<CnosdbSinkConfig> = {
  type: 'object',
  required: ['url'],
  properties: {
    url: { ...urlSchema, examples: ['http://127.0.0.1:8902'] },
    api: {
      type: 'string',
      enum: ['cnosdb', 'influxdb'],
      default: 'cnosdb',
      description: '`influxdb` writes to `/write?db=`: InfluxDB 1.x and VictoriaMetrics.',
    },
    username: {
      type: 'string',
      description: 'Default `root` for CnosDB, which asks for a user in any case; else none.',
    },
    password: passwordSchema,
    tenant: {
      type: 'string',
      minLength: 1,
      default: 'cnosdb',
      advanced: true,
      description: 'Tenant of the database (CnosDB).',
    },
    database: { type: 'string', minLength: 1, default: 'public', description: 'Database to write to.' },
    createDatabase: { type: 'boolean', default: false, description: 'Create the database at start if it is missing.' },
    preset: {
      type: 'string',
      enum: ['telegraf'],
      description:
        'Names, tags and fields as Telegraf writes them with `kafka_consumer`, `data_format = "json"` and `outputs.http`.',
    },
    table: {
      type: 'string',
      minLength: 1,
      description:
        'Table (measurement) of the points. `${topic}` is the topic, `${value.a.b}` a part of the point. Needed unless a preset names it.',
      examples: ['kafka_consumer', '${topic}', 'sensor_${value.type}'],
    },
    root: {
      type: 'string',
      minLength: 1,
      advanced: true,
      description:
        'Where the point, or the array of points, stands in the value: keys joined by dots. Default: the value itself.',
      examples: ['payload.readings'],
    },
    tags: {
      type: 'object',
      description: 'What becomes tags.',
      properties: {
        fields: {
          type: 'array',
          items: names,
          description: 'Parts of the value, by flattened name; `*` and `?` match.',
        },
        headers: { type: 'array', items: names, description: 'Record headers.' },
        static: {
          type: 'object',
          additionalProperties: { type: 'string', minLength: 1 },
          description: 'Tags of every point; a tag of the same name from the value wins.',
        },
        partition: {
          type: 'boolean',
          description:
            'Tag points with their partition. Default: where the time is the record’s and no preset says otherwise.',
        },
        topic: {
          type: 'boolean',
          description:
            'Tag points with their topic. Default: where the pipeline reads several and `table` does not name it.',
        },
        backslash: {
          type: 'string',
          enum: ['refuse', 'slash'],
          default: 'refuse',
          description: 'CnosDB can’t hold a single backslash in a tag: refuse the record, or write `/` instead.',
        },
      },
    },
    fields: {
      type: 'object',
      description: 'What becomes fields: everything that is no tag and not the time, unless said otherwise.',
      properties: {
        include: { type: 'array', items: names, description: 'Only these, by flattened name; `*` and `?` match.' },
        exclude: { type: 'array', items: names, description: 'Not these.' },
        strings: {
          type: 'array',
          items: names,
          description: 'Which texts and booleans to keep. Default all of them; none with `preset: telegraf`.',
        },
        types: {
          type: 'object',
          additionalProperties: { type: 'string', enum: fieldTypes },
          description: 'Column types by flattened name (`*` and `?` match). Default: numbers are DOUBLE.',
          examples: [{ id: 'bigint', 'counter_*': 'unsigned' }],
        },
      },
    },
    time: {
      type: 'object',
      description: 'The time of a point. Default: the record’s timestamp, made unique by its offset.',
      properties: {
        field: { type: 'string', minLength: 1, description: 'Part of the value that is the time, by flattened name.' },
        unit: { type: 'string', enum: timeUnits, description: 'What a number since 1970 counts.' },
        format: { type: 'string', enum: ['rfc3339'], description: 'How a text is written: `2024-05-01T12:00:00.5Z`.' },
      },
    },
    flatten: {
      type: 'object',
      advanced: true,
      description: 'How nested objects and arrays become columns.',
      properties: {
        separator: {
          type: 'string',
          default: '_',
          description: 'Stands between the keys: `{"a": {"b": [1]}}` is `a_b_0`.',
        },
      },
    },
    transcode: {
      type: 'boolean',
      default: true,
      advanced: true,
      description:
        'Make points of flat JSON objects straight from their bytes, several times as fast. The points are the same.',
    },
    gzip: gzipSchema,
    timeout: timeoutSchema,
    tls: tlsSchema,
  },
}
