import { RecordError, isRecordError } from '../api/errors.ts'
import type { TransformFunction, TransformResult } from '../api/transform.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { isFields } from './field-path.ts'

type Failure = NonNullable<TransformResult['failures']>[number]
type Fields = Readonly<Record<string, unknown>>

/**
 * A transform that gives every object another value. Tombstones pass untouched; a value that can't be decoded, is no
 * object, or that `change` throws a `RecordError` for, fails. `change` must not touch its argument.
 */
export function changeValues(change: (fields: Fields) => Fields): TransformFunction {
  return (batch) => {
    const values = new Array<unknown>(batch.length)
    const failures: Failure[] = []
    for (let row = 0; row < batch.length; row++) {
      try {
        // Undefined leaves the row as it is.
        if (!batch.isTombstone(row)) values[row] = change(fieldsOf(batch.value(row)))
      } catch (error) {
        failures.push({ row, error: recordErrorOf(error) })
      }
    }
    return failures.length === 0 ? { batch: batch.withValues(values) } : withoutFailed(batch, values, failures)
  }
}

function fieldsOf(value: unknown): Fields {
  if (isFields(value)) return value
  throw new RecordError(
    'TRANSFORM_FAILED',
    `the value is ${Array.isArray(value) ? 'an array' : `a ${typeof value}`}, not an object`,
  )
}

/** The error of one record; anything else is a fault of the program and goes on. */
export function recordErrorOf(error: unknown): RecordError {
  if (isRecordError(error)) return error
  throw error
}

function withoutFailed(batch: RecordBatch, values: readonly unknown[], failures: readonly Failure[]): TransformResult {
  const failed = new Set(failures.map(({ row }) => row))
  const rows: number[] = []
  for (let row = 0; row < batch.length; row++) if (!failed.has(row)) rows.push(row)
  return { batch: batch.select(rows).withValues(rows.map((row) => values[row])), failures }
}
