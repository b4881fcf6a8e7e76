import { isUtf8 } from 'node:buffer'
import {
  HEADER_STRIDE,
  type Header,
  type RecordBatch,
  RecordError,
  type RowFailure,
  firstHeader,
  isRecordError,
  pickEncoded,
} from '@connect-run/core'
import type { OutgoingRecords } from './client/producer-client.ts'
import type { TopicTemplate } from './topic-template.ts'

/** Some rows of a batch that go to one topic, in order. */
export interface TopicRecords {
  readonly topic: string
  readonly records: OutgoingRecords
  /** The row of each record; null: all of the batch. */
  readonly rows: readonly number[] | null
}

export interface Outgoing {
  readonly topics: readonly TopicRecords[]
  /** Rows that can't be sent. */
  readonly refused: readonly RowFailure[]
}

/** What the client can send. */
export interface OutgoingBounds {
  /** Only headers that are text. Default false. */
  readonly textHeaders?: boolean
  /** Records of this size, as the client reckons it. Default: all; the client and the brokers say what is too large. */
  readonly maxBytes?: number | undefined
}

/** The columns of a batch by topic. Nothing is copied where all rows go to one. */
export function outgoing(batch: RecordBatch, template: TopicTemplate, bounds: OutgoingBounds = {}): Outgoing {
  const { textHeaders = false, maxBytes } = bounds
  const refused = new Map<number, RowFailure>()
  if (textHeaders) refuseBinaryHeaders(batch, refused)
  const records = columnsOf(batch)
  if (maxBytes !== undefined) refuseLarge(records, maxBytes, refused)
  if (template.fixed !== undefined && refused.size === 0) {
    return { topics: [{ topic: template.fixed, records, rows: null }], refused: [] }
  }
  const topics: TopicRecords[] = []
  for (const [topic, rows] of rowsByTopic(batch, template, refused)) {
    topics.push({ topic, records: pickRecords(records, rows), rows })
  }
  return { topics, refused: [...refused.values()] }
}

type Rows = Int32Array | readonly number[]

/** Some of the records, in order. Their bytes stay where they are. */
export function pickRecords(records: OutgoingRecords, rows: Rows): OutgoingRecords {
  return {
    count: rows.length,
    ...pickEncoded(records, rows),
    timestamp: pickTimes(records.timestamp, rows),
    headers: records.headers === null ? null : pickHeaders(records.headers, rows, 0),
  }
}

function pickTimes(times: Float64Array, rows: Rows): Float64Array {
  const picked = new Float64Array(rows.length)
  for (let i = 0; i < rows.length; i++) picked[i] = times[rows[i]!]!
  return picked
}

function rowsByTopic(
  batch: RecordBatch,
  template: TopicTemplate,
  refused: Map<number, RowFailure>,
): ReadonlyMap<string, readonly number[]> {
  const byTopic = new Map<string, number[]>()
  let topic: string | undefined
  let rows: number[] = []
  for (let row = 0; row < batch.length; row++) {
    if (refused.has(row)) continue
    const name = topicOf(batch, row, { template, refused })
    if (name === undefined) continue
    if (name !== topic) {
      topic = name
      rows = byTopic.get(name) ?? []
      byTopic.set(name, rows)
    }
    rows.push(row)
  }
  return byTopic
}

function topicOf(
  batch: RecordBatch,
  row: number,
  { template, refused }: { template: TopicTemplate; refused: Map<number, RowFailure> },
): string | undefined {
  try {
    return template.fixed ?? template.render(batch, row)
  } catch (error) {
    if (!isRecordError(error)) throw error
    refused.set(row, { row, error })
    return undefined
  }
}

/** Keys, values, times and headers by row of the batch. */
function columnsOf(batch: RecordBatch): OutgoingRecords {
  const { packed, length, isWhole } = batch
  const { buffer, keyStart, keyEnd, valueStart, valueEnd } = batch.encoded()
  const columns = { count: length, keyStart, keyEnd, valueStart, valueEnd }
  if (isWhole && (packed.headers === null || buffer === packed.buffer)) {
    return { ...columns, buffer, timestamp: packed.timestamp, headers: packed.headers }
  }
  const rows = new Int32Array(length)
  for (let row = 0; row < length; row++) rows[row] = batch.packedRow(row)
  const timestamp = pickTimes(packed.timestamp, rows)
  if (packed.headers === null) return { ...columns, buffer, timestamp, headers: null }
  if (buffer === packed.buffer) return { ...columns, buffer, timestamp, headers: pickHeaders(packed.headers, rows, 0) }
  // Headers are in the source's buffer, and the client takes one: that is put behind what was encoded.
  const headers = pickHeaders(packed.headers, rows, buffer.length)
  return { ...columns, buffer: Buffer.concat([buffer, packed.buffer]), timestamp, headers }
}

/** The headers of some rows, ranges moved on by so many bytes. `headers` are ordered by row; a row may come twice. */
function pickHeaders(headers: Int32Array, rows: Rows, by: number): Int32Array {
  const picked: number[] = []
  for (let i = 0; i < rows.length; i++) {
    for (let h = firstHeader(headers, rows[i]!); h < headers.length && headers[h] === rows[i]; h += HEADER_STRIDE) {
      const valueEnd = headers[h + 4]!
      picked.push(i, headers[h + 1]! + by, headers[h + 2]! + by, headers[h + 3]! + by)
      picked.push(valueEnd < 0 ? -1 : valueEnd + by)
    }
  }
  return Int32Array.from(picked)
}

/** No less than what librdkafka adds to a record, and to each of its headers, at most. */
const RECORD_OVERHEAD = 36
const HEADER_OVERHEAD = 10

function refuseLarge(records: OutgoingRecords, maxBytes: number, refused: Map<number, RowFailure>): void {
  const { count, keyStart, keyEnd, valueStart, valueEnd, headers } = records
  for (let row = 0; row < count; row++) {
    const ofKey = Math.max(0, keyEnd[row]! - keyStart[row]!)
    const ofValue = Math.max(0, valueEnd[row]! - valueStart[row]!)
    const bytes = RECORD_OVERHEAD + ofKey + ofValue + (headers === null ? 0 : headerBytes(headers, row))
    if (bytes <= maxBytes) continue
    const message = `a record of ${bytes} bytes is larger than \`maxRequestSize\`, ${maxBytes} bytes`
    const hint = "Raise the sink's `maxRequestSize` and the topic's `max.message.bytes`, or make the record smaller."
    refused.set(row, { row, error: new RecordError('RECORD_TOO_LARGE', message, { hint }) })
  }
}

function headerBytes(headers: Int32Array, row: number): number {
  let bytes = 0
  for (let h = firstHeader(headers, row); h < headers.length && headers[h] === row; h += HEADER_STRIDE) {
    bytes += HEADER_OVERHEAD + headers[h + 2]! - headers[h + 1]! + Math.max(0, headers[h + 4]! - headers[h + 3]!)
  }
  return bytes
}

function refuseBinaryHeaders(batch: RecordBatch, refused: Map<number, RowFailure>): void {
  if (batch.packed.headers === null) return
  for (let row = 0; row < batch.length; row++) {
    for (const header of batch.headers(row)) {
      const problem = headerProblem(header)
      if (problem === undefined) continue
      const message = `the header \`${header.key}\` ${problem}, which the published node-rdkafka can't send unchanged`
      const hint = 'Write header values as text, or install the patched client: see the README of the Kafka connector.'
      refused.set(row, { row, error: new RecordError('RECORD_INVALID', message, { hint }) })
    }
  }
}

/** The published call sends header values as C strings: whatever is not text would arrive as something else. */
function headerProblem({ key, value }: Header): string | undefined {
  if (key.includes('\0')) return 'has a name with a NUL in it'
  if (value === null) return 'has no value'
  if (value.includes(0)) return 'has a NUL in its value'
  return isUtf8(value) ? undefined : 'is not UTF-8'
}
