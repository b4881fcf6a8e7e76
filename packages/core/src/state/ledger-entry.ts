/**
 * Totals of one partition since the pipeline first ran;
 * `read` = filtered + skipped + written + parked + deadLettered + dropped + released + in flight.
 */
export interface LedgerEntry {
  readonly stream: string
  readonly partition: number
  readonly read: number
  readonly written: number
  readonly filtered: number
  readonly skipped: number
  /** Counted beside the others: it is no outcome. */
  readonly retried: number
  readonly parked: number
  readonly deadLettered: number
  readonly dropped: number
  readonly released: number
}

const COUNTS = [
  'read',
  'written',
  'filtered',
  'skipped',
  'retried',
  'parked',
  'deadLettered',
  'dropped',
  'released',
] as const satisfies readonly (keyof LedgerEntry)[]

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
  const byPartition = new Map(old.map((entry) => [nameOf(entry), entry]))
  for (const entry of changes) {
    if (entry.read === 0) byPartition.delete(nameOf(entry))
    else byPartition.set(nameOf(entry), entry)
  }
  return [...byPartition.values()]
}

function nameOf({ stream, partition }: LedgerEntry): string {
  return `${partition} ${stream}`
}
