import type { RecordError } from '../api/errors.ts'
import type { RecordBatch } from '../records/record-batch.ts'

/** Where a record was when it failed; Kafka Connect's names, as they stand in dead letters and metrics. */
export type Stage = 'TASK_POLL' | 'KEY_CONVERTER' | 'VALUE_CONVERTER' | 'TRANSFORMATION' | 'TASK_PUT'

/** A row of `batch` that can't go on. */
export interface StageFailure {
  readonly batch: RecordBatch
  readonly row: number
  readonly stage: Stage
  /** The transform that it failed in, or that was the first to read it. */
  readonly transform?: string
  readonly error: RecordError
}
