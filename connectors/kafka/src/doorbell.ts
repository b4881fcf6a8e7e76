import type { Clock } from '@connect-run/core'

/** Sleeping that can be cut short. One sleeper at a time; a ring while nobody sleeps is lost. */
export class Doorbell {
  readonly #clock: Clock
  #wake: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ring(): void {
    this.#wake?.()
  }

  /** Resolves after so many milliseconds, at a ring or when the signal aborts. Never rejects. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    const sleep = new AbortController()
    const wake = (): void => sleep.abort(new Error('woken'))
    this.#wake = wake
    signal.addEventListener('abort', wake, { once: true })
    await this.#clock.sleep(ms, sleep.signal).catch(() => undefined)
    signal.removeEventListener('abort', wake)
  }
}
