import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'

/** Names one process for ever: a pid alone comes back after a while. */
export interface Owner {
  readonly host: string
  readonly pid: number
  /** Of the kernel; null where it has none. Changes with every boot. */
  readonly boot: string | null
  /** When the process started, in the kernel's ticks since boot; null where it can't be known. */
  readonly started: string | null
}

export async function thisProcess(): Promise<Owner> {
  return { host: hostname(), pid: process.pid, boot: await bootId(), started: startOf(process.pid) }
}

/**
 * Whether the owner may still live. A process of another host can't be seen from here, so it is taken to live; one of
 * this host is dead if the machine was booted since, nothing has its pid, or what has it started at another time.
 */
export async function mayLive(owner: Owner): Promise<boolean> {
  if (owner.host !== hostname()) return true
  if (owner.boot !== (await bootId())) return false
  if (!hasProcess(owner.pid)) return false
  return owner.started === null || owner.started === startOf(owner.pid)
}

function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

async function bootId(): Promise<string | null> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  } catch {
    return null
  }
}

/**
 * When the process started, in the kernel's ticks since boot; null where it has ended, also if nobody has noticed that
 * yet, or can't be looked at. The name in field 2 of `stat` may hold spaces and brackets.
 */
export function startOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null)
  } catch {
    return null
  }
}
