import type { Schema, SchemaField, SchemaType } from '../../api/schema.ts'
import { stringText } from './java-text.ts'
import { JsonNumber } from './json-number.ts'
import { readValue } from './read-value.ts'
import { type EnvelopeConfig, conversionFailed } from './rules.ts'
import { writeValue } from './write-value.ts'

type Json = Readonly<Record<string, unknown>>

const plainTypes = ['boolean', 'int8', 'int16', 'int32', 'int64', 'float', 'double', 'bytes', 'string'] as const

/** The schema of an envelope; undefined for `null`. Its default is a value, not JSON. */
export function readSchema(json: unknown, config: EnvelopeConfig): Schema | undefined {
  if (json === null) return undefined
  const type = isObject(json) ? member(json, 'type') : undefined
  if (!isObject(json) || typeof type !== 'string') throw conversionFailed("Schema must contain 'type' field")
  const schema: Schema = { ...readShape(type, json, config), ...readAttributes(json) }
  const byDefault = member(json, 'default')
  return byDefault === undefined ? schema : { ...schema, default: readDefault(schema, byDefault, config) }
}

function readDefault(schema: Schema, json: unknown, config: EnvelopeConfig): unknown {
  return json === null && schema.optional ? null : readValue(schema, json, config)
}

function readShape(type: string, json: Json, config: EnvelopeConfig): { type: SchemaType } & Partial<Schema> {
  switch (type) {
    case 'array':
      return { type, items: inner(json, 'items', 'Array schema did not specify the element type', config) }
    case 'map':
      return {
        type,
        keys: inner(json, 'keys', 'Map schema did not specify the key type', config),
        values: inner(json, 'values', 'Map schema did not specify the value type', config),
      }
    case 'struct':
      return { type, fields: readFields(member(json, 'fields'), config) }
    default: {
      const plain = plainTypes.find((name) => name === type)
      if (plain === undefined) throw conversionFailed(`Unknown schema type: ${type}`)
      return { type: plain }
    }
  }
}

function inner(json: Json, name: string, problem: string, config: EnvelopeConfig): Schema {
  const schema = readSchema(member(json, name) ?? null, config)
  if (schema === undefined) throw conversionFailed(problem)
  return schema
}

function readFields(json: unknown, config: EnvelopeConfig): SchemaField[] {
  if (!Array.isArray(json)) throw conversionFailed('Struct schema\'s "fields" argument is not an array.')
  return json.map((item: unknown) => {
    const field = isObject(item) ? member(item, 'field') : undefined
    if (typeof field !== 'string') throw conversionFailed("Struct schema's field name not specified properly")
    const schema = readSchema(item, config)
    if (schema === undefined) throw conversionFailed("Struct schema's field name not specified properly")
    return { field, schema }
  })
}

function readAttributes(json: Json): Pick<Schema, 'optional' | 'name' | 'version' | 'doc' | 'parameters'> {
  const name = member(json, 'name')
  const version = member(json, 'version')
  const doc = member(json, 'doc')
  const parameters = member(json, 'parameters')
  return {
    optional: member(json, 'optional') === true,
    ...(typeof name === 'string' && { name }),
    ...(version instanceof JsonNumber && version.isInteger && { version: version.toNumber() }),
    ...(typeof doc === 'string' && { doc }),
    ...(isObject(parameters) && { parameters: readParameters(parameters) }),
  }
}

function readParameters(json: Json): Readonly<Record<string, string>> {
  if (Object.values(json).some((value) => typeof value !== 'string')) {
    throw conversionFailed('Schema parameters must have string values.')
  }
  return json as Readonly<Record<string, string>>
}

/** JSON text of a schema, members in Kafka Connect's order. */
export function schemaText(schema: Schema, config: EnvelopeConfig): string {
  return `{${schemaMembers(schema, config).join(',')}}`
}

function schemaMembers(schema: Schema, config: EnvelopeConfig): string[] {
  const members = [`"type":"${schema.type}"`]
  if (schema.items !== undefined) members.push(`"items":${schemaText(schema.items, config)}`)
  if (schema.keys !== undefined) members.push(`"keys":${schemaText(schema.keys, config)}`)
  if (schema.values !== undefined) members.push(`"values":${schemaText(schema.values, config)}`)
  if (schema.fields !== undefined) {
    members.push(`"fields":[${schema.fields.map((field) => fieldText(field, config)).join(',')}]`)
  }
  members.push(`"optional":${schema.optional}`)
  if (schema.name !== undefined) members.push(`"name":${stringText(schema.name)}`)
  if (schema.version !== undefined) members.push(`"version":${schema.version}`)
  if (schema.doc !== undefined) members.push(`"doc":${stringText(schema.doc)}`)
  if (schema.parameters !== undefined) members.push(`"parameters":${parametersText(schema.parameters)}`)
  if (schema.default !== undefined && schema.default !== null) {
    members.push(`"default":${writeValue(schema, schema.default, config)}`)
  }
  return members
}

function fieldText({ field, schema }: SchemaField, config: EnvelopeConfig): string {
  return `{${[...schemaMembers(schema, config), `"field":${stringText(field)}`].join(',')}}`
}

function parametersText(parameters: Readonly<Record<string, string>>): string {
  const members = Object.entries(parameters).map(([key, value]) => `${stringText(key)}:${stringText(value)}`)
  return `{${members.join(',')}}`
}

function isObject(json: unknown): json is Json {
  return typeof json === 'object' && json !== null && !Array.isArray(json) && !(json instanceof JsonNumber)
}

function member(json: Json, name: string): unknown {
  return Object.hasOwn(json, name) ? json[name] : undefined
}
