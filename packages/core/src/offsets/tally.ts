/** What may become of a source record, so that its position may pass. */
export const outcomes = ['written', 'filtered', 'skipped', 'parked', 'deadLettered', 'dropped'] as const

export type Outcome = (typeof outcomes)[number]

/** How many records became what. */
export interface Tally extends Record<Outcome, number> {
  written: number
  /** Dropped on purpose by a transform. */
  filtered: number
  /** Not for this sink, by its rules: tombstones, say. */
  skipped: number
  /** Set aside in the retry queue; they become written or dead-lettered later. */
  parked: number
  deadLettered: number
  /** Could not be handled and had nowhere to go (`tolerance: all` without a dead letter queue). */
  dropped: number
  /** Given to the sink more than once, after a failure that passes: no outcome, each is one of the others as well. */
  retried: number
}

/** So many records of one partition, and where to note what becomes of them. */
export interface Count {
  readonly records: number
  /** Of the polled batch: it passes with its position. */
  readonly tally: Tally
  /** Of the partition, since the task began. */
  readonly total: Tally
}

export function emptyTally(): Tally {
  return { written: 0, filtered: 0, skipped: 0, parked: 0, deadLettered: 0, dropped: 0, retried: 0 }
}

/** Records that have become something. */
export function settledIn(tally: Readonly<Tally>): number {
  const { written, filtered, skipped, parked, deadLettered, dropped } = tally
  return written + filtered + skipped + parked + deadLettered + dropped
}

/** Adds `more` to `tally`, or takes it away with a `sign` of -1. */
export function addTally(tally: Tally, more: Readonly<Tally>, sign: 1 | -1 = 1): void {
  for (const outcome of outcomes) tally[outcome] += sign * more[outcome]
  tally.retried += sign * more.retried
}
