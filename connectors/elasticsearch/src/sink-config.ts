import type { ObjectSchema } from '@connect-run/core'
import { type HttpTlsConfig, gzipSchema, passwordSchema, timeoutSchema, tlsSchema, urlSchema } from '@connect-run/http'
import type { Action } from './operation/operations.ts'

export interface DataStreamConfig {
  readonly type: string
  readonly dataset: string
  readonly namespace: string
  readonly timestampField?: string
}

export interface ScriptConfig {
  readonly source?: string
  readonly id?: string
  readonly lang?: string
  /** Texts are templates. */
  readonly params?: Readonly<Record<string, unknown>>
}

export interface UpdateConfig {
  readonly upsert?: boolean
  readonly script?: ScriptConfig
  readonly scriptedUpsert?: boolean
  readonly retryOnConflict?: number
}

export interface IndexTemplateConfig {
  readonly name: string
  readonly patterns: readonly string[]
  readonly priority?: number
  readonly settings?: Readonly<Record<string, unknown>>
  readonly mappings?: Readonly<Record<string, unknown>>
}

export interface MappingsConfig {
  readonly fromSchema?: boolean
  readonly template?: IndexTemplateConfig
}

export type Tombstones = 'delete' | 'skip' | 'deadLetter'
export type Decimals = 'string' | 'double' | 'scaled'

export interface ElasticsearchSinkConfig {
  readonly url: string | readonly string[]
  readonly username?: string
  readonly password?: string
  readonly apiKey?: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly tls?: HttpTlsConfig
  readonly gzip: boolean
  /** Milliseconds. */
  readonly timeout: number
  /** Milliseconds between two looks at the cluster's nodes; undefined: never. */
  readonly sniff?: number
  readonly index?: string
  readonly dataStream?: DataStreamConfig
  readonly action?: Action
  readonly update?: UpdateConfig
  /** `coordinates`, `key`, `auto` or a template. */
  readonly id: string
  /** `none`, `offset` or a template. */
  readonly version: string
  readonly onConflict: 'ignore' | 'deadLetter'
  readonly routing?: string
  readonly pipeline?: string
  readonly requireAlias: boolean
  readonly autoCreate: boolean
  readonly tombstones?: Tombstones
  readonly metadata?: string
  readonly decimals: Decimals
  readonly mappings?: MappingsConfig
}

/** Where `update` is left out altogether, too. */
export const DEFAULT_RETRY_ON_CONFLICT = 3

export const elasticsearchSinkSchema: ObjectSchema<ElasticsearchSinkConfig> = {
  type: 'object',
  required: ['url'],
  properties: {
    url: {
      anyOf: [urlSchema, { type: 'array', items: { type: 'string', format: 'url' }, minItems: 1 }],
      description: 'Address of the cluster, or a list with those of several nodes, which take turns.',
      examples: ['http://127.0.0.1:9200', ['https://es-1:9200', 'https://es-2:9200']],
    },
    username: { type: 'string', minLength: 1, description: 'Who logs in, with `password`.' },
    password: passwordSchema,
    apiKey: {
      type: 'string',
      minLength: 1,
      secret: true,
      description:
        'API key, instead of `username`: `id:api_key`, or the base64 of it that Elasticsearch gives as `encoded`.',
    },
    token: { type: 'string', minLength: 1, secret: true, description: 'Bearer token, instead of `username`.' },
    headers: {
      type: 'object',
      additionalProperties: { type: 'string', secret: true, description: 'Value of the header.' },
      advanced: true,
      description: 'Sent with every request; for a proxy in between that asks for them.',
    },
    tls: tlsSchema,
    gzip: gzipSchema,
    timeout: timeoutSchema,
    sniff: {
      type: 'string',
      format: 'duration',
      advanced: true,
      description: 'How often the cluster is asked for its nodes, which then take turns too. Default: never.',
      examples: ['5m'],
    },
    index: {
      type: 'string',
      minLength: 1,
      description:
        'Index or alias to write to. `${topic}`, `${key}`, `${value.a.b}`, `${header.name}` and `${time:yyyy.MM.dd}` (UTC, of the record) are put in, as the server’s rules allow. Default `${topic}`.',
      examples: ['readings', 'oceanic-${time:yyyy.MM.dd}', '${topic}-${value.region}'],
    },
    dataStream: {
      type: 'object',
      description: 'Write to the data stream `type-dataset-namespace` instead of an index.',
      properties: {
        type: { type: 'string', minLength: 1, default: 'logs', description: 'Its type: `logs`, `metrics`, `traces`.' },
        dataset: { type: 'string', minLength: 1, default: 'generic', description: 'May be a template, like `index`.' },
        namespace: {
          type: 'string',
          minLength: 1,
          default: 'default',
          description: 'May be a template, like `index`.',
        },
        timestampField: {
          type: 'string',
          minLength: 1,
          description:
            'Field that becomes `@timestamp`, keys joined by dots. Default: what the document has as `@timestamp`, else the record’s time.',
        },
      },
    },
    action: {
      type: 'string',
      enum: ['index', 'create', 'update', 'delete'],
      description:
        '`index` adds or replaces, `create` only adds, `update` changes fields, `delete` removes. Default `index`; `create` for a data stream.',
    },
    update: {
      type: 'object',
      description: 'How `action: update` changes a document.',
      properties: {
        upsert: { type: 'boolean', default: true, description: 'Add the document where there is none.' },
        script: {
          type: 'object',
          description: 'Script that changes the document, instead of merging the value into it.',
          properties: {
            source: { type: 'string', minLength: 1, description: 'The script.' },
            id: { type: 'string', minLength: 1, description: 'Name of a stored script, instead of `source`.' },
            lang: {
              type: 'string',
              minLength: 1,
              description: 'Language of `source`. Default: the server’s, painless.',
            },
            params: {
              type: 'object',
              additionalProperties: {},
              description:
                'What the script sees as `params`. Texts are templates; one that is nothing but `${value.a}` or `${value}` keeps its type.',
              examples: [{ count: '${value.count}', factor: 2 }],
            },
          },
        },
        scriptedUpsert: {
          type: 'boolean',
          default: false,
          description: 'Run the script for a new document too, instead of storing the value as it is.',
        },
        retryOnConflict: {
          type: 'integer',
          minimum: 0,
          default: DEFAULT_RETRY_ON_CONFLICT,
          description: 'How often the server tries again when another writer changed the document meanwhile.',
        },
      },
    },
    id: {
      type: 'string',
      minLength: 1,
      default: 'coordinates',
      description:
        'Id of the document: `coordinates` (topic, partition, offset and time of the record), `key`, `auto` (the server’s), or a template.',
      examples: ['key', '${value.user}-${value.n}', '${header.id}'],
    },
    version: {
      type: 'string',
      minLength: 1,
      default: 'none',
      description:
        'External version of the document: `none`, `offset`, or a template that makes a whole number. An older one never replaces a newer one.',
      examples: ['offset', '${header.version}', '${value.version}'],
    },
    onConflict: {
      type: 'string',
      enum: ['ignore', 'deadLetter'],
      default: 'ignore',
      description: 'What to do with a record whose document is there already, or has a newer version.',
    },
    routing: {
      type: 'string',
      minLength: 1,
      description: 'Template of the routing value, which picks the shard. Default: none, the id picks it.',
      examples: ['${value.customer}'],
    },
    pipeline: { type: 'string', minLength: 1, description: 'Ingest pipeline that documents pass through.' },
    requireAlias: {
      type: 'boolean',
      default: false,
      advanced: true,
      description: 'Refuse to write to anything but an alias.',
    },
    autoCreate: {
      type: 'boolean',
      default: true,
      description: 'Let a missing index be created. Off, it stops the task.',
    },
    tombstones: {
      type: 'string',
      enum: ['delete', 'skip', 'deadLetter'],
      description:
        'What to do with a record without a value. Default `delete` where `id` is `key` and for `action: delete`, else `skip`.',
    },
    metadata: {
      type: 'string',
      minLength: 1,
      description: 'Field that gets topic, partition, offset, timestamp, key and headers of the record. Default: none.',
      examples: ['_record'],
    },
    decimals: {
      type: 'string',
      enum: ['string', 'double', 'scaled'],
      default: 'string',
      description:
        'How Kafka Connect’s Decimal is written: as text; as a number, mapped as `double`; or as a number, mapped as `scaled_float` (by `mappings.fromSchema`).',
    },
    mappings: {
      type: 'object',
      advanced: true,
      description: 'What the sink says about fields before the first document. Default: nothing, the server maps them.',
      properties: {
        fromSchema: {
          type: 'boolean',
          default: false,
          description: 'Map fields by the record’s schema (`json-envelope`) when an index is first written to.',
        },
        template: {
          type: 'object',
          required: ['name', 'patterns'],
          description:
            'Index template that is put in place at start. One of this name that somebody else made is left alone.',
          properties: {
            name: { type: 'string', minLength: 1, description: 'Name of the template.' },
            patterns: {
              type: 'array',
              items: { type: 'string', minLength: 1 },
              minItems: 1,
              description: 'Indices it is for; `*` matches.',
            },
            priority: { type: 'integer', minimum: 0, description: 'Which of several templates wins: the highest.' },
            settings: { type: 'object', additionalProperties: {}, description: 'Settings of new indices.' },
            mappings: { type: 'object', additionalProperties: {}, description: 'Mappings of new indices.' },
          },
        },
      },
    },
  },
}
