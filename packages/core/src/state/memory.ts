import { ConnectError, RetriableError } from '../api/errors.ts'
import type { Positions } from '../api/record.ts'
import { type LedgerEntry, mergeLedger } from './ledger-entry.ts'
import { mergePositions } from './positions.ts'
import { type StateChanges, type StateStore, type StoredState, type TaskState, isOfTask } from './state-store.ts'

/** State that lasts as long as the store. `now` is in milliseconds since 1970. */
export function createMemoryStateStore(now: () => number = Date.now): StateStore {
  const shelf: Shelf = { states: new Map(), claimed: new Set(), now }
  return {
    open: async (task) => {
      if (shelf.claimed.has(task)) {
        throw new RetriableError('STATE_LOCKED', `the state of ${task} is held by another pipeline of this worker`)
      }
      shelf.claimed.add(task)
      return new MemoryTaskState(task, shelf)
    },
    read: async (task) => [...shelf.states.values()].filter((state) => isOfTask(state.task, task)).sort(bySlot),
    close: async () => shelf.claimed.clear(),
  }
}

interface Shelf {
  readonly states: Map<string, StoredState>
  readonly claimed: Set<string>
  readonly now: () => number
}

function bySlot(one: StoredState, other: StoredState): number {
  return one.task.localeCompare(other.task, 'en', { numeric: true })
}

class MemoryTaskState implements TaskState {
  readonly #task: string
  readonly #shelf: Shelf
  #open = true
  /** Nobody else can reach it. */
  readonly lost: AbortSignal = new AbortController().signal

  constructor(task: string, shelf: Shelf) {
    this.#task = task
    this.#shelf = shelf
  }

  get positions(): Positions {
    return this.#shelf.states.get(this.#task)?.positions ?? []
  }

  get ledger(): readonly LedgerEntry[] {
    return this.#shelf.states.get(this.#task)?.ledger ?? []
  }

  async write(changes: StateChanges): Promise<void> {
    if (!this.#open) throw new ConnectError('STOPPED', `the state of ${this.#task} is closed`)
    this.#shelf.states.set(this.#task, {
      task: this.#task,
      positions: mergePositions(this.positions, changes.positions),
      ledger: mergeLedger(this.ledger, changes.ledger ?? []),
      savedAtMs: this.#shelf.now(),
    })
  }

  async close(): Promise<void> {
    if (this.#open) this.#shelf.claimed.delete(this.#task)
    this.#open = false
  }
}
