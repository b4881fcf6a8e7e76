import { readFileSync } from 'node:fs'
import type { Schema } from '../../src/api/schema.ts'
import { Decimal } from '../../src/converters/decimal.ts'

/** A case recorded from Kafka Connect's JsonConverter. */
export interface ConverterCase {
  readonly id: number
  readonly op: 'JsonConverter.toConnect' | 'JsonConverter.fromConnect'
  readonly config: Readonly<Record<string, string>>
  readonly input_utf8?: string | null
  readonly input?: { readonly schema: RecordedSchema | null; readonly value: Tagged }
  readonly output?: {
    readonly schema?: object | null
    readonly value?: Tagged
    readonly error?: string
    readonly message?: string
  }
  readonly output_utf8?: string | null
}

export type RecordedSchema = Omit<Schema, 'fields'> & {
  readonly fields?: readonly (RecordedSchema & { field: string })[]
}

/** A value with its Java type: `{"int64": "1"}`. */
export type Tagged = null | Readonly<Record<string, unknown>>

const file = new URL('kafka-connect-converter.jsonl', import.meta.url)

export function converterCases(op: ConverterCase['op']): ConverterCase[] {
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line) as ConverterCase).filter((one) => one.op === op)
}

/** Kafka Connect's schema as ours: fields hold their schema. */
export function schemaOf(recorded: RecordedSchema | null): Schema | undefined {
  if (recorded === null) return undefined
  const { fields, ...rest } = recorded
  if (fields === undefined) return rest
  return {
    ...rest,
    fields: fields.map(({ field, ...schema }) => ({ field, schema: schemaOf(schema)! })),
  }
}

/** The value that stands for a tagged one. */
export function valueOf(tagged: Tagged, schema?: Schema): unknown {
  if (tagged === null) return null
  const [[type, value]] = Object.entries(tagged) as [[string, unknown]]
  switch (type) {
    case 'int64': {
      const number = Number(value)
      return Number.isSafeInteger(number) ? number : BigInt(value as string)
    }
    case 'float32':
    case 'float64':
      return Number(value)
    case 'bytes_base64':
      return Buffer.from(value as string, 'base64')
    case 'decimal':
      return Decimal.parse(value as string)
    case 'date_ms':
      return new Date(value as number)
    case 'array':
      return (value as Tagged[]).map((item) => valueOf(item, schema?.items))
    case 'map':
      return mapOf(value as [Tagged, Tagged][], schema)
    case 'struct':
      return structOf(value as Readonly<Record<string, Tagged>>, schema)
    default:
      return value
  }
}

function mapOf(pairs: readonly [Tagged, Tagged][], schema: Schema | undefined): unknown {
  const entries = pairs.map(([key, value]) => [valueOf(key, schema?.keys), valueOf(value, schema?.values)] as const)
  const named = schema === undefined || schema.keys?.type === 'string'
  return named ? Object.fromEntries(entries as [string, unknown][]) : new Map(entries)
}

function structOf(struct: Readonly<Record<string, Tagged>>, schema: Schema | undefined): object {
  const fieldSchema = (name: string): Schema | undefined => schema?.fields?.find(({ field }) => field === name)?.schema
  return Object.fromEntries(Object.entries(struct).map(([name, value]) => [name, valueOf(value, fieldSchema(name))]))
}
