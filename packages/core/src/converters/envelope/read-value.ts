import type { Schema, SchemaType } from '../../api/schema.ts'
import { setOwn } from '../json-reader.ts'
import { nearestFloat } from './java-text.ts'
import { JsonNumber, numberIfSafe } from './json-number.ts'
import { readLogical } from './logical-types.ts'
import { type EnvelopeConfig, conversionFailed, nodeName, typeName } from './rules.ts'

type Json = Readonly<Record<string, unknown>>

/**
 * The value of a JSON node by its schema. Where Kafka Connect bends a value (300 becomes the int8 44), so does this,
 * unless `strict`.
 */
export function readValue(schema: Schema | undefined, json: unknown, config: EnvelopeConfig): unknown {
  if (schema === undefined) return readPlain(json)
  if (json === null || json === undefined) return readNull(schema, config)
  const logical = readLogical(schema, json)
  return logical === undefined ? readers[schema.type](schema, json, config) : logical
}

function readNull(schema: Schema, config: EnvelopeConfig): unknown {
  if (config.replaceNullWithDefault && schema.default !== undefined && schema.default !== null) return schema.default
  if (schema.optional) return null
  throw conversionFailed(`Invalid null value for required ${typeName(schema.type)} field`)
}

function readPlain(json: unknown): unknown {
  if (json instanceof JsonNumber) {
    return json.isInteger ? numberIfSafe(BigInt.asIntN(64, json.truncate())) : json.toNumber()
  }
  if (Array.isArray(json)) return json.map(readPlain)
  if (typeof json !== 'object' || json === null) return json
  const object: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(json)) setOwn(object, key, readPlain(value))
  return object
}

type Reader = (schema: Schema, json: unknown, config: EnvelopeConfig) => unknown

const readers: Readonly<Record<SchemaType, Reader>> = {
  boolean: (schema, json, config) => (typeof json === 'boolean' ? json : bent(schema, json, false, config)),
  int8: integerReader(8),
  int16: integerReader(16),
  int32: integerReader(32),
  int64: integerReader(64),
  float: (schema, json, config) => readFraction(schema, json, nearestFloat, config),
  double: (schema, json, config) => readFraction(schema, json, Number, config),
  bytes: (schema, json, config) => (typeof json === 'string' ? readBase64(json) : bent(schema, json, null, config)),
  string: (schema, json, config) => (typeof json === 'string' ? json : bent(schema, json, null, config)),
  array: readArray,
  map: readMap,
  struct: readStruct,
}

/** What Kafka Connect makes of a value that does not fit. */
function bent<T>(schema: Schema, json: unknown, value: T, config: EnvelopeConfig): T {
  if (!config.strict) return value
  const shown = json instanceof JsonNumber ? json.text.slice(0, 40) : nodeName(json)
  throw conversionFailed(
    `${shown} is no ${typeName(schema.type)}`,
    'leave `strict` out to get what Kafka Connect makes of it',
  )
}

function readFraction(
  schema: Schema,
  json: unknown,
  convert: (value: number) => number,
  config: EnvelopeConfig,
): number {
  if (!(json instanceof JsonNumber)) return bent(schema, json, 0, config)
  const value = convert(json.toNumber())
  return Number.isFinite(value) ? value : bent(schema, json, value, config)
}

function integerReader(bits: number): Reader {
  return (schema, json, config) => {
    if (!(json instanceof JsonNumber)) return bent(schema, json, 0, config)
    const whole = json.truncate()
    const kept = BigInt.asIntN(bits, whole)
    const value = numberIfSafe(kept)
    return json.isInteger && kept === whole ? value : bent(schema, json, value, config)
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function readBase64(text: string): Buffer {
  if (!BASE64.test(text)) throw conversionFailed('Invalid bytes field', 'bytes are written as padded base64')
  return Buffer.from(text, 'base64')
}

function readArray(schema: Schema, json: unknown, config: EnvelopeConfig): unknown[] {
  if (Array.isArray(json)) return json.map((item) => readValue(schema.items, item, config))
  const items = typeof json === 'object' && !(json instanceof JsonNumber) ? Object.values(json as object) : []
  return bent(schema, json, items, config).map((item) => readValue(schema.items, item, config))
}

function readMap(schema: Schema, json: unknown, config: EnvelopeConfig): unknown {
  if (schema.keys?.type === 'string') {
    if (nodeName(json) !== 'OBJECT') {
      throw conversionFailed(`Maps with string fields should be encoded as JSON objects, but found ${nodeName(json)}`)
    }
    const object: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(json as Json))
      setOwn(object, key, readValue(schema.values, value, config))
    return object
  }
  if (!Array.isArray(json)) {
    const found = nodeName(json)
    throw conversionFailed(`Maps with non-string fields should be encoded as JSON array of tuples, but found ${found}`)
  }
  return new Map(json.map((entry) => readPair(schema, entry, config)))
}

function readPair(schema: Schema, entry: unknown, config: EnvelopeConfig): [unknown, unknown] {
  if (!Array.isArray(entry)) {
    throw conversionFailed(`Found invalid map entry instead of array tuple: ${nodeName(entry)}`)
  }
  if (entry.length !== 2)
    throw conversionFailed(`Found invalid map entry, expected length 2 but found :${entry.length}`)
  return [readValue(schema.keys, entry[0], config), readValue(schema.values, entry[1], config)]
}

function readStruct(schema: Schema, json: unknown, config: EnvelopeConfig): object {
  if (nodeName(json) !== 'OBJECT') {
    throw conversionFailed(`Structs should be encoded as JSON objects, but found ${nodeName(json)}`)
  }
  const struct: Record<string, unknown> = {}
  for (const { field, schema: fieldSchema } of schema.fields ?? []) {
    const value = readValue(fieldSchema, Object.hasOwn(json as Json, field) ? (json as Json)[field] : null, config)
    if (value === null && !fieldSchema.optional) {
      throw conversionFailed(
        `Invalid value: null used for required field: "${field}", schema type: ${typeName(fieldSchema.type)}`,
      )
    }
    setOwn(struct, field, value)
  }
  if (config.strict) refuseUnknownFields(struct, json as Json)
  return struct
}

function refuseUnknownFields(struct: object, json: Json): void {
  const unknown = Object.keys(json).find((key) => !Object.hasOwn(struct, key))
  if (unknown !== undefined) throw conversionFailed(`field ${JSON.stringify(unknown)} is not in the schema`)
}
