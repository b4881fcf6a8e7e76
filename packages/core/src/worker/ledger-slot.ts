import { ConnectError, isConnectError } from '../api/errors.ts'
import type { Clock } from '../api/task-context.ts'
import type { StateStore, TaskState } from '../state/state-store.ts'
import type { Health } from './health.ts'
import type { LedgerBook } from './ledger.ts'

/** How often it is written at most, in milliseconds. */
const INTERVAL_MS = 1000
/** … and tried again when that failed. */
const PAUSE_MS = 30_000
/** More workers than any pipeline has. */
const MOST_SLOTS = 1000

export interface LedgerSlotParts {
  readonly stateStore: StateStore
  /** `<worker>-<pipeline>`. */
  readonly task: string
  readonly ledger: LedgerBook
  readonly health: Health
  readonly clock: Clock
}

/**
 * Keeps the ledger of a pipeline whose source keeps its own positions, in the first slot that no other worker of the
 * pipeline has. It holds nothing up and fails nothing: while the store can't be written, that is said, and the figures
 * of a worker that dies meanwhile are lost.
 */
export class LedgerSlot {
  readonly #parts: LedgerSlotParts
  readonly #closing = new AbortController()
  #state: TaskState | undefined
  #writing: Promise<void> | undefined
  #isDue = false
  /** In the clock's monotonic time. */
  #nextAt = 0

  constructor(parts: LedgerSlotParts) {
    this.#parts = parts
  }

  /** The ledger has changed: it is written soon. */
  changed(): void {
    this.#isDue = true
    this.#writing ??= this.#writeWhileDue().finally(() => (this.#writing = undefined))
  }

  /** Writes what has changed since, and gives the slot back. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#writing
    await this.#write()
    await this.#state?.close()
  }

  async #writeWhileDue(): Promise<void> {
    const { clock } = this.#parts
    while (this.#isDue) {
      await clock.sleep(Math.max(0, this.#nextAt - clock.monotonic()), this.#closing.signal).catch(() => undefined)
      if (this.#closing.signal.aborted) return
      this.#isDue = false
      const isWritten = await this.#write()
      if (!isWritten) this.#isDue = true
      this.#nextAt = clock.monotonic() + (isWritten ? INTERVAL_MS : PAUSE_MS)
    }
  }

  async #write(): Promise<boolean> {
    const { ledger, health } = this.#parts
    if (ledger.unstored().entries.length === 0) return true
    try {
      if (this.#state?.lost.aborted === true) this.#giveUp()
      if (this.#state === undefined) {
        this.#state = await this.#open()
        ledger.restore(this.#state.ledger)
      }
      const { entries, stored } = ledger.unstored()
      await this.#state.write({ positions: [], ledger: entries })
      stored()
      health.succeeded()
      return true
    } catch (error) {
      health.failed(error)
      return false
    }
  }

  async #open(): Promise<TaskState> {
    const { stateStore, task } = this.#parts
    for (let slot = 0; slot < MOST_SLOTS; slot++) {
      try {
        return await stateStore.open(`${task}@${slot}`)
      } catch (error) {
        if (!isConnectError(error) || error.code !== 'STATE_LOCKED') throw error
      }
    }
    throw new ConnectError('STATE_LOCKED', `${MOST_SLOTS} workers hold the state of ${task}`)
  }

  /** Another worker goes on with what was stored there; what was not is lost. */
  #giveUp(): void {
    const lost = this.#state
    this.#state = undefined
    this.#parts.ledger.forget()
    lost?.close().catch(() => undefined)
  }
}
