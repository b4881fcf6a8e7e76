import { type EncodedColumns, allocateEncoded, appendEncoded } from './encoded-columns.ts'

/**
 * The records of one batch in columns: all keys, values and headers in one buffer, everything else in typed arrays.
 * One object for a batch instead of several for each record is what makes the data path fast (docs/adr).
 */
export interface PackedRecords extends EncodedColumns {
  readonly count: number
  readonly partition: Int32Array
  readonly offset: Float64Array
  /** Milliseconds since 1970; -1 where there is none. */
  readonly timestamp: Float64Array
  /** Index into `streams`. */
  readonly stream: Int32Array
  readonly streams: readonly string[]
  /** Five numbers for each header, ordered by record: record, name start, name end, value start, value end (-1: null). */
  readonly headers: Int32Array | null
}

export const HEADER_STRIDE = 5

export const NO_RECORDS: PackedRecords = allocatePacked(0, Buffer.alloc(0), [], null)

/** Columns of `count` records whose contents the caller fills in. */
export function allocatePacked(
  count: number,
  buffer: Buffer,
  streams: readonly string[],
  headers: Int32Array | null,
): PackedRecords {
  return {
    count,
    ...allocateEncoded(count, buffer),
    partition: new Int32Array(count),
    offset: new Float64Array(count),
    timestamp: new Float64Array(count),
    stream: new Int32Array(count),
    streams,
    headers,
  }
}

/** One set of columns from several, bytes copied. */
export function concatPacked(parts: readonly PackedRecords[]): PackedRecords {
  let count = 0
  let bytes = 0
  let headerNumbers = 0
  for (const part of parts) {
    count += part.count
    bytes += part.buffer.length
    headerNumbers += part.headers?.length ?? 0
  }
  const streams: string[] = []
  const headers = headerNumbers > 0 ? new Int32Array(headerNumbers) : null
  const all = allocatePacked(count, Buffer.allocUnsafe(bytes), streams, headers)
  const at = { row: 0, byte: 0, header: 0 }
  for (const part of parts) append(all, part, streams, at)
  return all
}

function append(
  all: PackedRecords,
  part: PackedRecords,
  streams: string[],
  at: { row: number; byte: number; header: number },
): void {
  appendEncoded(all, part, at)
  const streamIndex = part.streams.map((name) => indexOf(streams, name))
  for (let i = 0, row = at.row; i < part.count; i++, row++) all.stream[row] = streamIndex[part.stream[i]!]!
  all.partition.set(part.partition, at.row)
  all.offset.set(part.offset, at.row)
  all.timestamp.set(part.timestamp, at.row)
  if (part.headers !== null && all.headers !== null) appendHeaders(all.headers, part.headers, at)
  at.row += part.count
  at.byte += part.buffer.length
}

function appendHeaders(all: Int32Array, headers: Int32Array, at: { row: number; byte: number; header: number }): void {
  for (let h = 0; h < headers.length; h += HEADER_STRIDE, at.header += HEADER_STRIDE) {
    all[at.header] = headers[h]! + at.row
    all[at.header + 1] = headers[h + 1]! + at.byte
    all[at.header + 2] = headers[h + 2]! + at.byte
    all[at.header + 3] = headers[h + 3]! + at.byte
    all[at.header + 4] = headers[h + 4]! < 0 ? -1 : headers[h + 4]! + at.byte
  }
}

/** Index of the name in a short list, adding it where it is new. */
export function indexOf(streams: string[], name: string): number {
  const found = streams.indexOf(name)
  return found >= 0 ? found : streams.push(name) - 1
}
