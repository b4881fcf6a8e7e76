import type { Partition } from '../api/record.ts'
import { trackKey } from '../offsets/partition-groups.ts'
import type { Forgotten, PassingRecords } from '../offsets/partition-track.ts'
import { type Outcome, type Tally, addTally, emptyTally, outcomes, settledIn } from '../offsets/tally.ts'
import type { LedgerEntry } from '../state/ledger-entry.ts'

/** Where the totals of partitions that have ended are summed up: no source has a stream without a name. */
export const ENDED: Partition = { stream: '', partition: 0 }

/** Records of a partition that have passed, and those that were given up. */
interface Totals extends Partition {
  readonly tally: Tally
  released: number
}

export interface LedgerChange {
  /** Totals, for the state store. One of which nothing was read takes its partition's away. */
  readonly entries: readonly LedgerEntry[]
  /** To be called when they are stored. */
  readonly stored: () => void
}

/**
 * What became of the records of each partition since the pipeline first ran. Only what has passed counts as written,
 * filtered and so on: the ledger and the positions say the same, and a record that is read again after a crash is not
 * counted twice. What was read and has not passed is in flight; after a restart that is `released`, and read again.
 */
export class PartitionLedger {
  readonly #totals = new Map<string, Totals>()
  /** Partitions whose totals are not stored, and a number that changes with them. */
  readonly #changed = new Map<string, number>()
  #changes = 0

  /** Begins with nothing. */
  clear(): void {
    this.#totals.clear()
    this.#changed.clear()
  }

  /** Goes on from what was stored, on top of what was counted since the beginning. */
  restore(entries: readonly LedgerEntry[]): void {
    for (const { stream, partition, read, released: _, ...tally } of entries) {
      const totals = totalsIn(this.#totals, { stream, partition })
      addTally(totals.tally, tally)
      totals.released += read - settledIn(tally)
    }
  }

  /** Takes note of records that have passed. */
  passed(passing: readonly PassingRecords[]): void {
    for (const records of passing) for (const key of apply(this.#totals, records)) this.#change(key)
  }

  released({ partitions }: Forgotten): void {
    for (const { uncommitted, ...partition } of partitions) {
      if (uncommitted === 0) continue
      totalsIn(this.#totals, partition).released += uncommitted
      this.#change(keyOf(partition))
    }
  }

  /** Parked records that have become something else. */
  unparked(outcome: Exclude<Outcome, 'parked'>, counts: readonly (Partition & { readonly records: number })[]): void {
    for (const { records, ...partition } of counts) {
      const { tally } = totalsIn(this.#totals, partition)
      tally.parked -= records
      tally[outcome] += records
      this.#change(keyOf(partition))
    }
  }

  /** What there is to store when these records pass; `uncommitted` says how many of a partition were read beyond its position. */
  change(passing: readonly PassingRecords[], uncommitted: (partition: Partition) => number): LedgerChange {
    const taken = new Map(this.#changed)
    const keys = new Set(taken.keys())
    const next = new Map<string, Totals>()
    for (const key of [...keys, ...passing.map(keyOf), keyOf(ENDED)]) {
      const totals = this.#totals.get(key)
      if (totals !== undefined) next.set(key, { ...totals, tally: { ...totals.tally } })
    }
    for (const records of passing) for (const key of apply(next, records)) keys.add(key)
    const under = new Map(passing.map((records) => [keyOf(records), records.records]))
    const entries = [...keys].map((key) => {
      const totals = next.get(key)
      if (totals === undefined) return entryOf({ ...partitionOf(key), tally: emptyTally(), released: 0 }, 0)
      return entryOf(totals, uncommitted(totals) - (under.get(key) ?? 0))
    })
    return { entries, stored: () => this.#stored(passing, taken) }
  }

  #stored(passing: readonly PassingRecords[], taken: ReadonlyMap<string, number>): void {
    for (const [key, change] of taken) if (this.#changed.get(key) === change) this.#changed.delete(key)
    for (const records of passing) apply(this.#totals, records)
  }

  #change(key: string): void {
    this.#changed.set(key, ++this.#changes)
  }
}

/** Adds what has passed. Returns the partitions whose totals that changes. */
function apply(all: Map<string, Totals>, passing: PassingRecords): readonly string[] {
  const key = keyOf(passing)
  if (!passing.ended) {
    addTally(totalsIn(all, passing).tally, passing.tally)
    return [key]
  }
  const before = all.get(key)
  const ended = totalsIn(all, ENDED)
  addTally(ended.tally, passing.tally)
  if (before === undefined) return [keyOf(ENDED)]
  addTally(ended.tally, before.tally)
  ended.released += before.released
  all.delete(key)
  return [key, keyOf(ENDED)]
}

function totalsIn(all: Map<string, Totals>, { stream, partition }: Partition): Totals {
  const key = trackKey(stream, partition)
  let totals = all.get(key)
  if (totals === undefined) {
    totals = { stream, partition, tally: emptyTally(), released: 0 }
    all.set(key, totals)
  }
  return totals
}

function entryOf({ stream, partition, tally, released }: Totals, inFlight: number): LedgerEntry {
  const read = settledIn(tally) + released + inFlight
  const shown = { ...tally, parked: Math.max(0, tally.parked) }
  // Records may come back from the parking lot before the commit that passes them as parked: they count after it.
  let early = shown.parked - tally.parked
  for (const outcome of outcomes) {
    const taken = Math.min(early, shown[outcome])
    shown[outcome] -= taken
    early -= taken
  }
  return { stream, partition, ...shown, read, released }
}

function keyOf({ stream, partition }: Partition): string {
  return trackKey(stream, partition)
}

function partitionOf(key: string): Partition {
  const space = key.indexOf(' ')
  return { stream: key.slice(space + 1), partition: Number(key.slice(0, space)) }
}
