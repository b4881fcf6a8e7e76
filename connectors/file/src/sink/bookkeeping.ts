import { type Partition, type Position, type Positions, type RecordBatch, RetriableError } from '@connect-run/core'
import type { Checkpoint, CheckpointEntry } from './checkpoint.ts'
import { type RowMark, WrittenRows, partitionKey } from './written-rows.ts'

/** A partition whose position in the source's store is not what this sink left there. */
export interface Reset extends Partition {
  readonly from: number
  readonly to: number
}

/** The rows of a batch that are not in the file yet. */
export interface Fresh {
  readonly batch: RecordBatch
  /** Row in the batch that was given. */
  rowOf(row: number): number
  /** Partitions that are beyond what is in the file with this batch. */
  readonly beyond: ReadonlySet<string>
}

/** What the books are about: up to where what was written holds what is before the positions. */
export type Passed = Pick<Checkpoint, 'length' | 'partitions'>

const none: ReadonlySet<string> = new Set()

/** What a checkpoint must say next, and where partitions go on. Knows of rows and positions, not of files. */
export class Bookkeeping {
  #checkpoint: Passed
  readonly #rows = new WrittenRows()
  /** Partitions that came back within this run: rows up to here are in the file. */
  readonly #known = new Map<string, RowMark>()
  /** Partitions that go on elsewhere than the checkpoint says. */
  readonly #reset = new Set<string>()
  /** What the source's stores held at the start, for partitions of which nothing has passed yet. */
  readonly #found = new Map<string, number>()

  constructor(checkpoint: Passed = { length: 0, partitions: [] }) {
    this.#checkpoint = checkpoint
  }

  get isFull(): boolean {
    return this.#rows.isFull
  }

  /**
   * Where the partitions (all where undefined) go on: at the checkpoint, unless the source's store holds an offset that
   * it can't have from this sink.
   */
  startingPoints(
    partitions: readonly Partition[] | undefined,
    stored: Positions,
  ): { positions: Positions; resets: Reset[] } {
    const asked = partitions === undefined ? undefined : new Set(partitions.map(partitionKey))
    const held = new Map(stored.map((entry) => [partitionKey(entry), entry.position.offset]))
    for (const [key, offset] of held) this.#found.set(key, offset)
    const positions: Positions[number][] = []
    const resets: Reset[] = []
    for (const { stored: range, ...entry } of this.#checkpoint.partitions) {
      const key = partitionKey(entry)
      if (asked !== undefined && !asked.has(key)) continue
      const offset = held.get(key)
      if (offset === undefined || isWithin(offset, entry.position, range)) {
        this.#reset.delete(key)
        positions.push(entry)
      } else {
        this.#reset.add(key)
        this.#known.delete(key)
        resets.push({ stream: entry.stream, partition: entry.partition, from: entry.position.offset, to: offset })
      }
    }
    return { positions, resets }
  }

  /** Partitions that were given up in this run are read again, maybe from before what is in the file of them. */
  comeBack(partitions: readonly Partition[]): void {
    for (const partition of partitions) {
      const key = partitionKey(partition)
      const last = this.#rows.lastOf(key)
      if (last !== undefined) this.#known.set(key, last)
    }
  }

  /** Leaves out rows that are in the file since before their partition came back. */
  withoutKnown(batch: RecordBatch): Fresh {
    if (this.#known.size === 0) return { batch, rowOf: (row) => row, beyond: none }
    const rows: number[] = []
    const beyond = new Set<string>()
    for (let i = 0; i < batch.length; i++) {
      const key = partitionKey({ stream: batch.stream(i), partition: batch.partition(i) })
      const mark = beyond.has(key) ? undefined : this.#known.get(key)
      if (mark !== undefined && isUpTo(batch.offset(i), batch.index(i), mark)) continue
      beyond.add(key)
      rows.push(i)
    }
    return { batch: batch.select(rows), rowOf: (row) => rows[row]!, beyond }
  }

  wrote({ batch, beyond }: Fresh, at: number, ends: Int32Array): void {
    for (const key of beyond) this.#known.delete(key)
    this.#rows.add(batch, at, ends)
  }

  /**
   * The next checkpoint. Where rows that have passed stand behind one that has not, there is no place to cut at: then it
   * is the last one, with what the source's store will hold.
   */
  next(positions: Positions, passed: Positions): Passed {
    const wanted = new Map(positions.map((entry) => [partitionKey(entry), entry]))
    const last = new Map(this.#checkpoint.partitions.map((entry) => [partitionKey(entry), entry]))
    const until = (key: string): number => {
      const kept = this.#reset.has(key) ? undefined : last.get(key)
      return (wanted.get(key) ?? kept)?.position.offset ?? -1
    }
    const length = this.#rows.passedTo(this.#checkpoint.length, until)
    const from = new Map(passed.map((entry) => [partitionKey(entry), entry.position.offset]))
    const entries: CheckpointEntry[] = []
    for (const [key, entry] of new Map([...last, ...wanted])) {
      const before = last.get(key)
      const position = length === undefined ? before?.position : entry.position
      if (position?.ended === true) continue
      // The file would be cut to where nothing of this partition is, and the source's store would be beyond it.
      if (position === undefined) throw waitsForOthers(entry)
      const stored = {
        from: from.get(key) ?? this.#found.get(key) ?? before?.stored.from ?? null,
        to: wanted.get(key)?.position.offset ?? before?.stored.to ?? position.offset,
      }
      entries.push({ stream: entry.stream, partition: entry.partition, position, stored })
    }
    return { length: length ?? this.#checkpoint.length, partitions: entries }
  }

  /** The checkpoint is on the disk. */
  committed({ length, partitions }: Passed): void {
    this.#checkpoint = { length, partitions }
    this.#rows.forget(length)
    for (const entry of partitions) this.#reset.delete(partitionKey(entry))
  }
}

function waitsForOthers({ stream, partition }: Partition): RetriableError {
  return new RetriableError(
    'THROTTLED',
    `the first position of ${stream}/${partition} waits for a record that is not settled yet`,
  )
}

function isWithin(offset: number, { offset: at }: Position, { from, to }: CheckpointEntry['stored']): boolean {
  return offset >= Math.min(at, from ?? 0) && offset <= Math.max(at, to)
}

function isUpTo(offset: number, index: number, mark: RowMark): boolean {
  return offset < mark.offset || (offset === mark.offset && index <= mark.index)
}
