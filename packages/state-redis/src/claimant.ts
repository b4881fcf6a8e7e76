import { readlinkSync } from 'node:fs'
import { type Owner, startOf, thisProcess } from '@connect-run/core/runtime'

/** Who holds a claim: a process, and the space that its pid is a number of. */
export interface Claimant extends Owner {
  /** The pid namespace; null where there is none to be told. */
  readonly space: string | null
}

export async function thisClaimant(): Promise<Claimant> {
  return { ...(await thisProcess()), space: pidSpace() }
}

function pidSpace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return null
  }
}

export function parseClaimant(text: string): Claimant | undefined {
  try {
    return JSON.parse(text) as Claimant
  } catch {
    return undefined
  }
}

export function isSame(one: Claimant, other: Claimant): boolean {
  return isNeighbour(one, other) && one.pid === other.pid && one.started === other.started
}

/** Whether the holder is surely dead: it ran here, since this boot, where its pid can be looked for, and is no more. */
export function isGone(holder: Claimant, self: Claimant): boolean {
  if (!isNeighbour(holder, self) || holder.started === null) return false
  return startOf(holder.pid) !== holder.started
}

function isNeighbour(one: Claimant, other: Claimant): boolean {
  const known = one.boot !== null && one.space !== null
  return known && one.boot === other.boot && one.space === other.space
}

export function nameOf(holder: Claimant | undefined): string {
  return holder === undefined ? 'another worker' : `process ${holder.pid} on host ${holder.host}`
}
