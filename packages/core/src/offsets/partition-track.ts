import type { Partition, Position } from '../api/record.ts'
import { type Count, type Tally, addTally, emptyTally, settledIn } from './tally.ts'

/** The rows of one partition in one polled batch, and where the partition goes on once all of them are done. */
export interface Range {
  readonly track: PartitionTrack
  readonly position: Position
  readonly count: number
  readonly tally: Tally
  left: number
  /** Rows that the call under way has come upon; 0 between calls. */
  touched: number
}

/** Records of a partition up to a position, and what became of them. */
interface Passing {
  records: number
  readonly tally: Tally
}

/** Records of a partition that don't add up. */
export interface Mismatch extends Partition {
  /** Where they end. */
  readonly position: Position | undefined
  readonly read: number
  readonly tally: Readonly<Tally>
  readonly inFlight: number
}

/** Records of a partition that a commit is about to pass. */
export interface PassingRecords extends Partition {
  readonly records: number
  readonly tally: Readonly<Tally>
  /** None will follow. */
  readonly ended: boolean
}

/** What was given up: others, or a later task, read it again. */
export interface Forgotten {
  /** How many records were in flight. */
  readonly records: number
  /** `uncommitted`: all records of the partition read beyond its committed position, done ones included. */
  readonly partitions: readonly (Partition & { readonly records: number; readonly uncommitted: number })[]
}

/** One partition: its ranges in the order they were read, how far it is, and what became of its records. */
export class PartitionTrack implements Partition {
  readonly stream: string
  readonly partition: number
  ranges: Range[] = []
  /** Read up to here. */
  read: Position | undefined
  /** Done up to here, with nothing undone before it. */
  done: Position | undefined
  committed: Position | undefined
  /** Given up: what still comes in of it counts for nothing. */
  released = false
  /** Records that are not done. */
  inFlight = 0
  readonly total: Tally = emptyTally()
  #records = 0
  /** Done, and maybe not noted yet: who settles a record says what became of it right after, in the same breath. */
  readonly #advanced: Range[] = []
  /** Up to `done`, since what is committed. */
  readonly #passing: Passing = { records: 0, tally: emptyTally() }
  #offered: Passing = { records: 0, tally: emptyTally() }
  #mismatch: Mismatch | undefined

  constructor(stream: string, partition: number) {
    this.stream = stream
    this.partition = partition
  }

  /** Takes in what was read. A position without records takes the place of one that is done: a source may tell many while one record is late. */
  append(range: Range): void {
    this.#note()
    const last = this.ranges.length - 1
    if (range.count === 0 && last >= 0 && this.ranges[last]!.count === 0) this.ranges[last] = range
    else this.ranges.push(range)
    this.read = range.position
    this.inFlight += range.count
    this.#records += range.count
    this.advance()
  }

  advance(): void {
    let n = 0
    while (n < this.ranges.length && this.ranges[n]!.left === 0) this.done = this.ranges[n++]!.position
    if (n > 0) this.#advanced.push(...this.ranges.splice(0, n))
  }

  /** Whether there is something new to commit; what became of the records before it is kept for {@link offered}. */
  offer(): boolean {
    this.#note()
    if (this.done === undefined || this.done === this.committed) return false
    this.#offered = { records: this.#passing.records, tally: { ...this.#passing.tally } }
    return true
  }

  /** What became of the records up to the position offered last, since the one committed last. */
  get offered(): { readonly records: number; readonly tally: Readonly<Tally> } {
    return this.#offered
  }

  /** Read, and beyond what is committed. */
  get uncommitted(): number {
    let records = this.#passing.records
    for (const { count } of this.#advanced) records += count
    for (const { count } of this.ranges) records += count
    return records
  }

  commit(position: Position): void {
    this.committed = position
    this.#passing.records -= this.#offered.records
    addTally(this.#passing.tally, this.#offered.tally, -1)
    this.#offered = { records: 0, tally: emptyTally() }
  }

  /** Where it does not add up: of what was read, or of what is about to pass. */
  mismatch(): Mismatch | undefined {
    this.#note()
    if (this.#mismatch !== undefined) return this.#mismatch
    if (this.#records === settledIn(this.total) + this.inFlight) return undefined
    return this.#describe(this.read, this.#records, this.total, this.inFlight)
  }

  /** Gives it up. Returns how many records were in flight, and how many were read beyond what is committed. */
  forget(): { readonly records: number; readonly uncommitted: number } {
    const { uncommitted } = this
    let records = 0
    for (const { left } of this.ranges) records += left
    this.released = true
    this.ranges = []
    this.#advanced.length = 0
    this.#passing.records = 0
    this.inFlight -= records
    this.#records -= records
    return { records, uncommitted }
  }

  #note(): void {
    for (const { count, tally, position } of this.#advanced) {
      if (settledIn(tally) !== count) this.#mismatch ??= this.#describe(position, count, tally, 0)
      this.#passing.records += count
      addTally(this.#passing.tally, tally)
    }
    this.#advanced.length = 0
  }

  // oxlint-disable-next-line max-params -- four numbers of one sum
  #describe(position: Position | undefined, read: number, tally: Tally, inFlight: number): Mismatch {
    const { stream, partition } = this
    return { stream, partition, position, read, tally: { ...tally }, inFlight }
  }
}

export function newRange(track: PartitionTrack, position: Position, count: number): Range {
  return { track, position, count, tally: emptyTally(), left: count, touched: 0 }
}

export function settleRange(range: Range, records: number): Count {
  range.left -= records
  range.track.inFlight -= records
  range.track.advance()
  return countOf(range, records)
}

/** How many of its rows the call under way has come upon. */
export function untouch(range: Range): number {
  const { touched } = range
  range.touched = 0
  return touched
}

export function countOf({ tally, track }: Range, records: number): Count {
  return { records, tally, total: track.total }
}
