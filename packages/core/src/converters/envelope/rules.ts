import { RecordError } from '../../api/errors.ts'
import { JsonNumber } from './json-number.ts'

export interface EnvelopeConfig {
  readonly schemas: boolean
  readonly decimalFormat: 'base64' | 'numeric'
  readonly replaceNullWithDefault: boolean
  readonly strict: boolean
}

export const LOGICAL = {
  decimal: 'org.apache.kafka.connect.data.Decimal',
  date: 'org.apache.kafka.connect.data.Date',
  time: 'org.apache.kafka.connect.data.Time',
  timestamp: 'org.apache.kafka.connect.data.Timestamp',
} as const

export const MS_PER_DAY = 86_400_000

const javaNames: Readonly<Record<string, string>> = { float: 'FLOAT32', double: 'FLOAT64' }

/** The type's name in Kafka Connect's messages. */
export function typeName(type: string): string {
  return javaNames[type] ?? type.toUpperCase()
}

/** The JSON node's name in Kafka Connect's messages. */
export function nodeName(json: unknown): string {
  if (json === undefined) return 'MISSING'
  if (json === null) return 'NULL'
  if (json instanceof JsonNumber) return 'NUMBER'
  if (Array.isArray(json)) return 'ARRAY'
  return (typeof json).toUpperCase()
}

export function conversionFailed(message: string, hint?: string): RecordError {
  return new RecordError('CONVERSION_FAILED', message, hint === undefined ? {} : { hint })
}
