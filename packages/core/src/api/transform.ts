import type { RecordBatch } from '../records/record-batch.ts'
import type { ObjectSchema } from './config-schema.ts'
import type { RecordError } from './errors.ts'

/** What a transform returns: the rows that go on, and those that it could not handle. */
export interface TransformResult {
  readonly batch: RecordBatch
  /** Rows of the input that failed; each goes the way of `errors.tolerance`. They are not in `batch`. */
  readonly failures?: readonly { readonly row: number; readonly error: RecordError }[]
}

/** Rows that are neither in the result nor failed were filtered on purpose: they count as done. */
export type TransformFunction = (batch: RecordBatch) => TransformResult

/**
 * A step between source and sink: a function from batch to batch, made once from its options. Order is kept.
 * `batch.select(rows)` drops rows, `batch.withValues(values)` changes values,
 * `batch.expand(rows, values)` makes several records of one; all keep every row's origin.
 */
export interface Transform<Config = unknown> {
  readonly name: string
  readonly description: string
  readonly config: ObjectSchema<Config>
  /** What it does with a batch; what it does not touch stays packed and unparsed. */
  readonly effects: {
    readonly readsValues: boolean
    readonly changesValues: boolean
    readonly drops: boolean
    readonly splits: boolean
  }
  create(config: Config): TransformFunction
}
