import { type Converter, type RecordBatch, packRecords } from '@connect-run/core'
import { bytesCodec, converters, endConverters } from '@connect-run/core/runtime'
import { type Operations, OperationEncoder } from '../../src/operation/operations.ts'
import { type TestRecord as TextKeyed, json, sinkConfig } from '../support.ts'

export const TIME: number = Date.UTC(2024, 4, 1, 12, 30)

export type Options = Readonly<Record<string, unknown>>

/** With keys of any type. */
export interface TestRecord extends Omit<TextKeyed, 'key'> {
  readonly key?: unknown
}

export interface JsonRecord extends TestRecord {
  readonly value: Buffer | null
  readonly key?: Buffer | null
}

/** Decoded records; offsets count from 0 where none are given. */
export function batchOf(records: readonly TestRecord[]): RecordBatch {
  const plain = records.map((record) => ({ ...record, key: null, value: Buffer.from('x') }))
  const made = packed(plain).withValues(records.map(({ value }) => value))
  return records.every(({ key }) => key === undefined) ? made : withKeys(made, records)
}

/** Keys are decoded by the converter of the source alone. */
function withKeys(batch: RecordBatch, records: readonly TestRecord[]): RecordBatch {
  const keys: Converter = {
    format: 'test',
    schemas: false,
    decode: (buffer, start) => records[buffer.readInt32BE(start)]!.key,
    encode: () => null,
  }
  const numbered = records.map((record, i) => ({ ...record, key: numberBytes(i), value: Buffer.from('x') }))
  const codec = { ...bytesCodec, key: endConverters(keys, keys) }
  return packed(numbered)
    .withCodec(codec)
    .withValues(Array.from(batch, ({ value }) => value))
}

function numberBytes(number: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(number)
  return bytes
}

const texts: Converter = converters.find(({ name }) => name === 'string')!.create({ encoding: 'utf-8' } as never)

/** Records that are still JSON, as a source has read them, with texts as keys. */
export function jsonBatchOf(records: readonly JsonRecord[], converter: Converter = json): RecordBatch {
  const codec = { key: endConverters(texts, texts), value: endConverters(converter, converter) }
  return packed(records).withCodec({ ...bytesCodec, ...codec })
}

function packed(records: readonly JsonRecord[]): RecordBatch {
  return packRecords(
    records.map((record, i) => {
      const { stream = 'oceanic', partition = 0, offset = i, timestamp = TIME, headers, key = null, value } = record
      return { stream, partition, offset, timestamp, headers, key, value }
    }),
  )
}

export function encode(records: readonly TestRecord[], options: Options = {}): Operations {
  return new OperationEncoder(sinkConfig(options)).encode(batchOf(records))
}

export function encodeJson(records: readonly JsonRecord[], options: Options = {}): Operations {
  return new OperationEncoder(sinkConfig(options)).encode(jsonBatchOf(records))
}

/** The lines of each operation, by what `ends` says. */
export function linesOf({ body, ends }: Pick<Operations, 'body' | 'ends'>): string[][] {
  return ends.map((end, i) => {
    const text = body.subarray(i === 0 ? 0 : ends[i - 1]!, end).toString()
    if (!text.endsWith('\n')) throw new Error(`no line end: ${text}`)
    return text.slice(0, -1).split('\n')
  })
}

/** The lines of one record, or why there are none. */
export function linesFor(record: TestRecord, options: Options = {}): string[] {
  return only(encode([record], options))
}

export function only(operations: Operations): string[] {
  const [failure] = operations.failures
  return failure === undefined ? linesOf(operations)[0]! : [`${failure.error.code}: ${failure.error.message}`]
}
