import { ConnectError, RetriableError } from '../api/errors.ts'
import type { Positions } from '../api/record.ts'
import { mergePositions } from './positions.ts'
import type { StateStore, TaskState } from './state-store.ts'

/** Positions that last as long as the store. */
export function createMemoryStateStore(): StateStore {
  const states = new Map<string, Positions>()
  const claimed = new Set<string>()
  return {
    open: async (task) => {
      if (claimed.has(task)) {
        throw new RetriableError('STATE_LOCKED', `the state of ${task} is held by another pipeline of this worker`)
      }
      claimed.add(task)
      return new MemoryTaskState(task, states, claimed)
    },
    close: async () => claimed.clear(),
  }
}

class MemoryTaskState implements TaskState {
  readonly #task: string
  readonly #states: Map<string, Positions>
  readonly #claimed: Set<string>
  #open = true

  constructor(task: string, states: Map<string, Positions>, claimed: Set<string>) {
    this.#task = task
    this.#states = states
    this.#claimed = claimed
  }

  get positions(): Positions {
    return this.#states.get(this.#task) ?? []
  }

  async write(positions: Positions): Promise<void> {
    if (!this.#open) throw new ConnectError('STOPPED', `the state of ${this.#task} is closed`)
    this.#states.set(this.#task, mergePositions(this.positions, positions))
  }

  async close(): Promise<void> {
    if (this.#open) this.#claimed.delete(this.#task)
    this.#open = false
  }
}
