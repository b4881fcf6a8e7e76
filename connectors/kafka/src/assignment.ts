import { type PackedRecords, type Partition, type Positions, RecordBatch } from '@connect-run/core'
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
  take({ batch, ends }: Pick<Fetched, 'batch' | 'ends'>): RecordBatch {
    const touched = new Set(this.#announced)
    this.#announced = []
    const kept = this.#keep(batch, touched)
    for (const end of ends) {
      const owned = this.get(end)
      // More may have come since it was at its end.
      if (owned === undefined || owned.next > end.offset) continue
      // Offsets that hold no record (transaction markers, compaction) are passed at the end.
      owned.next = end.offset
      owned.atEnd = true
      if (owned.reported !== owned.next) touched.add(owned)
    }
    if (touched.size === 0) return RecordBatch.empty
    return kept.withPositions(positionsOf(touched))
  }

  #keep(batch: RecordBatch, touched: Set<OwnedPartition>): RecordBatch {
    const { packed } = batch
    const { stream, streams, partition, offset, count } = packed
    const ranges: Range[] = []
    let kept = 0
    for (let from = 0, to = 0; from < count; from = to) {
      to = runEnd(packed, from)
      const owned = this.#byStream.get(streams[stream[from]!]!)?.[partition[from]!]
      if (owned === undefined) {
        this.#late += to - from
        continue
      }
      touched.add(owned)
      const range = wantedRange(owned, offset, { from, to })
      pass(owned, offset, range, to)
      kept += range.to - range.from
      ranges.push(range)
    }
    return kept === count ? batch : batch.select(rowsOf(ranges, kept))
  }
}

/** Rows from one (inclusive) to another (exclusive). */
interface Range {
  readonly from: number
  readonly to: number
}

/** Where the rows of one partition, with ever larger offsets, end that begin with this row. */
function runEnd({ partition, stream, offset, count }: PackedRecords, from: number): number {
  const itsPartition = partition[from]!
  const itsStream = stream[from]!
  let to = from + 1
  while (to < count && partition[to] === itsPartition && stream[to] === itsStream && offset[to]! > offset[to - 1]!) to++
  return to
}

/** What of a run was not read before and comes before the end. */
function wantedRange({ next, end = Infinity }: OwnedPartition, offset: Float64Array, run: Range): Range {
  let { from, to } = run
  while (from < to && offset[from]! < next) from++
  while (to > from && offset[to - 1]! >= end) to--
  return { from, to }
}

/** Notes what was read of a run. */
function pass(owned: OwnedPartition, offset: Float64Array, { from, to }: Range, runEnds: number): void {
  if (to > from) {
    owned.next = offset[to - 1]! + 1
    owned.atEnd = false
  }
  // Offsets before the end may hold no record.
  if (to < runEnds) owned.next = Math.max(owned.next, owned.end!)
}

function rowsOf(ranges: readonly Range[], count: number): Int32Array {
  const rows = new Int32Array(count)
  let at = 0
  for (const { from, to } of ranges) for (let row = from; row < to; row++) rows[at++] = row
  return rows
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
