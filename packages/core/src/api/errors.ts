/**
 * Errors are instructions to the runtime: what a connector throws decides what happens next.
 *
 * | thrown                | by                      | the runtime                                                        |
 * | --------------------- | ----------------------- | ------------------------------------------------------------------ |
 * | `RetriableError`      | `put`, `flush`, `poll`… | waits (`retryAfterMs`, backoff and jitter) and calls again         |
 * | `PartialBatchError`   | `put`                   | settles each listed row by its own error; rows not listed are done |
 * | `RecordError`         | `put`, converter, transform | one record: dead letter or fail, by tolerance; a batch: bisects |
 * | `EndOfSource`         | `poll`                  | drains, commits and ends the pipeline well                         |
 * | anything else         | anywhere                | fails the task; it restarts by policy                              |
 *
 * Classify by `code` or with {@link errorKind}, never with `instanceof`: two copies of this package may be loaded.
 */
import type { ErrorCode } from './error-codes.ts'

const brand = Symbol.for('connect-run.error')

/** What an error asks of the runtime. */
export type ErrorKind = 'retriable' | 'partial' | 'record' | 'end-of-source' | 'fatal' | 'config'

export interface ConnectErrorOptions {
  /** One imperative sentence for the operator: what to do about it. */
  readonly hint?: string
  readonly cause?: unknown
}

export interface RetriableErrorOptions extends ConnectErrorOptions {
  /** The other side asked for this pause in milliseconds: no call is made before. */
  readonly retryAfterMs?: number
}

/** Base of all errors with a documented code (`docs/errors.md`). Thrown as it is, it fails the task. */
export class ConnectError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly kind: ErrorKind = 'fatal'

  constructor(code: ErrorCode, message: string, options: ConnectErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.hint = options.hint
    Object.defineProperty(this, brand, { value: true })
  }
}

/** The whole call failed for a reason that passes: the runtime calls again with the same rows. */
export class RetriableError extends ConnectError {
  override readonly kind = 'retriable' as const
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, options: RetriableErrorOptions = {}) {
    super(code, message, options)
    this.retryAfterMs = options.retryAfterMs
  }
}

/**
 * A record can never succeed. From a converter or a transform it means that record. From `put` with a batch of one
 * it means that record; with a larger batch it means "one of these", and the runtime bisects to find it.
 */
export class RecordError extends ConnectError {
  override readonly kind = 'record' as const
}

/** How one row of a batch failed. */
export interface RowFailure {
  /** Index of the row in the batch that was given to `put`. */
  readonly row: number
  readonly error: RetriableError | RecordError
}

/**
 * Some rows of the batch failed; every row that is not listed was written. Rows with a `RetriableError` are put
 * again, in their order, or parked where the sink has `parking`: throw it for a batch of one as well, where it is the row
 * that was refused. Rows with a `RecordError` are dead-lettered or fail the task, by tolerance.
 */
export class PartialBatchError extends ConnectError {
  override readonly kind = 'partial' as const
  readonly failures: readonly RowFailure[]

  constructor(failures: readonly RowFailure[]) {
    super('PARTIAL_BATCH', `${failures.length} rows of the batch failed`)
    this.failures = failures
  }
}

/** Thrown by `poll` when no record will ever follow. The runtime drains what is in flight and ends the pipeline. */
export class EndOfSource extends ConnectError {
  override readonly kind = 'end-of-source' as const

  constructor(message = 'the source has ended') {
    super('END_OF_SOURCE', message)
  }
}

/** Whether this is an error of this module, whichever copy of the package made it. */
export function isConnectError(error: unknown): error is ConnectError {
  return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[brand] === true
}

/** What the error asks of the runtime; foreign errors are `fatal`. Never throws. */
export function errorKind(error: unknown): ErrorKind {
  return isConnectError(error) ? error.kind : 'fatal'
}

export function isRetriable(error: unknown): error is RetriableError {
  return errorKind(error) === 'retriable'
}

export function isRecordError(error: unknown): error is RecordError {
  return errorKind(error) === 'record'
}

export function isPartialBatch(error: unknown): error is PartialBatchError {
  return errorKind(error) === 'partial'
}

export function isEndOfSource(error: unknown): error is EndOfSource {
  return errorKind(error) === 'end-of-source'
}
