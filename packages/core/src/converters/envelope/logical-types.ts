import type { Schema } from '../../api/schema.ts'
import { Decimal } from '../decimal.ts'
import { JsonNumber } from './json-number.ts'
import { type EnvelopeConfig, LOGICAL, MS_PER_DAY, conversionFailed, nodeName } from './rules.ts'

/** A Decimal, or a Date for Date, Time and Timestamp; undefined where the schema names no such type. */
export function readLogical(schema: Schema, json: unknown): Decimal | Date | undefined {
  if (schema.name === LOGICAL.decimal) return readDecimal(schema, json)
  if (schema.name === LOGICAL.date) return new Date(Number(integer(json, 'Date', 32)) * MS_PER_DAY)
  if (schema.name === LOGICAL.time) return readTime(json)
  if (schema.name === LOGICAL.timestamp) return readTimestamp(json)
  return undefined
}

function readDecimal(schema: Schema, json: unknown): Decimal {
  if (json instanceof JsonNumber) {
    try {
      return Decimal.parse(json.text)
    } catch (error) {
      throw conversionFailed(`Invalid number for Decimal field: ${(error as Error).message}`)
    }
  }
  if (typeof json !== 'string') {
    throw conversionFailed(
      `Invalid type for Decimal, underlying representation should be numeric or bytes but was ${nodeName(json)}`,
    )
  }
  const scale = scaleOf(schema)
  const bytes = Buffer.from(json, 'base64')
  if (scale === undefined || json === '' || bytes.toString('base64') !== json) {
    throw conversionFailed('Invalid bytes for Decimal field', 'it takes base64, and a `scale` among its parameters')
  }
  return Decimal.fromBytes(bytes, scale)
}

function scaleOf(schema: Schema): number | undefined {
  const text = schema.parameters?.['scale']
  return text !== undefined && /^[+-]?\d{1,5}$/.test(text) ? Number(text) : undefined
}

function integer(json: unknown, type: string, bits: number): bigint {
  const whole = json instanceof JsonNumber && json.isInteger ? json.truncate() : undefined
  if (whole !== undefined && (bits === 64 || BigInt.asIntN(bits, whole) === whole)) return BigInt.asIntN(bits, whole)
  const wanted = bits === 64 ? 'integral' : 'integer'
  throw conversionFailed(
    `Invalid type for ${type}, underlying representation should be ${wanted} but was ${nodeName(json)}`,
  )
}

function readTime(json: unknown): Date {
  const ms = Number(integer(json, 'Time', 32))
  if (ms < 0 || ms > MS_PER_DAY) {
    throw conversionFailed('Time values must use number of milliseconds greater than 0 and less than 86400000')
  }
  return new Date(ms)
}

function readTimestamp(json: unknown): Date {
  const time = new Date(Number(integer(json, 'Timestamp', 64)))
  if (Number.isNaN(time.getTime())) throw conversionFailed('Timestamp out of range: beyond the year 275760')
  return time
}

/** JSON text of a logical value; undefined where the schema names no such type. */
export function writeLogical(schema: Schema, value: unknown, config: EnvelopeConfig): string | undefined {
  if (schema.name === LOGICAL.decimal) return writeDecimal(schema, value, config)
  if (schema.name === LOGICAL.date) return String(wholeDays(dateMs(value, 'Date')))
  if (schema.name === LOGICAL.time) return String(timeOfDay(dateMs(value, 'Time')))
  if (schema.name === LOGICAL.timestamp) return String(dateMs(value, 'Timestamp'))
  return undefined
}

function writeDecimal(schema: Schema, value: unknown, config: EnvelopeConfig): string {
  if (!(value instanceof Decimal)) throw conversionFailed(`Invalid type for Decimal: ${typeof value}`)
  const scale = scaleOf(schema)
  if (scale === undefined) throw conversionFailed('Invalid Decimal schema: scale parameter not found.')
  if (scale !== value.scale) {
    throw conversionFailed(
      `Decimal value has mismatching scale for given Decimal schema. Schema has scale ${scale}, value has scale ${value.scale}.`,
    )
  }
  return config.decimalFormat === 'numeric' ? value.toString() : `"${value.toBytes().toString('base64')}"`
}

function dateMs(value: unknown, type: string): number {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.getTime()
  throw conversionFailed(`Invalid type for ${type}, expected Date but was ${typeof value}`)
}

function wholeDays(ms: number): number {
  if (ms % MS_PER_DAY === 0) return ms / MS_PER_DAY
  throw conversionFailed('Kafka Connect Date type should not have any time fields set to non-zero values.')
}

function timeOfDay(ms: number): number {
  if (ms >= 0 && ms <= MS_PER_DAY) return ms
  throw conversionFailed('Kafka Connect Time type should not have any date fields set to non-zero values.')
}
