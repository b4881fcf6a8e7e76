import { type Partition, type Positions, RecordBatch } from '@connect-run/core'
import type { Fetched, PartitionOffset } from './client/consumer-client.ts'

/** Where to begin in a partition, and where to end. */
export interface Start extends PartitionOffset {
  /** The first offset that is not wanted. */
  readonly end?: number | undefined
  /** The position is news to the group and must be stored before anything else happens to it. */
  readonly settled?: boolean
}

/** A partition that this consumer has. */
export interface OwnedPartition extends Partition {
  /** The offset that is read next. */
  next: number
  end: number | undefined
  /** The last position that was reported without being asked, to report each once. */
  reported: number
  /** Whether everything up to the end of the partition was read when last heard of. */
  atEnd: boolean
}

/** The partitions that this consumer has, and how far each is read. Rows of all others are dropped. */
export class Assignment {
  readonly #byStream = new Map<string, (OwnedPartition | undefined)[]>()
  #announced: OwnedPartition[] = []
  #late = 0

  add(start: Start): void {
    const { stream, partition, offset, end } = start
    const owned: OwnedPartition = { stream, partition, next: offset, end, reported: -1, atEnd: false }
    const partitions = this.#byStream.get(stream) ?? []
    partitions[partition] = owned
    this.#byStream.set(stream, partitions)
    if (start.settled === true || isFinished(owned)) this.#announced.push(owned)
  }

  remove({ stream, partition }: Partition): void {
    const partitions = this.#byStream.get(stream)
    if (partitions !== undefined) partitions[partition] = undefined
    this.#announced = this.#announced.filter((owned) => owned.stream !== stream || owned.partition !== partition)
  }

  get({ stream, partition }: Partition): OwnedPartition | undefined {
    return this.#byStream.get(stream)?.[partition]
  }

  all(): OwnedPartition[] {
    return [...this.#byStream.values()].flat().filter((owned) => owned !== undefined)
  }

  /** How many rows came, since the last call, for partitions that are not this consumer's. */
  takeLate(): number {
    const late = this.#late
    this.#late = 0
    return late
  }

  /** The rows that are wanted, with the positions after them; also positions that moved without a row. */
  take({ batch, ends }: Fetched): RecordBatch {
    const touched = new Set(this.#announced)
    this.#announced = []
    const kept = this.#keep(batch, touched)
    for (const end of ends) {
      const owned = this.get(end)
      if (owned === undefined) continue
      // Offsets that hold no record (transaction markers, compaction) are passed at the end.
      owned.next = Math.max(owned.next, end.offset)
      owned.atEnd = true
      if (owned.reported !== owned.next) touched.add(owned)
    }
    if (touched.size === 0) return RecordBatch.empty
    return kept.withPositions(positionsOf(touched))
  }

  #keep(batch: RecordBatch, touched: Set<OwnedPartition>): RecordBatch {
    const { stream, streams, partition, offset, count } = batch.packed
    const rows = new Int32Array(count)
    let kept = 0
    let owned: OwnedPartition | undefined
    for (let i = 0; i < count; i++) {
      if (i === 0 || partition[i] !== partition[i - 1] || stream[i] !== stream[i - 1]) {
        owned = this.#byStream.get(streams[stream[i]!]!)?.[partition[i]!]
        if (owned !== undefined) touched.add(owned)
      }
      if (owned === undefined) this.#late++
      if (owned === undefined || offset[i]! < owned.next) continue
      if (owned.end !== undefined && offset[i]! >= owned.end) {
        owned.next = Math.max(owned.next, owned.end)
        continue
      }
      owned.next = offset[i]! + 1
      owned.atEnd = false
      rows[kept++] = i
    }
    return kept === count ? batch : batch.select(rows.subarray(0, kept))
  }
}

/** Whether everything that is wanted of a partition was read. */
export function isFinished({ next, end }: OwnedPartition): boolean {
  return end !== undefined && next >= end
}

function positionsOf(touched: ReadonlySet<OwnedPartition>): Positions {
  return [...touched].map((owned) => {
    owned.reported = owned.next
    return { stream: owned.stream, partition: owned.partition, position: { offset: owned.next } }
  })
}

/** What is left of a batch without some partitions. */
export function withoutPartitions(batch: RecordBatch, gone: readonly Partition[]): RecordBatch {
  const isGone = ({ stream, partition }: Partition): boolean =>
    gone.some((it) => it.stream === stream && it.partition === partition)
  const rows: number[] = []
  for (let i = 0; i < batch.length; i++) {
    if (!isGone({ stream: batch.stream(i), partition: batch.partition(i) })) rows.push(i)
  }
  const positions = (batch.positions ?? []).filter((position) => !isGone(position))
  return batch.select(rows).withPositions(positions)
}
