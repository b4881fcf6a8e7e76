import { RecordError } from '../api/errors.ts'
import type { Clock, Logger } from '../api/task-context.ts'
import type { ErrorsConfig } from '../config/pipeline-config.ts'
import { crashPoint } from '../crash-points.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import type { StageFailure } from '../pipeline/stage.ts'
import type { LedgerBook } from '../worker/ledger.ts'
import type { DeadLetterContext } from './dead-letter.ts'
import type { DeadLetterLimit } from './dead-letter-limit.ts'
import type { Tried } from './delivery.ts'
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
  readonly context: DeadLetterContext
  /** Undefined: any number of dead letters will do. */
  readonly limit: DeadLetterLimit | undefined
}

/** Takes note of what became of a record that can't be handled. */
export type Settle = (failure: StageFailure, outcome: 'deadLettered' | 'dropped') => void

/** Decides what becomes of records that can't be handled, by `errors`. */
export class Tolerance {
  readonly #parts: ToleranceParts
  readonly #log: RejectionLog
  /** Records that were read and not done: unless the caller says otherwise. */
  readonly #inFlight: Settle = ({ batch, row }, outcome) => {
    const { tracker, ledger } = this.#parts
    ledger.add(outcome, tracker.settle(batch, [row]))
  }

  constructor(parts: ToleranceParts) {
    this.#parts = parts
    const fate = parts.deadLetters === undefined ? 'dropped' : `dead-lettered to ${parts.deadLetters.target}`
    this.#log = new RejectionLog(fate, parts.logger, parts.clock)
  }

  /**
   * Settles the records once they are safe in the dead letter queue, or dropped where there is none: as records in
   * flight, unless `settle` says otherwise. False when a stop cut it short. Throws the record's error where nothing is
   * tolerated: the pipeline fails before the record.
   */
  async reject(failures: readonly StageFailure[], tried: Tried, settle: Settle = this.#inFlight): Promise<boolean> {
    const { errors, deadLetters, clock, context, limit } = this.#parts
    if (failures.length === 0) return true
    if (errors.tolerance === 'none') throw notTolerated(failures[0]!)
    if (deadLetters === undefined) {
      this.#settle(failures, 'dropped', settle)
      return true
    }
    limit?.admit(failures)
    const givenUp = { ...tried, firstFailureMs: tried.firstFailureMs ?? clock.now() }
    const written = await deadLetters.write(failures, context, givenUp)
    if (!written) return false
    crashPoint('dead-letter-written')
    this.#settle(failures, 'deadLettered', settle)
    return true
  }

  /** Told of records that were read, of which the limit may be a share. */
  read(records: number): void {
    this.#parts.limit?.read(records)
  }

  /** Says what is left to say; called once, at the end. */
  close(): void {
    this.#log.close()
  }

  #settle(failures: readonly StageFailure[], outcome: 'deadLettered' | 'dropped', settle: Settle): void {
    this.#log.note(failures)
    for (const failure of failures) settle(failure, outcome)
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
