/**
 * The one source of a connector's types, defaults, documentation, editor schema and validation: a JSON Schema of an
 * object, with two formats of ours for strings that carry a unit. What `…Options` (as written by a user) becomes a
 * `…Config` (readonly, defaults applied) before a connector sees it.
 */
export interface ObjectSchema<Config> {
  readonly type: 'object'
  readonly description?: string
  readonly properties: { readonly [Key in keyof Config]-?: PropertySchema }
  readonly required?: readonly (keyof Config & string)[]
  /** Cross-field rules in plain JSON Schema. `errorMessage` is shown instead of ajv's own text. */
  readonly allOf?: readonly Rule[]
}

export interface Rule {
  readonly if?: object
  readonly then?: object
  readonly else?: object
  readonly not?: object
  readonly oneOf?: readonly object[]
  readonly anyOf?: readonly object[]
  readonly errorMessage?: string
}

interface Documented {
  /** One or two sentences for the docs table, the editor and `connect-run connectors NAME`. */
  readonly description: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  /** Never shown: not in logs, errors, dumps or defaults. */
  readonly secret?: boolean
  /** Left out of the short help. */
  readonly advanced?: boolean
  readonly errorMessage?: string
}

export type PropertySchema =
  | (Documented & {
      readonly type: 'string'
      readonly enum?: readonly string[]
      readonly pattern?: string
      readonly minLength?: number
      /**
       * `duration`: `200ms`, `5s`, `1m`, `2h`, `1d`; the config gets milliseconds (a number).
       * `size`: `512B`, `64KiB`, `4MiB`, `1GiB`, also `KB`, `MB`, `GB`; the config gets bytes (a number).
       * `url`: an absolute http or https URL. `regex`: compiles as a regular expression.
       */
      readonly format?: 'duration' | 'size' | 'url' | 'regex'
    })
  | (Documented & {
      readonly type: 'integer' | 'number'
      readonly minimum?: number
      readonly maximum?: number
      readonly exclusiveMinimum?: number
    })
  | (Documented & { readonly type: 'boolean' })
  | (Documented & {
      readonly type: 'array'
      readonly items: PropertySchema | ValueSchema
      readonly minItems?: number
      readonly uniqueItems?: boolean
    })
  | (Documented & {
      readonly type: 'object'
      readonly properties?: Readonly<Record<string, PropertySchema>>
      readonly required?: readonly string[]
      /** False where absent: unknown keys are errors with a suggestion. */
      readonly additionalProperties?: PropertySchema | ValueSchema
      readonly allOf?: readonly Rule[]
    })
  | (Documented & {
      /** Alternatives of different types, tried in order. */
      readonly anyOf: readonly (PropertySchema | ValueSchema)[]
    })

/** A schema without documentation, for the inside of arrays and maps. An empty one takes any value. */
export interface ValueSchema {
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object'
  readonly enum?: readonly (string | number | boolean)[]
  readonly format?: 'duration' | 'size' | 'url' | 'regex'
  readonly pattern?: string
  readonly minLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly items?: PropertySchema | ValueSchema
  readonly properties?: Readonly<Record<string, PropertySchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: PropertySchema | ValueSchema
}
