import { type ConnectError, isConnectError } from '../api/errors.ts'
import type { Clock, Logger } from '../api/task-context.ts'
import { sayWhileSlow } from '../telemetry/say-while-slow.ts'

/** How often a trouble that lasts is said again, in milliseconds. */
const REMINDER_MS = 30_000

/**
 * What is wrong with one end of a pipeline, said once, again every 30 s while it lasts, and once when it is over:
 * a log that floods hides what it says.
 */
export class Health {
  readonly #subject: string
  readonly #logger: Logger
  readonly #clock: Clock
  #since: number | undefined
  #said = -Infinity
  /** What was said last, since it last worked. */
  #saidCause: string | undefined
  #failures = 0
  #error: unknown

  constructor(subject: string, logger: Logger, clock: Clock) {
    this.#subject = subject
    this.#logger = logger
    this.#clock = clock
  }

  /** What is wrong now; undefined where nothing is. */
  get error(): unknown {
    return this.#error
  }

  /** The same in one sentence. */
  get problem(): string | undefined {
    return this.#error === undefined ? undefined : describe(this.#error)
  }

  /** What the call comes to; said once a minute while it comes to nothing. */
  async watched<T>(call: Promise<T>): Promise<T> {
    const answered = new AbortController()
    void sayWhileSlow(this.#clock, answered.signal, (seconds) => {
      this.#logger.warn({ seconds }, `${this.#subject}: still waiting after ${seconds} s`)
    })
    try {
      return await call
    } finally {
      answered.abort()
    }
  }

  failed(error: unknown): void {
    const now = this.#clock.monotonic()
    const cause = causeOf(error)
    const isNew = cause !== this.#saidCause
    this.#since ??= now
    this.#error = error ?? new Error('unknown')
    this.#failures++
    if (!isNew && now - this.#said < REMINDER_MS) return
    // What takes turns, with another trouble or with success, would be said every time: at most once a second.
    if (isNew && now - this.#said < 1000) return
    this.#said = now
    this.#saidCause = cause
    const lasted = Math.round((now - this.#since) / 1000)
    const fields = { ...errorFields(error), failures: this.#failures, ...(lasted > 0 && { forSeconds: lasted }) }
    this.#logger.warn(fields, `${this.#subject}: ${describe(error)}; trying again`)
  }

  succeeded(): void {
    if (this.#since === undefined) return
    const seconds = Math.round((this.#clock.monotonic() - this.#since) / 1000)
    const fields = { failures: this.#failures, afterSeconds: seconds }
    if (this.#saidCause !== undefined) this.#logger.info(fields, `${this.#subject}: works again`)
    this.#saidCause = undefined
    this.#since = undefined
    this.#error = undefined
    this.#failures = 0
  }
}

/** Texts of one cause may differ in numbers and names. */
function causeOf(error: unknown): string {
  return isConnectError(error) ? error.code : describe(error)
}

export function describe(error: unknown): string {
  return error instanceof Error || isConnectError(error) ? error.message : String(error)
}

/** Code and hint of an error, for the log. */
export function errorFields(error: unknown): { code?: ConnectError['code']; hint?: string } {
  if (!isConnectError(error)) return {}
  return { code: error.code, ...(error.hint !== undefined && { hint: error.hint }) }
}
