import { Ajv, type ValidateFunction } from 'ajv'

import type { ObjectSchema, PropertySchema, Rule, ValueSchema } from '../api/config-schema.ts'
import { parseDuration, parseSize } from './units.ts'

/** Any of the schemas that options are described with. */
export type AnySchema = ObjectSchema<never> | PropertySchema | ValueSchema

/** The same, read loosely: every keyword that one of them may have. */
export interface SchemaParts {
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object'
  readonly description?: string
  readonly default?: unknown
  readonly examples?: readonly unknown[]
  readonly secret?: boolean
  readonly errorMessage?: string
  readonly enum?: readonly (string | number | boolean)[]
  readonly format?: 'duration' | 'size' | 'url' | 'regex'
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, AnySchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: AnySchema
  readonly items?: AnySchema
  readonly anyOf?: readonly AnySchema[]
  readonly allOf?: readonly Rule[]
}

export function partsOf(schema: AnySchema): SchemaParts {
  return schema
}

/** Whether keys beyond `properties` are errors. A map of anything says neither what it has nor what else it takes. */
export function isClosed(schema: AnySchema): boolean {
  const { type, properties, additionalProperties } = partsOf(schema)
  return type === 'object' && properties !== undefined && additionalProperties === undefined
}

/** Plain JSON Schema: what is only implied in ours is written out. */
export function toJsonSchema(schema: AnySchema): Record<string, unknown> {
  const parts = partsOf(schema)
  const result: Record<string, unknown> = { ...parts }
  if (parts.properties !== undefined) {
    const entries = Object.entries(parts.properties).map(([key, value]) => [key, toJsonSchema(value)] as const)
    result['properties'] = Object.fromEntries(entries)
  }
  if (isClosed(schema)) result['additionalProperties'] = false
  else if (parts.additionalProperties !== undefined) {
    result['additionalProperties'] = toJsonSchema(parts.additionalProperties)
  }
  if (parts.items !== undefined) result['items'] = toJsonSchema(parts.items)
  if (parts.anyOf !== undefined) result['anyOf'] = parts.anyOf.map(toJsonSchema)
  return result
}

// One for all: it compiles the schema of schemas before the first of ours.
let ajv: Ajv | undefined

const compiled = new WeakMap<object, ValidateFunction>()

/** The validator of a schema; throws where the schema itself is wrong. */
export function compile(schema: AnySchema): ValidateFunction {
  let validate = compiled.get(schema)
  if (validate === undefined) {
    ajv ??= newAjv()
    validate = ajv.compile(toJsonSchema(schema))
    compiled.set(schema, validate)
  }
  return validate
}

export function matches(schema: AnySchema, value: unknown): boolean {
  return compile(schema)(value)
}

function newAjv(): Ajv {
  // Compiled to be used a few times: optimizing would cost more than it saves.
  const code = { optimize: false }
  // A rule between options says nothing about the types of these: they have said it themselves.
  const fresh = new Ajv({
    allErrors: true,
    verbose: true,
    strict: true,
    strictTypes: false,
    strictRequired: false,
    code,
  })
  for (const keyword of ['secret', 'advanced', 'errorMessage']) fresh.addKeyword(keyword)
  fresh.addFormat('duration', (text: string) => parseDuration(text) !== undefined)
  fresh.addFormat('size', (text: string) => parseSize(text) !== undefined)
  fresh.addFormat('url', isHttpUrl)
  fresh.addFormat('regex', isRegex)
  return fresh
}

function isHttpUrl(text: string): boolean {
  return /^https?:\/\/[^/\s]+/.test(text) && URL.canParse(text)
}

function isRegex(text: string): boolean {
  try {
    void new RegExp(text, 'u')
    return true
  } catch {
    return false
  }
}
