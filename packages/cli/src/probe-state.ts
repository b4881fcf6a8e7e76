import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'

import { ConnectError } from '@connect-run/core'
import { openStateStore, type StateConfig } from '@connect-run/core/runtime'

import { type LoadRedis, loadedFor } from './state.ts'

/** Whether the state of tasks can be read and kept there. Makes, writes and claims nothing. */
export async function probeState(
  state: StateConfig,
  tasks: readonly string[],
  signal: AbortSignal,
  loadRedis: LoadRedis = () => import('@connect-run/state-redis'),
): Promise<readonly string[]> {
  if (state.kind === 'redis') {
    const { probeRedisState } = await loadedFor(state, loadRedis)
    return probeRedisState(state, tasks, signal)
  }
  const store = openStateStore(state)
  for (const task of tasks) await store.read(task)
  return state.kind === 'file' ? [await writable(state.folder)] : []
}

/** A folder that is missing is made at the start, and those above it. */
async function writable(folder: string): Promise<string> {
  let at = folder
  for (;;) {
    try {
      await access(at, constants.W_OK | constants.X_OK)
      return at === folder ? `${folder} can be written` : `${folder} will be made`
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' || dirname(at) === at) {
        throw new ConnectError('STATE_UNWRITABLE', `can't keep state in ${folder}: ${message}`, {
          hint: 'Let the user that the worker runs as write there, or name another folder as `state.url`.',
          cause: error,
        })
      }
      at = dirname(at)
    }
  }
}
