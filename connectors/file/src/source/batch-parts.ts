import { type PartitionPosition, type PollLimits, RecordBatch } from '@connect-run/core'
import type { ChunkSlice } from './chunk.ts'

/** More parts than this are left to the next poll. */
const MAX_PARTS = 256
/** Room for less is no room. */
const LEAST_BYTES = 4096

/** What one poll puts together from several files. */
export class BatchParts {
  readonly #slices: ChunkSlice[] = []
  readonly #positions = new Map<string, PartitionPosition>()
  #recordsLeft: number
  #bytesLeft: number

  constructor({ maxRecords, maxBytes }: PollLimits) {
    this.#recordsLeft = maxRecords
    this.#bytesLeft = Math.max(LEAST_BYTES, maxBytes)
  }

  get recordsLeft(): number {
    return this.#recordsLeft
  }

  get bytesLeft(): number {
    return this.#bytesLeft
  }

  get isFull(): boolean {
    return this.#recordsLeft <= 0 || this.#bytesLeft < LEAST_BYTES || this.#slices.length >= MAX_PARTS
  }

  get isEmpty(): boolean {
    return this.#slices.length === 0 && this.#positions.size === 0
  }

  add(slice: ChunkSlice): void {
    this.#slices.push(slice)
    this.#recordsLeft -= slice.batch.length
    this.#bytesLeft -= slice.batch.packed.buffer.length
  }

  /** The last one given for a partition counts. */
  addPosition(entry: PartitionPosition): void {
    this.#positions.set(`${entry.partition} ${entry.stream}`, entry)
  }

  batch(): RecordBatch {
    let rows = 0
    const failures = this.#slices.flatMap((slice) => {
      const first = rows
      rows += slice.batch.length
      return slice.failures.map(({ row, error }) => ({ row: first + row, error }))
    })
    const batch = RecordBatch.concat(this.#slices.map((slice) => slice.batch))
    return batch.withPositions([...this.#positions.values()]).withFailures(failures)
  }
}
