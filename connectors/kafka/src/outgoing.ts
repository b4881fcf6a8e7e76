import { isUtf8 } from 'node:buffer'
import { type Header, type RecordBatch, RecordError, type RowFailure, isRecordError } from '@connect-run/core'
import type { OutgoingRecords } from './client/producer-client.ts'
import type { TopicTemplate } from './topic-template.ts'

export interface Outgoing {
  readonly records: OutgoingRecords
  /** The rows that can be sent, in order. */
  readonly rows: number[]
  readonly refused: RowFailure[]
}

/** Encodes a batch for sending; rows that can't be are set aside with their reason. */
export function outgoing(batch: RecordBatch, template: TopicTemplate): Outgoing {
  const { length } = batch
  const topics = new Array<string>(length)
  const keys = new Array<Buffer | null>(length)
  const values = new Array<Buffer | null>(length)
  const timestamps = new Array<number>(length)
  const headers = new Map<number, readonly Header[]>()
  const rows: number[] = []
  const refused: RowFailure[] = []
  const hasHeaders = batch.packed.headers !== null
  for (let i = 0; i < length; i++) {
    try {
      topics[i] = template.fixed ?? template.render(batch, i)
      keys[i] = batch.keyBytes(i)
      values[i] = batch.valueBytes(i)
      timestamps[i] = batch.timestamp(i) ?? -1
      if (hasHeaders) takeHeaders(headers, i, batch.headers(i))
      rows.push(i)
    } catch (error) {
      if (!isRecordError(error)) throw error
      refused.push({ row: i, error })
    }
  }
  return { records: { topics, keys, values, timestamps, headers }, rows, refused }
}

function takeHeaders(all: Map<number, readonly Header[]>, row: number, headers: readonly Header[]): void {
  if (headers.length === 0) return
  for (const header of headers) {
    const problem = headerProblem(header)
    if (problem === undefined) continue
    throw new RecordError(
      'RECORD_INVALID',
      `the header \`${header.key}\` ${problem}, which this client can't send unchanged`,
      {
        hint: 'Write header values as text.',
      },
    )
  }
  all.set(row, headers)
}

/** The client sends header values as C strings: whatever is not text would arrive as something else. */
export function headerProblem({ key, value }: Header): string | undefined {
  if (key.includes('\0')) return 'has a name with a NUL in it'
  if (value === null) return 'has no value'
  if (value.includes(0)) return 'has a NUL in its value'
  return isUtf8(value) ? undefined : 'is not UTF-8'
}
