import { PartialBatchError, type RecordBatch, type RowFailure, crashPoint, isRetriable } from '@connect-run/core'
import type { OutgoingRecords, SendFailure } from './client/producer-client.ts'
import type { KafkaError } from './kafka-error.ts'
import { type TopicRecords, pickRecords } from './outgoing.ts'

const TOO_LARGE = 10

export interface FailedRow {
  readonly row: number
  readonly topic: string
  readonly error: KafkaError
}

/** Sends the rows of one topic. */
export async function sendRows(
  { topic, records, rows }: TopicRecords,
  send: (records: OutgoingRecords) => Promise<SendFailure[]>,
): Promise<FailedRow[]> {
  const sending = send(records)
  crashPoint('after-send')
  const failures = await sending
  return failures.map(({ index, error }) => ({ row: rows?.[index] ?? index, topic, error }))
}

/**
 * Sends records; those that a broker refused as too large are sent again in halves until each that is too large stands
 * alone: a broker refuses all that a producer put into one of its batches.
 */
export async function sendApart(
  send: (records: OutgoingRecords) => Promise<SendFailure[]>,
  records: OutgoingRecords,
): Promise<SendFailure[]> {
  const failures = await send(records)
  const large = failures.filter(({ error }) => error.code === TOO_LARGE).map(({ index }) => index)
  if (large.length === 0 || records.count === 1) return failures
  const settled = failures.filter(({ error }) => error.code !== TOO_LARGE)
  const middle = Math.ceil(large.length / 2)
  for (const half of large.length === 1 ? [large] : [large.slice(0, middle), large.slice(middle)]) {
    const again = await sendApart(send, pickRecords(records, half))
    settled.push(...again.map(({ index, error }) => ({ index: half[index]!, error })))
  }
  return settled.sort((one, other) => one.index - other.index)
}

/** Throws what the runtime must do about the rows that failed, if any did. */
export function throwFailures(batch: RecordBatch, failures: readonly RowFailure[]): void {
  if (failures.length === 0) return
  const cut = [...failures, ...behindRetries(batch, failures)].sort((one, other) => one.row - other.row)
  const again = cut.filter(({ error }) => isRetriable(error))
  if (again.length === batch.length) throw again[0]!.error
  throw new PartialBatchError(cut)
}

/** Rows behind one that is put again, of the same partition: they are put again too, to come after it. */
function behindRetries(batch: RecordBatch, failures: readonly RowFailure[]): RowFailure[] {
  const failedRows = new Set(failures.map(({ row }) => row))
  const first = new Map<string, RowFailure>()
  for (const failure of failures) {
    const at = `${batch.partition(failure.row)} ${batch.stream(failure.row)}`
    const earlier = first.get(at)
    if (isRetriable(failure.error) && (earlier === undefined || failure.row < earlier.row)) first.set(at, failure)
  }
  if (first.size === 0) return []
  const behind: RowFailure[] = []
  for (let row = 0; row < batch.length; row++) {
    const cause = first.get(`${batch.partition(row)} ${batch.stream(row)}`)
    if (cause !== undefined && row > cause.row && !failedRows.has(row)) behind.push({ row, error: cause.error })
  }
  return behind
}
