import { ConnectError } from '../api/errors.ts'
import type { Clock } from '../api/task-context.ts'
import type { DeadLetterLimits } from '../config/pipeline-config.ts'
import type { StageFailure } from '../pipeline/stage.ts'
import { coordinates } from './rejection-log.ts'

/** A share of fewer records says nothing. */
const FEWEST_READ = 100

/**
 * Stops a pipeline that would set too many records aside: what fails then is hardly the records. Kept for as long as the
 * pipeline, as a task that starts anew must not begin to count anew.
 */
export class DeadLetterLimit {
  readonly #limits: DeadLetterLimits
  readonly #dead: { readonly inRate: RecentCount; readonly inShare: RecentCount }
  readonly #read: RecentCount

  constructor(limits: DeadLetterLimits, clock: Clock) {
    const { maxRate, maxShare } = limits
    const counting = (windowMs = 0): RecentCount => new RecentCount(windowMs, clock)
    this.#limits = limits
    this.#dead = { inRate: counting(maxRate?.windowMs), inShare: counting(maxShare?.windowMs) }
    this.#read = counting(maxShare?.windowMs)
  }

  read(records: number): void {
    this.#read.add(records)
  }

  /** Takes note of records that are about to be set aside, all or none: throws where these are too many. */
  admit(failures: readonly StageFailure[]): void {
    const { maxRate, maxShare } = this.#limits
    const { inRate, inShare } = this.#dead
    const atRate = inRate.sum() + failures.length
    if (maxRate !== undefined && atRate > maxRate.records) {
      throw tooMany(`${atRate} records failed within ${seconds(maxRate)}, \`maxRate\` is ${maxRate.records}`, failures)
    }
    const read = this.#read.sum()
    const ofRead = inShare.sum() + failures.length
    if (maxShare !== undefined && read >= FEWEST_READ && ofRead > maxShare.share * read) {
      const most = `\`maxShare\` is ${percent(maxShare.share)}`
      throw tooMany(`${ofRead} of ${read} records failed within ${seconds(maxShare)}, ${most}`, failures)
    }
    inRate.add(failures.length)
    inShare.add(failures.length)
  }
}

function tooMany(what: string, failures: readonly StageFailure[]): ConnectError {
  const last = failures.at(-1)!
  const example = `${coordinates(last)} (${last.stage}): ${last.error.message}`
  return new ConnectError('DEAD_LETTER_LIMIT', `too many dead letters: ${what}; the last is ${example}`, {
    hint: 'nothing more was set aside and nothing is lost; cure what makes them fail, or raise the limit',
    cause: last.error,
  })
}

function seconds({ windowMs }: { readonly windowMs: number }): string {
  return `${windowMs / 1000} s`
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`
}

const SLOTS = 60

/** How much was added within the last `windowMs` milliseconds, to a sixtieth of it. */
class RecentCount {
  readonly #slotMs: number
  readonly #clock: Clock
  readonly #slots = new Float64Array(SLOTS)
  /** The newest slot, counted from the clock's zero. */
  #newest = 0

  constructor(windowMs: number, clock: Clock) {
    this.#slotMs = windowMs / SLOTS
    this.#clock = clock
  }

  add(amount: number): void {
    if (this.#slotMs === 0) return
    this.#forget()
    this.#slots[this.#newest % SLOTS]! += amount
  }

  sum(): number {
    this.#forget()
    return this.#slots.reduce((total, amount) => total + amount, 0)
  }

  #forget(): void {
    if (this.#slotMs === 0) return
    const now = Math.floor(this.#clock.monotonic() / this.#slotMs)
    const gone = Math.min(SLOTS, now - this.#newest)
    for (let i = 1; i <= gone; i++) this.#slots[(this.#newest + i) % SLOTS] = 0
    this.#newest = Math.max(this.#newest, now)
  }
}
