import type { Partition, RecordBatch } from '@connect-run/core'

/** Rows of one partition that stand one behind the other in the file. */
interface Run {
  readonly partition: string
  readonly offsets: Float64Array
  /** Where the line of each row ends in the file. */
  readonly ends: Float64Array
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
    const { packed } = batch
    let from = 0
    for (let i = 1; i <= batch.length; i++) {
      const [row, before] = [i < batch.length ? batch.packedRow(i) : -1, batch.packedRow(i - 1)]
      const isSame =
        row >= 0 && packed.stream[row] === packed.stream[before] && packed.partition[row] === packed.partition[before]
      if (isSame) continue
      this.#addRun(batch, { from, to: i }, { at, ends })
      from = i
    }
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
    for (const { partition, offsets, ends } of this.#runs) {
      const until = next(partition)
      for (let i = 0; i < offsets.length; i++) {
        if (offsets[i]! >= until) hasLeft = true
        else if (hasLeft) return undefined
        else length = ends[i]!
      }
    }
    return length
  }

  /** Forgets the rows up to a place in the file. */
  forget(length: number): void {
    const kept: Run[] = []
    for (const run of this.#runs) {
      const gone = run.ends.findIndex((end) => end > length)
      if (gone === 0) kept.push(run)
      else if (gone > 0) kept.push({ ...run, offsets: run.offsets.subarray(gone), ends: run.ends.subarray(gone) })
    }
    this.#runs = kept
    this.#rows = kept.reduce((sum, run) => sum + run.offsets.length, 0)
  }

  #addRun(
    batch: RecordBatch,
    { from, to }: { from: number; to: number },
    { at, ends }: { at: number; ends: Int32Array },
  ): void {
    const count = to - from
    const offsets = new Float64Array(count)
    const runEnds = new Float64Array(count)
    for (let i = 0; i < count; i++) {
      offsets[i] = batch.offset(from + i)
      runEnds[i] = at + ends[from + i]!
    }
    const partition = partitionKey({ stream: batch.stream(from), partition: batch.partition(from) })
    this.#runs.push({ partition, offsets, ends: runEnds })
    this.#rows += count
    this.#last.set(partition, { offset: batch.offset(to - 1), index: batch.index(to - 1) })
  }
}
