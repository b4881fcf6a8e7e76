import type { Partition, PartitionPosition, Positions } from '../api/record.ts'
import { trackKey } from '../offsets/partition-groups.ts'

/** `old` with the entries of `changes` in place of those of the same partitions, and without partitions that ended. */
export function mergePositions(old: Positions, changes: Positions): Positions {
  const byPartition = new Map(old.map((entry) => [keyOf(entry), entry]))
  for (const entry of changes) {
    if (entry.position.ended === true) byPartition.delete(keyOf(entry))
    else byPartition.set(keyOf(entry), entry)
  }
  return [...byPartition.values()]
}

function keyOf({ stream, partition }: Partition): string {
  return trackKey(stream, partition)
}

/** Whether something that was stored is a position. */
export function isPartitionPosition(entry: unknown): entry is PartitionPosition {
  const { stream, partition, position } = (entry ?? {}) as Partial<PartitionPosition>
  return typeof stream === 'string' && Number.isSafeInteger(partition) && Number.isSafeInteger(position?.offset)
}
