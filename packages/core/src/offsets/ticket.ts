import type { Range } from './partition-track.ts'

/** One polled batch. */
export interface Ticket {
  readonly first: number
  readonly count: number
  readonly bytes: number
  readonly ranges: readonly Range[]
  /** Row to index in `ranges`; null where there is one range only. */
  readonly rangeOf: Uint16Array | null
  left: number
  /** By row: 1 where it is done, so that nothing counts twice. */
  readonly done: Uint8Array
  /** Records that were split, by their number: how many pieces are not done. */
  pieces: Map<number, number> | undefined
}

/** Counts a piece of a split record as done; whether it was the last one. */
export function lastPiece(pieces: Map<number, number>, origin: number): boolean {
  const left = pieces.get(origin) ?? 1
  if (left > 1) pieces.set(origin, left - 1)
  return left <= 1
}
