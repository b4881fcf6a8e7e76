import { RecordError } from '../api/errors.ts'
import type { Clock, Logger } from '../api/task-context.ts'
import type { ErrorsConfig } from '../config/pipeline-config.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import type { StageFailure } from '../pipeline/stage.ts'
import type { LedgerBook } from '../worker/ledger.ts'
import type { DeadLetterContext } from './dead-letter.ts'
import type { DeadLetterWriter } from './dead-letter-writer.ts'

const SAY_EVERY_MS = 10_000

export interface ToleranceParts {
  readonly errors: ErrorsConfig
  /** Undefined: there is no dead letter queue. */
  readonly deadLetters: DeadLetterWriter | undefined
  readonly tracker: AckTracker
  readonly ledger: LedgerBook
  readonly clock: Clock
  readonly logger: Logger
  readonly context: Pick<DeadLetterContext, 'worker' | 'pipeline' | 'connector'>
}

/** Decides what becomes of records that can't be handled, by `errors`. */
export class Tolerance {
  readonly #parts: ToleranceParts
  #said = -SAY_EVERY_MS
  #unsaid = 0

  constructor(parts: ToleranceParts) {
    this.#parts = parts
  }

  /**
   * Settles the records once they are safe in the dead letter queue, or dropped where there is none. False when a
   * stop cut it short. Throws the record's error where nothing is tolerated: the pipeline fails before the record.
   */
  async reject(failures: readonly StageFailure[], attempts: number): Promise<boolean> {
    const { errors, deadLetters, clock, context } = this.#parts
    if (failures.length === 0) return true
    if (errors.tolerance === 'none') throw notTolerated(failures[0]!)
    if (deadLetters === undefined) {
      this.#say(failures)
      this.#settle(failures, 'dropped')
      return true
    }
    const written = await deadLetters.write(failures, { ...context, attempts, firstFailureMs: clock.now() })
    if (written) this.#settle(failures, 'deadLettered')
    return written
  }

  #settle(failures: readonly StageFailure[], outcome: 'deadLettered' | 'dropped'): void {
    const { tracker, ledger } = this.#parts
    for (const { batch, row } of failures) ledger.add(outcome, tracker.settle(batch, [row]))
  }

  #say(failures: readonly StageFailure[]): void {
    this.#unsaid += failures.length
    const now = this.#parts.clock.monotonic()
    if (now - this.#said < SAY_EVERY_MS) return
    const last = failures[failures.length - 1]!
    const fields = { count: this.#unsaid, code: last.error.code, stage: last.stage, at: coordinates(last) }
    this.#parts.logger.warn(fields, `${this.#unsaid} records dropped, the last: ${last.error.message}`)
    this.#said = now
    this.#unsaid = 0
  }
}

function notTolerated(failure: StageFailure): RecordError {
  const { error, stage } = failure
  return new RecordError(error.code, `record ${coordinates(failure)} failed (${stage}): ${error.message}`, {
    hint:
      error.hint ??
      'set `errors.tolerance: all` and an `errors.deadLetterQueue` to set such records aside, or cure the record',
    cause: error,
  })
}

function coordinates({ batch, row }: StageFailure): string {
  return `${batch.stream(row)}/${batch.partition(row)}/${batch.offset(row)}`
}
