import { RetriableError } from '../../src/index.ts'
import { createMemoryStateStore } from '../../src/state/memory.ts'
import type { StateStore, TaskState } from '../../src/state/state-store.ts'
import type { ChaosWorld } from './chaos-world.ts'

/** A store of ledgers, and of positions where the source keeps none, that fails before a write or after it. */
export function chaosState(world: ChaosWorld): StateStore {
  const memory = createMemoryStateStore()
  const failing = (state: TaskState): TaskState['write'] => {
    return async (changes) => {
      const fails = world.fault(0.1)
      const unavailable = new RetriableError('STATE_UNWRITABLE', 'not now')
      if (fails && world.chance(0.5)) throw unavailable
      await state.write(changes)
      world.passing(changes.positions)
      for (const { partition, position } of changes.positions) world.committed[partition] = position.offset
      if (fails) throw unavailable
    }
  }
  return {
    ...memory,
    open: async (task) => {
      const state = await memory.open(task)
      const { positions, ledger, lost } = state
      return { positions, ledger, lost, write: failing(state), close: () => state.close() }
    },
  }
}
