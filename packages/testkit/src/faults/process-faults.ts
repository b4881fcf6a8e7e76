import { rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FaultSwitch } from './fault-switch.ts'
import type { Misbehaviour } from './misbehave.ts'

/** What the inside of another Node process can be made to do wrong. */
export interface ProcessFaults {
  /** For the environment of the process, over `process.env`. */
  readonly env: Readonly<Record<string, string>>
  /** Every fsync and fdatasync fails with EIO, as on a disk that is breaking. */
  readonly syncError: FaultSwitch
  /** Every write takes half of what it was given, as a write may. */
  readonly shortWrites: FaultSwitch
  /** The wall clock jumps by so many milliseconds, forward or back, and jumps back at `off`. */
  clockJump(byMs: number): FaultSwitch
}

/**
 * Faults inside a Node process that this one starts: it loads `misbehave` before its program and obeys the file at
 * `controlFile`. The built package is needed.
 */
export function processFaults(controlFile: string): ProcessFaults {
  const built = import.meta.url.endsWith('.ts') ? '../../dist/faults/misbehave.js' : './misbehave.js'
  const preload = new URL(built, import.meta.url)
  const now: Misbehaviour = {}
  rmSync(controlFile, { force: true })
  const change = (changes: Misbehaviour): Promise<void> => {
    writeFileSync(controlFile, JSON.stringify(Object.assign(now, changes)))
    return Promise.resolve()
  }
  const options = `${process.env['NODE_OPTIONS'] ?? ''} --import=${fileURLToPath(preload)}`.trim()
  return {
    env: { NODE_OPTIONS: options, CONNECT_RUN_MISBEHAVE: controlFile },
    syncError: {
      name: 'disk-sync-error',
      does: 'lets fsync fail with EIO',
      on: () => change({ syncError: true }),
      off: () => change({ syncError: false }),
    },
    shortWrites: {
      name: 'disk-short-write',
      does: 'lets writes take only half of the bytes',
      on: () => change({ shortWrites: true }),
      off: () => change({ shortWrites: false }),
    },
    clockJump: (byMs) => ({
      name: 'clock-jump',
      does: `moves the wall clock by ${byMs} ms`,
      on: () => change({ clockMs: byMs }),
      off: () => change({ clockMs: 0 }),
    }),
  }
}
