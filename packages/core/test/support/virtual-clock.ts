import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../src/index.ts'

interface Timer {
  readonly at: number
  readonly fire: () => void
}

/** Time that passes as soon as nobody has anything else to do: whoever sleeps longest still sleeps no real time. */
export class VirtualClock implements Clock {
  readonly #timers = new Set<Timer>()
  #time = 0

  now(): number {
    return 1_700_000_000_000 + this.#time
  }

  monotonic(): number {
    return this.#time
  }

  /** Sleeps that nobody has ended. */
  get sleeping(): number {
    return this.#timers.size
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason as Error)
      const wake = (): void => {
        this.#timers.delete(timer)
        reject(signal!.reason as Error)
      }
      const fire = (): void => {
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const timer = { at: this.#time + ms, fire }
      this.#timers.add(timer)
      signal?.addEventListener('abort', wake, { once: true })
    })
  }

  /** Lets time pass until the promise has settled; rejects when that takes longer than anything should. */
  async runUntil<T>(promise: Promise<T>, maxTurns = 20_000): Promise<T> {
    const state = { settled: false }
    const settle = (): void => void (state.settled = true)
    promise.then(settle, settle)
    for (let turn = 0; !state.settled; turn++) {
      if (turn > maxTurns) throw new Error(`still not done after ${turn} turns, at ${this.#time} ms`)
      await nextTurn()
      if (!state.settled) this.#fireNext()
    }
    return promise
  }

  #fireNext(): void {
    let next: Timer | undefined
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer
    if (next === undefined) return
    this.#time = Math.max(this.#time, next.at)
    this.#timers.delete(next)
    next.fire()
  }
}
