import type { PartialBatchError, RecordError } from '../api/errors.ts'
import { isRecordError, isRetriable } from '../api/errors.ts'
import type { Stage, StageFailure } from '../pipeline/stage.ts'
import type { RecordBatch } from '../records/record-batch.ts'

/** What a sink said of each row of a batch that it took partly. */
export interface Sorted {
  readonly written: number[]
  readonly poison: StageFailure[]
  /** In their order. */
  readonly again: number[]
  /** Why these failed; one that is no reason to try again comes first. */
  readonly reason: unknown
}

export function sortOut(rows: RecordBatch, { failures }: PartialBatchError): Sorted {
  const failed = new Map<number, unknown>(failures.map((failure) => [failure.row, failure.error]))
  const stray = failures.find(({ row }) => !Number.isInteger(row) || row < 0 || row >= rows.length)
  // Which rows are written is not known then: all are taken as not written.
  if (stray !== undefined) throw new RangeError(`the sink names row ${stray.row} of a batch of ${rows.length}`)
  const others = failures.map(({ error }) => error as unknown).filter((error) => !isRecordError(error))
  const reason = others.find((error) => !isRetriable(error)) ?? others[0]
  const sorted: Sorted = { written: [], poison: [], again: [], reason }
  for (let row = 0; row < rows.length; row++) {
    const error = failed.get(row)
    if (error === undefined) sorted.written.push(row)
    else if (isRecordError(error)) sorted.poison.push({ batch: rows, row, stage: stageOf(error), error })
    else sorted.again.push(row)
  }
  return sorted
}

/** A sink that reads source bytes finds out itself what can't be converted. */
export function stageOf({ code }: RecordError): Stage {
  return code === 'CONVERSION_FAILED' ? 'VALUE_CONVERTER' : 'TASK_PUT'
}
