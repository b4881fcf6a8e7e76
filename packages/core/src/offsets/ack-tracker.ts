import type { Partition, Position, PartitionPosition, Positions } from '../api/record.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { groupByPartition, trackKey } from './partition-groups.ts'

/** The rows of one partition in one polled batch, and where the partition goes on once all of them are done. */
interface Range {
  readonly track: PartitionTrack
  readonly position: Position
  left: number
}

/** One partition: its ranges in the order they were read. */
interface PartitionTrack {
  readonly stream: string
  readonly partition: number
  ranges: Range[]
  /** Read up to here. */
  read: Position | undefined
  /** Done up to here, with nothing undone before it. */
  done: Position | undefined
  committed: Position | undefined
  /** Given up: what still comes in of it counts for nothing. */
  released: boolean
}

/** One polled batch. */
interface Ticket {
  readonly first: number
  readonly count: number
  readonly bytes: number
  readonly ranges: readonly Range[]
  /** Row to index in `ranges`; null where there is one range only. */
  readonly rangeOf: Uint16Array | null
  left: number
  /** By row: 1 where it is done, so that nothing counts twice. */
  readonly done: Uint8Array
  /** Records that were split, by their number: how many pieces are not done. */
  pieces: Map<number, number> | undefined
}

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
    for (const range of ranges) {
      append(range)
      range.track.read = range.position
      advance(range.track)
    }
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
   * Marks rows done: all of the batch, or those listed. Returns how many records that makes done: rows of released
   * partitions, rows that were done before, and pieces of a split record before its last, don't count.
   */
  settle(batch: RecordBatch, rows?: readonly number[]): number {
    const counted = (rows === undefined ? this.#settleTicket(batch) : undefined) ?? this.#settleRows(batch, rows)
    this.#records -= counted
    this.#settled += counted
    this.#wake()
    return counted
  }

  /** All rows of one polled batch at once, where none of them was done before; undefined where it is not so. */
  #settleTicket(batch: RecordBatch): number | undefined {
    const first = batch.isWhole ? batch.firstOrigin : null
    if (first === null || batch.isSplit) return undefined
    const ticket = this.#ticketOf(first)
    if (ticket === undefined || ticket.first !== first || ticket.left !== batch.length) return undefined
    if (ticket.count !== batch.length || ticket.pieces !== undefined) return undefined
    this.#close(ticket)
    let counted = 0
    for (const range of ticket.ranges) {
      if (range.track.released) this.#late -= range.left
      else counted += range.left
      range.left = 0
      advance(range.track)
    }
    return counted
  }

  #settleRows(batch: RecordBatch, rows: readonly number[] | undefined): number {
    const count = rows === undefined ? batch.length : rows.length
    let counted = 0
    const touched = new Set<PartitionTrack>()
    let last: PartitionTrack | undefined
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
      range.left--
      counted++
      if (range.track !== last) touched.add((last = range.track))
    }
    for (const track of touched) advance(track)
    return counted
  }

  /** The batch without rows of partitions that were given up since it was made. */
  owned(batch: RecordBatch): RecordBatch {
    if (this.#late === 0) return batch
    const kept: number[] = []
    const late: number[] = []
    for (let i = 0; i < batch.length; i++) {
      const ticket = this.#ticketOf(batch.origin(i))
      const range = ticket?.ranges[ticket.rangeOf === null ? 0 : ticket.rangeOf[batch.origin(i) - ticket.first]!]
      ;(range === undefined || range.track.released ? late : kept).push(i)
    }
    if (late.length === 0) return batch
    this.settle(batch, late)
    return batch.select(kept)
  }

  /** Positions that may be committed and are not. */
  committable(): Positions {
    const positions: PartitionPosition[] = []
    for (const { stream, partition, done, committed } of this.#tracks.values()) {
      if (done !== undefined && done !== committed) positions.push({ stream, partition, position: done })
    }
    return positions
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
      track.committed = position
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

  /** Forgets partitions that were given up. Returns how many records in flight were forgotten. */
  release(partitions: readonly Partition[]): number {
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

  /** Forgets everything: what is still settled or read counts for nothing. Returns how many records were in flight. */
  abandon(): number {
    this.#abandoned = true
    return this.#forget(this.#tracks.values())
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

  #forget(tracks: Iterable<PartitionTrack>): number {
    let forgotten = 0
    for (const track of tracks) {
      for (const range of track.ranges) forgotten += range.left
      track.released = true
      track.ranges = []
    }
    this.#late += forgotten
    this.#records -= forgotten
    this.#wake()
    return forgotten
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
      return { track, position, left: count }
    })
    for (const { stream, partition, position } of known.values()) {
      ranges.push({ track: this.#track(stream, partition), position, left: 0 })
    }
    return { ranges, rangeOf: groups.length <= 1 ? null : groupOf }
  }

  #track(stream: string, partition: number): PartitionTrack {
    const key = trackKey(stream, partition)
    let track = this.#tracks.get(key)
    if (track === undefined) {
      track = { stream, partition, ranges: [], read: undefined, done: undefined, committed: undefined, released: false }
      this.#tracks.set(key, track)
    }
    return track
  }
}

/** Counts a piece of a split record as done; whether it was the last one. */
function lastPiece(pieces: Map<number, number>, origin: number): boolean {
  const left = pieces.get(origin) ?? 1
  if (left > 1) pieces.set(origin, left - 1)
  return left <= 1
}

/** A position without records takes the place of one that is done: a source may tell many while one record is late. */
function append(range: Range): void {
  const { ranges } = range.track
  const last = ranges.length - 1
  if (range.left === 0 && last >= 0 && ranges[last]!.left === 0) ranges[last] = range
  else ranges.push(range)
}

function advance(track: PartitionTrack): void {
  let n = 0
  while (n < track.ranges.length && track.ranges[n]!.left === 0) track.done = track.ranges[n++]!.position
  if (n > 0) track.ranges.splice(0, n)
}
