import type { Partition, RecordBatch } from '@connect-run/core'

/** Rows of one partition that stand one behind the other in the file, in ascending order of their offsets. */
interface Run {
  readonly partition: string
  readonly offsets: Float64Array
  /** Where the line of each row ends, counted from `at`. */
  readonly ends: Int32Array
  /** A place in the file. */
  readonly at: number
}

/** The last row of a partition that the file holds. */
export interface RowMark {
  readonly offset: number
  readonly index: number
}

/** So many rows may be written and not be part of a checkpoint. */
const MAX_ROWS = 4_000_000

export function partitionKey({ stream, partition }: Partition): string {
  return `${partition} ${stream}`
}

/**
 * The rows behind the last checkpoint, in the order of the file: a checkpoint's length and its positions must say the
 * same, and positions may fall between any two rows.
 */
export class WrittenRows {
  #runs: Run[] = []
  #rows = 0
  /** By partition: the last row in the file. */
  readonly #last = new Map<string, RowMark>()

  get isFull(): boolean {
    return this.#rows >= MAX_ROWS
  }

  /** Takes note of a batch whose lines begin at `at` in the file and end, by row, at `ends` behind that. */
  add(batch: RecordBatch, at: number, ends: Int32Array): void {
    const { stream, partition } = batch.packed
    const offsets = offsetsOf(batch)
    let from = 0
    let before = batch.length > 0 ? batch.packedRow(0) : 0
    for (let i = 1; i < batch.length; i++) {
      const row = batch.packedRow(i)
      const isNext =
        stream[row] === stream[before] && partition[row] === partition[before] && offsets[i]! >= offsets[i - 1]!
      before = row
      if (isNext) continue
      this.#addRun(batch, from, { offsets: offsets.subarray(from, i), ends: ends.subarray(from, i), at })
      from = i
    }
    if (from < batch.length)
      this.#addRun(batch, from, { offsets: offsets.subarray(from), ends: ends.subarray(from), at })
  }

  lastOf(partition: string): RowMark | undefined {
    return this.#last.get(partition)
  }

  /**
   * Up to where the file holds rows that have passed and nothing else, `from` being the last checkpoint. Undefined if
   * there is no such place: behind a row that has not passed stands one that has. `next` says from which offset on
   * rows of a partition have not passed.
   */
  passedTo(from: number, next: (partition: string) => number): number | undefined {
    let length = from
    let hasLeft = false
    for (const { partition, offsets, ends, at } of this.#runs) {
      const passed = firstAtLeast(offsets, next(partition))
      if (passed > 0 && hasLeft) return undefined
      if (passed > 0) length = at + ends[passed - 1]!
      hasLeft ||= passed < offsets.length
    }
    return length
  }

  /** Forgets the rows up to a place in the file. */
  forget(length: number): void {
    const kept: Run[] = []
    for (const run of this.#runs) {
      const gone = firstAtLeast(run.ends, length - run.at + 1)
      if (gone === 0) kept.push(run)
      else if (gone < run.ends.length) {
        kept.push({ ...run, offsets: run.offsets.subarray(gone), ends: run.ends.subarray(gone) })
      }
    }
    this.#runs = kept
    this.#rows = kept.reduce((sum, run) => sum + run.offsets.length, 0)
  }

  #addRun(batch: RecordBatch, first: number, rows: Omit<Run, 'partition'>): void {
    const { length } = rows.offsets
    const partition = partitionKey({ stream: batch.stream(first), partition: batch.partition(first) })
    this.#runs.push({ partition, ...rows })
    this.#rows += length
    this.#last.set(partition, { offset: rows.offsets[length - 1]!, index: batch.index(first + length - 1) })
  }
}

/** By row of the batch. A copy, as the batch's own may be a part of something large. */
function offsetsOf(batch: RecordBatch): Float64Array {
  const { offset } = batch.packed
  if (batch.isWhole) return offset.slice(0, batch.length)
  const offsets = new Float64Array(batch.length)
  for (let i = 0; i < offsets.length; i++) offsets[i] = offset[batch.packedRow(i)]!
  return offsets
}

/** The first of ascending numbers that is not less than `least`; their count if there is none. */
function firstAtLeast(numbers: Float64Array | Int32Array, least: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (numbers[middle]! < least) low = middle + 1
    else high = middle
  }
  return low
}
