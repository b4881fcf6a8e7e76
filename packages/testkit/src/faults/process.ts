import { standstill } from '../services/standstill.ts'
import type { FaultSwitch } from './fault-switch.ts'

/** Ends a process at once, as `kill -9` does; false where it has ended already. */
export function killNow(pid: number): boolean {
  return signalled(pid, 'SIGKILL')
}

/** Stops a process in its tracks (SIGSTOP) and lets it go on where it was (SIGCONT). */
export function suspension(pid: () => number | undefined, name = 'suspend'): FaultSwitch {
  let stopped: number | undefined
  return {
    name,
    does: 'suspends the process: its time stands still, its connections stay open',
    on: async () => {
      const id = pid()
      if (id === undefined || !signalled(id, 'SIGSTOP')) return
      stopped = id
      await standstill(id)
    },
    off: async () => {
      if (stopped !== undefined) signalled(stopped, 'SIGCONT')
      stopped = undefined
    },
  }
}

function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
