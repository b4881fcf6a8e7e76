import { RecordError } from '../api/errors.ts'
import type { Clock, Logger } from '../api/task-context.ts'
import type { ErrorsConfig } from '../config/pipeline-config.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import type { StageFailure } from '../pipeline/stage.ts'
import type { LedgerBook } from '../worker/ledger.ts'
import type { DeadLetterContext } from './dead-letter.ts'
import type { DeadLetterWriter } from './dead-letter-writer.ts'
import { RejectionLog, coordinates } from './rejection-log.ts'

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
  readonly #log: RejectionLog

  constructor(parts: ToleranceParts) {
    this.#parts = parts
    const fate = parts.deadLetters === undefined ? 'dropped' : `dead-lettered to ${parts.deadLetters.target}`
    this.#log = new RejectionLog(fate, parts.logger, parts.clock)
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
      this.#settle(failures, 'dropped')
      return true
    }
    const written = await deadLetters.write(failures, { ...context, attempts, firstFailureMs: clock.now() })
    if (written) this.#settle(failures, 'deadLettered')
    return written
  }

  /** Says what is left to say; called once, at the end. */
  close(): void {
    this.#log.close()
  }

  #settle(failures: readonly StageFailure[], outcome: 'deadLettered' | 'dropped'): void {
    const { tracker, ledger } = this.#parts
    this.#log.note(failures)
    for (const { batch, row } of failures) ledger.add(outcome, tracker.settle(batch, [row]))
  }
}

function notTolerated(failure: StageFailure): RecordError {
  const { error, stage } = failure
  const setAside = 'Set `errors.tolerance: all` and an `errors.deadLetterQueue` to set such records aside.'
  return new RecordError(error.code, `record ${coordinates(failure)} failed (${stage}): ${error.message}`, {
    hint: error.hint === undefined ? setAside : `${error.hint.replace(/\.?$/, '.')} ${setAside}`,
    cause: error,
  })
}
