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

/** The columns of a batch by topic. Nothing is copied where all rows go to one. */
export function outgoing(batch: RecordBatch, template: TopicTemplate, textHeaders: boolean): Outgoing {
  const refused = new Map<number, RowFailure>()
  if (textHeaders) refuseBinaryHeaders(batch, refused)
  const records = columnsOf(batch)
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
