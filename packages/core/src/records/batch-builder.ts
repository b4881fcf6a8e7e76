import type { Header, Positions, SourceRecord } from '../api/record.ts'
import { HEADER_STRIDE, type PackedRecords, allocatePacked, indexOf } from './packed-records.ts'
import { RecordBatch } from './record-batch.ts'

/** What a source knows of one record; null bytes are a missing key or a tombstone. */
export interface PackedInput {
  readonly stream: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970; -1 where there is none. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: readonly Header[] | undefined
}

/** Packs the records of one poll: bytes are copied once into one buffer. */
export function packRecords(records: readonly PackedInput[], positions: Positions | null = null): RecordBatch {
  const { bytes, headers } = measure(records)
  const streams: string[] = []
  const headerNumbers = headers > 0 ? new Int32Array(headers * HEADER_STRIDE) : null
  const packed = allocatePacked(records.length, Buffer.allocUnsafe(bytes), streams, headerNumbers)
  const at = { byte: 0, header: 0 }
  let stream = -1
  let streamName: string | undefined
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!
    if (record.stream !== streamName) {
      streamName = record.stream
      stream = indexOf(streams, streamName)
    }
    packed.stream[i] = stream
    packRow(packed, i, record, at)
  }
  return RecordBatch.of(packed, positions)
}

function packRow(packed: PackedRecords, i: number, record: PackedInput, at: { byte: number; header: number }): void {
  const { buffer } = packed
  packed.partition[i] = record.partition
  packed.offset[i] = record.offset
  packed.timestamp[i] = record.timestamp
  packed.valueStart[i] = at.byte
  if (record.value !== null) at.byte += record.value.copy(buffer, at.byte)
  packed.valueEnd[i] = record.value === null ? -1 : at.byte
  packed.keyStart[i] = at.byte
  if (record.key !== null) at.byte += record.key.copy(buffer, at.byte)
  packed.keyEnd[i] = record.key === null ? -1 : at.byte
  const numbers = packed.headers
  if (numbers === null || record.headers === undefined) return
  for (const { key, value } of record.headers) {
    numbers[at.header++] = i
    numbers[at.header++] = at.byte
    at.byte += buffer.write(key, at.byte, 'utf8')
    numbers[at.header++] = at.byte
    numbers[at.header++] = at.byte
    if (value !== null) at.byte += value.copy(buffer, at.byte)
    numbers[at.header++] = value === null ? -1 : at.byte
  }
}

function measure(records: readonly PackedInput[]): { bytes: number; headers: number } {
  let bytes = 0
  let headers = 0
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!
    bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
    if (record.headers === undefined) continue
    for (const header of record.headers) bytes += Buffer.byteLength(header.key) + (header.value?.length ?? 0)
    headers += record.headers.length
  }
  return { bytes, headers }
}

/** Packs what a simple source returned. Values and keys that are no Buffer stay as they are. */
export function packSourceRecords(records: readonly SourceRecord[], defaultStream: string): RecordBatch {
  if (records.length === 0) return RecordBatch.empty
  const inputs: PackedInput[] = []
  const values = new Array<unknown>(records.length)
  const keys = new Array<unknown>(records.length)
  const next = new Map<string, Positions[number]>()
  records.forEach((record, i) => {
    const { stream = defaultStream, partition = 0, offset, value, key = null } = record
    if (!Buffer.isBuffer(value) && value !== null) values[i] = value
    if (!Buffer.isBuffer(key) && key !== null) keys[i] = key
    const position = record.next ?? { offset: offset + 1 }
    next.set(`${partition} ${stream}`, { stream, partition, position })
    const bytes = { key: Buffer.isBuffer(key) ? key : null, value: Buffer.isBuffer(value) ? value : null }
    inputs.push({ stream, partition, offset, timestamp: record.timestamp ?? -1, ...bytes, headers: record.headers })
  })
  const { packed } = packRecords(inputs)
  const made = { keys: anyMade(keys), values: anyMade(values) }
  const failures = records.flatMap(({ error }, row) => (error === undefined ? [] : [{ row, error }]))
  return RecordBatch.made(packed, made)
    .withPositions([...next.values()])
    .withFailures(failures)
}

function anyMade(column: unknown[]): unknown[] | null {
  return column.some((value) => value !== undefined) ? column : null
}
