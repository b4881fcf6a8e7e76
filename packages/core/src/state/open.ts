import { ConnectError } from '../api/errors.ts'
import type { StateConfig } from '../config/state-config.ts'
import { createFileStateStore } from './file.ts'
import { createMemoryStateStore } from './memory.ts'
import type { StateStore } from './state-store.ts'

/** The stores that are built in; for one in Redis, throws `FEATURE_MISSING`. */
export function openStateStore(state: StateConfig): StateStore {
  if (state.kind === 'memory') return createMemoryStateStore()
  if (state.kind === 'file') return createFileStateStore(state.folder)
  throw new ConnectError('FEATURE_MISSING', 'the store for state in Redis is in the package @connect-run/state-redis', {
    hint: 'install it, and give `createWorker` the store that `openRedisState` makes',
  })
}
