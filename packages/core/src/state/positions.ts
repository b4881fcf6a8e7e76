import type { Positions } from '../api/record.ts'

/** `old` with the entries of `changes` in place of those of the same partitions, and without partitions that ended. */
export function mergePositions(old: Positions, changes: Positions): Positions {
  const byPartition = new Map(old.map((entry) => [nameOf(entry), entry]))
  for (const entry of changes) {
    if (entry.position.ended === true) byPartition.delete(nameOf(entry))
    else byPartition.set(nameOf(entry), entry)
  }
  return [...byPartition.values()]
}

function nameOf({ stream, partition }: Positions[number]): string {
  return `${partition} ${stream}`
}
