import type { Partition } from '../api/record.ts'
import { trackKey } from '../offsets/partition-groups.ts'
import { type Tally, outcomes } from '../offsets/tally.ts'

/**
 * Totals of one partition since the pipeline first ran;
 * `read` = filtered + skipped + written + parked + deadLettered + dropped + released + in flight.
 */
export interface LedgerEntry extends Partition, Readonly<Tally> {
  readonly read: number
  readonly released: number
}

const COUNTS = ['read', ...outcomes, 'retried', 'released'] as const

/** Whether something that was stored is an entry. */
export function isLedgerEntry(entry: unknown): entry is LedgerEntry {
  if (typeof entry !== 'object' || entry === null) return false
  const { stream, partition, ...counts } = entry as Partial<LedgerEntry>
  if (typeof stream !== 'string' || !Number.isSafeInteger(partition)) return false
  return COUNTS.every((name) => Number.isSafeInteger(counts[name]) && counts[name]! >= 0)
}

/** `old` with the entries of `changes` in place of those of the same partitions; one of which nothing was read takes its partition's away. */
export function mergeLedger(old: readonly LedgerEntry[], changes: readonly LedgerEntry[]): readonly LedgerEntry[] {
  if (changes.length === 0) return old
  const byPartition = new Map(old.map((entry) => [keyOf(entry), entry]))
  for (const entry of changes) {
    if (entry.read === 0) byPartition.delete(keyOf(entry))
    else byPartition.set(keyOf(entry), entry)
  }
  return [...byPartition.values()]
}

function keyOf({ stream, partition }: Partition): string {
  return trackKey(stream, partition)
}
