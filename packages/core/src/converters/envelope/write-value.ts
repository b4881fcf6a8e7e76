import type { Schema, SchemaType } from '../../api/schema.ts'
import { doubleText, floatText, stringText } from './java-text.ts'
import { writeLogical } from './logical-types.ts'
import { type EnvelopeConfig, conversionFailed, typeName } from './rules.ts'

/** JSON text of a value by its schema, as Kafka Connect writes it. */
export function writeValue(schema: Schema | undefined, value: unknown, config: EnvelopeConfig): string {
  if (value === null || value === undefined) return writeNull(schema, config)
  if (schema === undefined) return writePlain(value, config)
  return writeLogical(schema, value, config) ?? writers[schema.type](schema, value, config)
}

function writeNull(schema: Schema | undefined, config: EnvelopeConfig): string {
  if (schema === undefined) return 'null'
  if (config.replaceNullWithDefault && schema.default !== undefined && schema.default !== null) {
    return writeValue(schema, schema.default, config)
  }
  if (schema.optional) return 'null'
  throw conversionFailed('Conversion error: null value for field that is required and has no default value')
}

function writePlain(value: {}, config: EnvelopeConfig): string {
  if (typeof value === 'string') return stringText(value)
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'bigint') return integerText('int64', 64, value)
  if (typeof value !== 'number') return writePlainObject(value, config)
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : doubleText(value)
}

function writePlainObject(value: object, config: EnvelopeConfig): string {
  if (value instanceof Uint8Array) return base64Text(value)
  if (Array.isArray(value)) return arrayText(value, undefined, config)
  if (value instanceof Map) {
    const entries = [...value]
    const named = entries.every(([key]) => typeof key === 'string')
    return named ? entriesText(entries, undefined, config) : pairsText(entries, undefined, config)
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return entriesText(Object.entries(value), undefined, config)
  throw conversionFailed(`${value.constructor.name} does not have corresponding schema type.`)
}

type Writer = (schema: Schema, value: {}, config: EnvelopeConfig) => string

const writers: Readonly<Record<SchemaType, Writer>> = {
  boolean: (schema, value) => (typeof value === 'boolean' ? String(value) : invalid(schema, value)),
  int8: (_schema, value) => integerText('int8', 8, value),
  int16: (_schema, value) => integerText('int16', 16, value),
  int32: (_schema, value) => integerText('int32', 32, value),
  int64: (_schema, value) => integerText('int64', 64, value),
  float: (schema, value) => (typeof value === 'number' ? floatText(value) : invalid(schema, value)),
  double: (schema, value) => (typeof value === 'number' ? doubleText(value) : invalid(schema, value)),
  bytes: (schema, value) => (value instanceof Uint8Array ? base64Text(value) : invalid(schema, value)),
  string: (schema, value) => (typeof value === 'string' ? stringText(value) : invalid(schema, value)),
  array: (schema, value, config) =>
    Array.isArray(value) ? arrayText(value, schema.items, config) : invalid(schema, value),
  map: writeMap,
  struct: writeStruct,
}

function invalid(schema: Schema, value: unknown): never {
  throw conversionFailed(`Invalid type for ${typeName(schema.type)}: ${describe(value)}`)
}

function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  return typeof value === 'object' && value !== null ? value.constructor.name : typeof value
}

function integerText(type: string, bits: number, value: unknown): string {
  const whole = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : undefined
  if (whole !== undefined && BigInt.asIntN(bits, whole) === whole) return whole.toString()
  throw conversionFailed(`Invalid type for ${typeName(type)}: ${describe(value)}`)
}

function writeMap(schema: Schema, value: {}, config: EnvelopeConfig): string {
  if (typeof value !== 'object' || Array.isArray(value)) return invalid(schema, value)
  const entries: [unknown, unknown][] = value instanceof Map ? [...value] : Object.entries(value)
  return schema.keys?.type === 'string'
    ? entriesText(entries, schema.values, config)
    : pairsText(entries, schema, config)
}

function writeStruct(schema: Schema, value: {}, config: EnvelopeConfig): string {
  if (typeof value !== 'object' || Array.isArray(value) || value instanceof Map) return invalid(schema, value)
  const struct = value as Readonly<Record<string, unknown>>
  const fields = (schema.fields ?? []).map(({ field, schema: fieldSchema }) => {
    const fieldValue = Object.hasOwn(struct, field) ? struct[field] : null
    return `${stringText(field)}:${writeValue(fieldSchema, fieldValue, config)}`
  })
  return `{${fields.join(',')}}`
}

function arrayText(items: readonly unknown[], schema: Schema | undefined, config: EnvelopeConfig): string {
  return `[${items.map((item) => writeValue(schema, item, config)).join(',')}]`
}

function entriesText(
  entries: readonly (readonly [unknown, unknown])[],
  values: Schema | undefined,
  config: EnvelopeConfig,
): string {
  const members = entries.map(([key, value]) => `${stringText(key as string)}:${writeValue(values, value, config)}`)
  return `{${members.join(',')}}`
}

function pairsText(
  entries: readonly (readonly [unknown, unknown])[],
  map: Schema | undefined,
  config: EnvelopeConfig,
): string {
  const pairs = entries.map(
    ([key, value]) => `[${writeValue(map?.keys, key, config)},${writeValue(map?.values, value, config)}]`,
  )
  return `[${pairs.join(',')}]`
}

function base64Text(bytes: Uint8Array): string {
  return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}"`
}
