import { packRecords } from '../../src/records/batch-builder.ts'
import { endConverters, type Codec } from '../../src/records/codec.ts'
import type { RecordBatch } from '../../src/records/record-batch.ts'
import { bytesConverter } from '../../src/converters/bytes.ts'
import { jsonConverter } from '../../src/converters/json.ts'

const json = endConverters(jsonConverter, jsonConverter)
const bytes = endConverters(bytesConverter, bytesConverter)
export const jsonCodec: Codec = { key: bytes, value: json }

/** A batch of JSON texts; null is a tombstone. */
export function batchOf(...values: (string | null)[]): RecordBatch {
  const records = values.map((value, offset) => ({
    stream: 's',
    partition: 0,
    offset,
    timestamp: -1,
    key: null,
    value: value === null ? null : Buffer.from(value),
  }))
  return packRecords(records).withCodec(jsonCodec)
}

export function valuesOf(batch: RecordBatch): unknown[] {
  return Array.from(batch, (record) => record.value)
}

export function offsetsOf(batch: RecordBatch): number[] {
  return Array.from(batch, (record) => record.offset)
}
