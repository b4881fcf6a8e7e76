import { type ConnectError, type RetriableError, type RowFailure, isRecordError, isRetriable } from '@connect-run/core'
import type { Operations } from '../operation/operations.ts'

/** What became of the operations of one batch so far. */
export class Outcome {
  readonly failures: RowFailure[] = []
  readonly #ops: Operations
  readonly #isSettled: Uint8Array
  /** Documents whose last operation must be tried again: what follows it must not go before. */
  readonly #held = new Map<string, RetriableError>()
  #settled = 0

  constructor(ops: Operations) {
    this.#ops = ops
    this.#isSettled = new Uint8Array(ops.rows.length)
  }

  /** Nothing is known of any operation. */
  get isBlank(): boolean {
    return this.#settled === 0
  }

  /** Throws what must stop the task. */
  settle(i: number, error: ConnectError | undefined): void {
    this.#isSettled[i] = 1
    this.#settled++
    if (error === undefined) return
    if (isRetriable(error)) this.#hold(i, error)
    else if (!isRecordError(error)) throw error
    this.failures.push({ row: this.#ops.rows[i]!, error })
  }

  /** Those that may be sent now; the others fail with what holds them back. */
  sendable(wave: readonly number[]): readonly number[] {
    const { guards } = this.#ops
    if (guards === null || this.#held.size === 0) return wave
    return wave.filter((i) => {
      const error = this.#held.get(guards[i]!)
      if (error !== undefined) this.settle(i, error)
      return error === undefined
    })
  }

  /** All of which nothing is known must be tried again. */
  failRest(error: RetriableError): void {
    for (let i = 0; i < this.#isSettled.length; i++) if (this.#isSettled[i] === 0) this.settle(i, error)
  }

  #hold(i: number, error: RetriableError): void {
    const { guards } = this.#ops
    if (guards !== null) this.#held.set(guards[i]!, error)
  }
}
