import { type PackedRecords, RecordBatch, type RecordError } from '@connect-run/core'
import type { RecordOut } from './format/splitter.ts'

/** The rows of a chunk that go out in one batch. */
export interface ChunkSlice {
  readonly batch: RecordBatch
  readonly failures: readonly { readonly row: number; readonly error: RecordError }[]
}

/** Whose records they are. */
export interface ChunkOwner {
  readonly stream: string
  readonly partition: number
}

const FIRST_ROWS = 256

/**
 * The records found in one block of a file, in columns. What lies in the block stays where it is; bytes from elsewhere
 * (a record begun in an earlier block, text that was decoded) are put behind it.
 */
export class Chunk implements RecordOut {
  #buffer: Buffer
  #used: number
  #start = new Int32Array(FIRST_ROWS)
  #end = new Int32Array(FIRST_ROWS)
  #at = new Float64Array(FIRST_ROWS)
  #values: unknown[] | null = null
  #errors: Map<number, RecordError> | null = null
  #sizes: Int32Array | null = null
  #count = 0
  #next = 0

  /** `block` becomes the chunk's, and so do `room` bytes of memory behind it. */
  constructor(block: Buffer, room: number = 0) {
    this.#buffer = room === 0 ? block : Buffer.from(block.buffer, block.byteOffset, block.length + room)
    this.#used = block.length
  }

  /** Rows not yet taken. */
  get left(): number {
    return this.#count - this.#next
  }

  /** Where the first row that was not yet taken begins in the file; undefined if there is none. */
  get nextAt(): number | undefined {
    return this.left === 0 ? undefined : this.#at[this.#next]
  }

  bytes(bytes: Buffer, start: number, end: number, at: number): void {
    const row = this.#row(at)
    const shift = bytes.byteOffset - this.#buffer.byteOffset
    const inBlock = bytes.buffer === this.#buffer.buffer && start + shift >= 0 && end + shift <= this.#used
    if (inBlock) {
      this.#start[row] = start + shift
      this.#end[row] = end + shift
      return
    }
    this.#makeRoom(end - start)
    this.#start[row] = this.#used
    this.#used += bytes.copy(this.#buffer, this.#used, start, end)
    this.#end[row] = this.#used
  }

  value(value: unknown, size: number, at: number): void {
    const row = this.#row(at)
    this.#values ??= []
    this.#sizes ??= new Int32Array(this.#at.length)
    this.#values[row] = value
    this.#sizes[row] = size
    this.#end[row] = -1
  }

  failed(error: RecordError, head: Buffer, at: number): void {
    this.#errors ??= new Map()
    this.#errors.set(this.#count, error)
    this.bytes(head, 0, head.length, at)
  }

  /** The next rows, at most so many, and at most about so many bytes, but one at least. */
  take(maxRecords: number, maxBytes: number, owner: ChunkOwner): ChunkSlice {
    const from = this.#next
    const to = this.#fit(from, Math.min(this.#count, from + maxRecords), maxBytes)
    this.#next = to
    const packed = this.#packed(from, to, owner)
    const values = this.#values?.slice(from, to)
    if (values !== undefined) values.length = to - from
    const batch = values === undefined ? RecordBatch.of(packed) : RecordBatch.made(packed, { keys: null, values })
    return { batch, failures: this.#failures(from, to) }
  }

  #fit(from: number, limit: number, maxBytes: number): number {
    let bytes = 0
    for (let row = from; row < limit; row++) {
      bytes += this.#end[row]! < 0 ? this.#sizes![row]! : this.#end[row]! - this.#start[row]!
      if (bytes > maxBytes && row > from) return row
    }
    return limit
  }

  #packed(from: number, to: number, { stream, partition }: ChunkOwner): PackedRecords {
    const count = to - from
    const { low, high } = this.#extent(from, to)
    const valueStart = new Int32Array(count)
    const valueEnd = new Int32Array(count)
    for (let i = 0; i < count; i++) {
      const end = this.#end[from + i]!
      valueStart[i] = end < 0 ? 0 : this.#start[from + i]! - low
      valueEnd[i] = end < 0 ? -1 : end - low
    }
    return {
      count,
      buffer: this.#buffer.subarray(low, high),
      valueStart,
      valueEnd,
      keyStart: new Int32Array(count),
      keyEnd: new Int32Array(count).fill(-1),
      partition: new Int32Array(count).fill(partition),
      offset: this.#at.slice(from, to),
      timestamp: new Float64Array(count).fill(-1),
      stream: new Int32Array(count),
      streams: [stream],
      headers: null,
    }
  }

  /** The part of the buffer in which the rows lie. */
  #extent(from: number, to: number): { low: number; high: number } {
    let low = Infinity
    let high = 0
    for (let row = from; row < to; row++) {
      if (this.#end[row]! < 0) continue
      low = Math.min(low, this.#start[row]!)
      high = Math.max(high, this.#end[row]!)
    }
    return high === 0 ? { low: 0, high: 0 } : { low, high }
  }

  #failures(from: number, to: number): ChunkSlice['failures'] {
    if (this.#errors === null) return []
    return [...this.#errors].flatMap(([row, error]) => (row >= from && row < to ? [{ row: row - from, error }] : []))
  }

  #row(at: number): number {
    const row = this.#count++
    if (row === this.#at.length) this.#grow()
    this.#at[row] = at
    return row
  }

  #grow(): void {
    const rows = this.#at.length * 4
    this.#start = grown(this.#start, new Int32Array(rows))
    this.#end = grown(this.#end, new Int32Array(rows))
    this.#at = grown(this.#at, new Float64Array(rows))
    if (this.#sizes !== null) this.#sizes = grown(this.#sizes, new Int32Array(rows))
  }

  #makeRoom(bytes: number): void {
    if (this.#used + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(this.#used + bytes + (this.#buffer.length >> 2))
    this.#buffer.copy(larger, 0, 0, this.#used)
    this.#buffer = larger
  }
}

function grown<Column extends Int32Array | Float64Array>(column: Column, larger: Column): Column {
  larger.set(column)
  return larger
}
