import { type PackedRecords, RecordBatch } from '@connect-run/core'
import { type FieldMaker, fieldMaker } from './field-maker.ts'
import { fieldSpec } from './field-spec.ts'
import type { GeneratorConfig } from './source-config.ts'

/** Which records to make: `first` and the `count - 1` after it, at `now` (milliseconds since 1970). */
export interface Span {
  readonly first: number
  readonly count: number
  readonly now: number
}

export interface RecordMaker {
  value(n: number, now: number): Readonly<Record<string, unknown>>
  batch(span: Span): RecordBatch
}

export function recordMaker({ fields, seed, keyField, stream }: GeneratorConfig): RecordMaker {
  const names = Object.keys(fields)
  const makers = names.map((name): FieldMaker => fieldMaker(name, fieldSpec(fields[name]!), seed))
  const value = (n: number, now: number): Record<string, unknown> => {
    const record: Record<string, unknown> = {}
    for (let f = 0; f < names.length; f++) record[names[f]!] = makers[f]!(n, now)
    return record
  }
  return {
    value,
    batch: ({ first, count, now }) => {
      const values = new Array<unknown>(count)
      const keys = keyField === undefined ? null : new Array<unknown>(count)
      for (let i = 0; i < count; i++) {
        const record = value(first + i, now)
        values[i] = record
        if (keys !== null) keys[i] = record[keyField!]
      }
      const position = { stream, partition: 0, position: { offset: first + count } }
      return RecordBatch.made(columns({ first, count, now }, stream), { keys, values }).withPositions([position])
    },
  }
}

/** Columns of records that were never bytes. */
function columns({ first, count, now }: Span, stream: string): PackedRecords {
  const offset = new Float64Array(count)
  for (let i = 0; i < count; i++) offset[i] = first + i
  return {
    count,
    buffer: Buffer.alloc(0),
    valueStart: new Int32Array(count),
    valueEnd: new Int32Array(count).fill(-1),
    keyStart: new Int32Array(count),
    keyEnd: new Int32Array(count).fill(-1),
    partition: new Int32Array(count),
    offset,
    timestamp: new Float64Array(count).fill(now),
    stream: new Int32Array(count),
    streams: [stream],
    headers: null,
  }
}
