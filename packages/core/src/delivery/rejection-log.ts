import type { Clock, Logger } from '../api/task-context.ts'
import type { StageFailure } from '../pipeline/stage.ts'
import { plural } from '../worker/plural.ts'

/** How often records rejected for the same cause are said, in milliseconds. */
const SAY_EVERY_MS = 10_000

/** Records rejected for one cause: code and stage. */
interface Cause {
  /** Not said yet. */
  count: number
  last: StageFailure
  said: number
}

/**
 * Says which records were rejected: the first of each cause at once, the others together every 10 s, and what is left
 * at the end. There are only as many causes as codes and stages.
 */
export class RejectionLog {
  readonly #logger: Logger
  readonly #clock: Clock
  /** What became of them, such as `dead-lettered`. */
  readonly #fate: string
  readonly #causes = new Map<string, Cause>()
  readonly #closed = new AbortController()
  #waiting = false

  constructor(fate: string, logger: Logger, clock: Clock) {
    this.#fate = fate
    this.#logger = logger
    this.#clock = clock
  }

  note(failures: readonly StageFailure[]): void {
    for (const failure of failures) {
      const key = `${failure.error.code} ${failure.stage}`
      const cause = this.#causes.get(key) ?? { count: 0, last: failure, said: -Infinity }
      cause.count++
      cause.last = failure
      this.#causes.set(key, cause)
    }
    this.#sayDue(SAY_EVERY_MS)
  }

  /** Says what was not said yet. */
  close(): void {
    this.#closed.abort()
    this.#sayDue(0)
  }

  #sayDue(everyMs: number): void {
    const now = this.#clock.monotonic()
    let isLeft = false
    for (const cause of this.#causes.values()) {
      if (cause.count === 0) continue
      if (now - cause.said < everyMs) isLeft = true
      else this.#say(cause, now)
    }
    if (isLeft && !this.#waiting) void this.#sayLater()
  }

  async #sayLater(): Promise<void> {
    this.#waiting = true
    await this.#clock.sleep(SAY_EVERY_MS, this.#closed.signal).catch(() => undefined)
    this.#waiting = false
    if (!this.#closed.signal.aborted) this.#sayDue(SAY_EVERY_MS)
  }

  #say(cause: Cause, now: number): void {
    const { error, stage } = cause.last
    const fields = { count: cause.count, code: error.code, stage, at: coordinates(cause.last) }
    this.#logger.warn(fields, `${plural(cause.count, 'record')} ${this.#fate}, the last: ${error.message}`)
    cause.count = 0
    cause.said = now
  }
}

export function coordinates({ batch, row }: StageFailure): string {
  return `${batch.stream(row)}/${batch.partition(row)}/${batch.offset(row)}`
}
