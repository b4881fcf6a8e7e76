import type { Partition, Position, PartitionPosition, Positions } from '../api/record.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { groupByPartition, trackKey } from './partition-groups.ts'
import {
  type Forgotten,
  type Mismatch,
  PartitionTrack,
  type PassingRecords,
  type Range,
  countOf,
  newRange,
  settleRange,
  untouch,
} from './partition-track.ts'
import { type Count, emptyTally } from './tally.ts'
import { type Ticket, lastPiece } from './ticket.ts'

/**
 * Knows of every polled record whether it is done, and of every partition how far nothing undone is left behind:
 * only that position may be committed. Progress is kept as the ranges that were read, never as "offset + 1", since
 * compacted topics and transactions leave gaps. Bookkeeping is per batch and partition; per row it is two array reads.
 */
export class AckTracker {
  readonly #tracks = new Map<string, PartitionTrack>()
  /** Open tickets by ascending `first`. */
  #tickets: Ticket[] = []
  #lastTicket: Ticket | undefined
  #nextOrigin = 0
  #records = 0
  #settled = 0
  #bytes = 0
  /** Records of released partitions that somebody still holds. */
  #late = 0
  /** Partitions given up and not assigned again: rows of theirs that still come are dropped. */
  readonly #away = new Set<string>()
  readonly #waiters = new Set<() => void>()
  #abandoned = false

  /** Records read and not done. */
  get records(): number {
    return this.#records
  }

  /** Records done since the start. */
  get settled(): number {
    return this.#settled
  }

  /** Bytes held by batches that are not wholly done. */
  get bytes(): number {
    return this.#bytes
  }

  /** Takes in a polled batch: numbers its rows, and leaves out those of partitions that were given up. */
  register(polled: RecordBatch): RecordBatch {
    if (this.#abandoned) return polled.select([])
    const batch = this.#withoutAway(polled)
    const numbered = batch.withOrigins(this.#nextOrigin)
    const positions = polled.positions?.filter((entry) => !this.#away.has(trackKey(entry.stream, entry.partition)))
    const { ranges, rangeOf } = this.#rangesOf(batch, positions)
    // Numbers are of packed rows: a batch with rows left out still uses up the numbers of all.
    const count = batch.packed.count
    const ticket: Ticket = {
      first: this.#nextOrigin,
      count,
      bytes: batch.packed.buffer.length,
      ranges,
      rangeOf,
      left: batch.length,
      done: new Uint8Array(count),
      pieces: undefined,
    }
    this.#nextOrigin += count
    this.#records += batch.length
    if (batch.length > 0) {
      this.#bytes += ticket.bytes
      this.#tickets.push(ticket)
    }
    for (const range of ranges) range.track.append(range)
    return numbered
  }

  /**
   * Takes note of what transforms that split records have made of one polled batch, as the numbers of all pieces that
   * will be settled: a record is done when all its pieces are.
   */
  split(origins: readonly number[]): void {
    for (const origin of origins) {
      const ticket = this.#ticketOf(origin)
      if (ticket === undefined) continue
      ticket.pieces ??= new Map()
      ticket.pieces.set(origin, (ticket.pieces.get(origin) ?? 0) + 1)
    }
  }

  /**
   * Marks rows done: all of the batch, or those listed. Returns the records that this makes done, by partition, for the
   * ledger to note at once what became of them: rows of released partitions, rows that were done before, and pieces of a
   * split record before its last, don't count.
   */
  settle(batch: RecordBatch, rows?: readonly number[]): readonly Count[] {
    const counts = (rows === undefined ? this.#settleTicket(batch) : undefined) ?? this.#settleRows(batch, rows)
    for (const { records } of counts) {
      this.#records -= records
      this.#settled += records
    }
    this.#wake()
    return counts
  }

  /** Records of the batch that are not done, by partition. */
  pending(batch: RecordBatch): readonly Count[] {
    const touched: Range[] = []
    let before = -1
    for (let i = 0; i < batch.length; i++) {
      const origin = batch.origin(i)
      // Pieces of one record stand side by side.
      const range = origin === before ? undefined : this.#rangeOf(origin)
      before = origin
      if (range !== undefined && !range.track.released && range.touched++ === 0) touched.push(range)
    }
    return touched.map((range) => countOf(range, untouch(range)))
  }

  /** All rows of one polled batch at once, where none of them was done before; undefined where it is not so. */
  #settleTicket(batch: RecordBatch): readonly Count[] | undefined {
    const first = batch.isWhole ? batch.firstOrigin : null
    if (first === null || batch.isSplit) return undefined
    const ticket = this.#ticketOf(first)
    if (ticket === undefined || ticket.first !== first || ticket.left !== batch.length) return undefined
    if (ticket.count !== batch.length || ticket.pieces !== undefined) return undefined
    this.#close(ticket)
    const counts: Count[] = []
    for (const range of ticket.ranges) {
      if (range.track.released) this.#late -= range.left
      else if (range.left > 0) counts.push(settleRange(range, range.left))
    }
    return counts
  }

  #settleRows(batch: RecordBatch, rows: readonly number[] | undefined): readonly Count[] {
    const count = rows === undefined ? batch.length : rows.length
    const touched: Range[] = []
    for (let i = 0; i < count; i++) {
      const origin = batch.origin(rows === undefined ? i : rows[i]!)
      const ticket = this.#ticketOf(origin)
      if (ticket === undefined || ticket.done[origin - ticket.first] === 1) continue
      if (ticket.pieces !== undefined && !lastPiece(ticket.pieces, origin)) continue
      ticket.done[origin - ticket.first] = 1
      const range = ticket.ranges[ticket.rangeOf === null ? 0 : ticket.rangeOf[origin - ticket.first]!]!
      if (--ticket.left === 0) this.#close(ticket)
      if (range.track.released) {
        this.#late--
        continue
      }
      if (range.touched++ === 0) touched.push(range)
    }
    return touched.map((range) => settleRange(range, untouch(range)))
  }

  /** The batch without rows of partitions that were given up since it was made. */
  owned(batch: RecordBatch): RecordBatch {
    if (this.#late === 0) return batch
    const kept: number[] = []
    const late: number[] = []
    for (let i = 0; i < batch.length; i++) {
      const range = this.#rangeOf(batch.origin(i))
      ;(range === undefined || range.track.released ? late : kept).push(i)
    }
    if (late.length === 0) return batch
    this.settle(batch, late)
    return batch.select(kept)
  }

  /** Positions that may be committed and are not. */
  committable(): Positions {
    const positions: PartitionPosition[] = []
    for (const track of this.#tracks.values()) {
      const { stream, partition, done } = track
      if (track.offer()) positions.push({ stream, partition, position: done! })
    }
    return positions
  }

  /** What became of the records before these positions, which were committable last, since the ones committed last. */
  passing(positions: Positions): readonly PassingRecords[] {
    return positions.map(({ stream, partition, position }) => {
      const track = this.#tracks.get(trackKey(stream, partition))
      const { records, tally } = track?.offered ?? { records: 0, tally: emptyTally() }
      const ended = position.ended === true && track?.ranges.length === 0
      return { stream, partition, records, tally, ended }
    })
  }

  /** How many records of the partition were read beyond what is committed. */
  uncommitted({ stream, partition }: Partition): number {
    return this.#tracks.get(trackKey(stream, partition))?.uncommitted ?? 0
  }

  /** The first partition whose records don't add up: not every one that is done has become something, once. */
  mismatch(): Mismatch | undefined {
    for (const track of this.#tracks.values()) {
      const mismatch = track.mismatch()
      if (mismatch !== undefined) return mismatch
    }
    return undefined
  }

  /** Those of the positions that are still this task's to commit: their partitions were not given up since. */
  held(positions: Positions): Positions {
    return positions.filter(({ stream, partition, position }) => {
      const done = this.#tracks.get(trackKey(stream, partition))?.done
      return done !== undefined && done.offset >= position.offset
    })
  }

  committed(positions: Positions): void {
    for (const { stream, partition, position } of positions) {
      const key = trackKey(stream, partition)
      const track = this.#tracks.get(key)
      if (track === undefined) continue
      track.commit(position)
      if (position.ended === true && track.ranges.length === 0) this.#tracks.delete(key)
    }
  }

  /** Positions that have passed in this run. */
  passed(): Positions {
    const positions: PartitionPosition[] = []
    for (const { stream, partition, committed } of this.#tracks.values()) {
      if (committed !== undefined) positions.push({ stream, partition, position: committed })
    }
    return positions
  }

  /** Up to where the partition was read in this run. */
  readPosition(partition: Partition): Position | undefined {
    return this.#tracks.get(trackKey(partition.stream, partition.partition))?.read
  }

  /** Partitions that were given up before may be read again. */
  assign(partitions: readonly Partition[]): void {
    for (const { stream, partition } of partitions) this.#away.delete(trackKey(stream, partition))
  }

  /** Forgets partitions that were given up. */
  release(partitions: readonly Partition[]): Forgotten {
    const tracks: PartitionTrack[] = []
    for (const { stream, partition } of partitions) {
      const key = trackKey(stream, partition)
      this.#away.add(key)
      const track = this.#tracks.get(key)
      if (track !== undefined) tracks.push(track)
      this.#tracks.delete(key)
    }
    return this.#forget(tracks)
  }

  /** Forgets everything: what is still settled or read counts for nothing. */
  abandon(): Forgotten {
    this.#abandoned = true
    return this.#forget([...this.#tracks.values()])
  }

  /** Whether nothing of these partitions is in flight. */
  isDone(partitions: readonly Partition[]): boolean {
    return partitions.every((partition) => {
      const track = this.#tracks.get(trackKey(partition.stream, partition.partition))
      return track === undefined || track.ranges.length === 0
    })
  }

  /** Resolves at the next change, that is when something was settled or released, or when the wait is over. */
  changed(over: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake)
        over.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiters.add(wake)
      over.addEventListener('abort', wake, { once: true })
    })
  }

  #forget(tracks: readonly PartitionTrack[]): Forgotten {
    const partitions = tracks.map((track) => {
      const { stream, partition } = track
      return { stream, partition, ...track.forget() }
    })
    const forgotten = partitions.reduce((sum, { records }) => sum + records, 0)
    this.#late += forgotten
    this.#records -= forgotten
    this.#wake()
    return { records: forgotten, partitions }
  }

  #wake(): void {
    for (const wake of this.#waiters) wake()
  }

  #close(ticket: Ticket): void {
    this.#bytes -= ticket.bytes
    this.#tickets.splice(this.#tickets.indexOf(ticket), 1)
    if (this.#lastTicket === ticket) this.#lastTicket = undefined
  }

  #ticketOf(origin: number): Ticket | undefined {
    const last = this.#lastTicket
    if (last !== undefined && origin >= last.first && origin < last.first + last.count) return last
    return (this.#lastTicket = this.#tickets.find((t) => origin >= t.first && origin < t.first + t.count))
  }

  #rangeOf(origin: number): Range | undefined {
    const ticket = this.#ticketOf(origin)
    return ticket?.ranges[ticket.rangeOf === null ? 0 : ticket.rangeOf[origin - ticket.first]!]
  }

  #withoutAway(batch: RecordBatch): RecordBatch {
    if (this.#away.size === 0) return batch
    const kept: number[] = []
    for (let i = 0; i < batch.length; i++) {
      if (!this.#away.has(trackKey(batch.stream(i), batch.partition(i)))) kept.push(i)
    }
    return kept.length === batch.length ? batch : batch.select(kept)
  }

  /** One range for each partition with rows in the batch, then one for each other position that came with it. */
  #rangesOf(batch: RecordBatch, positions: Positions | undefined): { ranges: Range[]; rangeOf: Uint16Array | null } {
    const { packed } = batch
    const { groups, groupOf } = groupByPartition(batch)
    const known = new Map(positions?.map((entry) => [trackKey(entry.stream, entry.partition), entry]))
    const ranges = groups.map(({ key, count, lastRow }): Range => {
      const position = known.get(key)?.position ?? { offset: packed.offset[lastRow]! + 1 }
      known.delete(key)
      const track = this.#track(packed.streams[packed.stream[lastRow]!]!, packed.partition[lastRow]!)
      return newRange(track, position, count)
    })
    for (const { stream, partition, position } of known.values()) {
      ranges.push(newRange(this.#track(stream, partition), position, 0))
    }
    return { ranges, rangeOf: groups.length <= 1 ? null : groupOf }
  }

  #track(stream: string, partition: number): PartitionTrack {
    const key = trackKey(stream, partition)
    let track = this.#tracks.get(key)
    if (track === undefined) {
      track = new PartitionTrack(stream, partition)
      this.#tracks.set(key, track)
    }
    return track
  }
}
