import type { RecordBatch } from '../records/record-batch.ts'

/** The rows of one partition in a batch. */
export interface PartitionGroup {
  readonly key: string
  count: number
  lastRow: number
}

/** Rows by partition. They come in runs: only a change of partition costs a look-up. `groupOf` is by packed row. */
export function groupByPartition(batch: RecordBatch): { groups: PartitionGroup[]; groupOf: Uint16Array } {
  const { packed } = batch
  const groups: PartitionGroup[] = []
  const groupOf = new Uint16Array(packed.count)
  const byKey = new Map<string, number>()
  let current = -1
  let stream = -1
  let partition = -1
  for (let i = 0; i < batch.length; i++) {
    const row = batch.packedRow(i)
    if (packed.stream[row] !== stream || packed.partition[row] !== partition) {
      stream = packed.stream[row]!
      partition = packed.partition[row]!
      const key = trackKey(packed.streams[stream]!, partition)
      current = byKey.get(key) ?? groups.push({ key, count: 0, lastRow: row }) - 1
      byKey.set(key, current)
    }
    const group = groups[current]!
    group.count++
    group.lastRow = row
    groupOf[row] = current
  }
  return { groups, groupOf }
}

export function trackKey(stream: string, partition: number): string {
  return `${partition} ${stream}`
}
