import { type PackedRecords, RecordBatch, type RecordError } from '@connect-run/core'
import type { RecordOut } from './format/splitter.ts'
import { RowColumns } from './row-columns.ts'

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

export interface ChunkOptions {
  /** Where in the block the bytes begin that were not read before. Default 0. */
  readonly from?: number
  /** Bytes of memory behind the block that are the chunk's as well. Default 0. */
  readonly room?: number
  /** Default: no limit. */
  readonly maxRows?: number
  /** Default: new ones. */
  readonly columns?: RowColumns
}

/** To copy so much is cheap. */
const COPIED_BYTES = 16 * 1024

/**
 * The records found in one block of a file, in columns. What lies in the block stays where it is; bytes from elsewhere
 * (a record begun in an earlier block, text that was decoded) are put behind it.
 */
export class Chunk implements RecordOut {
  /** The bytes in which records are to be found. */
  readonly fresh: Buffer
  readonly columns: RowColumns
  readonly #from: number
  readonly #maxRows: number
  #buffer: Buffer
  #used: number
  #values: unknown[] | null = null
  #errors: Map<number, RecordError> | null = null
  #count = 0
  #next = 0

  /** `block` becomes the chunk's. */
  constructor(block: Buffer, options: ChunkOptions = {}) {
    const { from = 0, room = 0, maxRows = Infinity, columns = new RowColumns() } = options
    this.columns = columns
    this.fresh = from === 0 ? block : block.subarray(from)
    this.#from = from
    this.#maxRows = maxRows
    this.#buffer = room === 0 ? block : Buffer.from(block.buffer, block.byteOffset, block.length + room)
    this.#used = block.length
  }

  isFull(): boolean {
    return this.#count >= this.#maxRows
  }

  /** Rows not yet taken. */
  get left(): number {
    return this.#count - this.#next
  }

  /** Where the first row that was not yet taken begins in the file; undefined if there is none. */
  get nextAt(): number | undefined {
    return this.left === 0 ? undefined : this.columns.at[this.#next]
  }

  bytes(bytes: Buffer, start: number, end: number, at: number): void {
    const row = this.#row(at)
    const { columns } = this
    if (bytes === this.fresh) {
      columns.start[row] = start + this.#from
      columns.end[row] = end + this.#from
      return
    }
    this.#makeRoom(end - start)
    columns.start[row] = this.#used
    this.#used += bytes.copy(this.#buffer, this.#used, start, end)
    columns.end[row] = this.#used
  }

  value(value: unknown, size: number, at: number): void {
    const row = this.#row(at)
    const { columns } = this
    columns.sizes ??= new Int32Array(columns.at.length)
    columns.sizes[row] = size
    columns.start[row] = 0
    columns.end[row] = -1
    this.#values ??= []
    this.#values[row] = value
  }

  failed(error: RecordError, head: Buffer, at: number): void {
    this.#errors ??= new Map()
    this.#errors.set(this.#count, error)
    this.bytes(head, 0, head.length, at)
  }

  /** The next rows, at most so many, and at most about so many bytes, but one at least. */
  take(maxRecords: number, maxBytes: number, owner: ChunkOwner): ChunkSlice {
    const from = this.#next
    const to = this.#fit(from, from + evenly(this.left, maxRecords), maxBytes)
    this.#next = to
    const packed = this.#packed(from, to, owner)
    const values = this.#values?.slice(from, to)
    if (values !== undefined) values.length = to - from
    const batch = values === undefined ? RecordBatch.of(packed) : RecordBatch.made(packed, { keys: null, values })
    return { batch, failures: this.#failures(from, to) }
  }

  #fit(from: number, limit: number, maxBytes: number): number {
    const { start, end, sizes } = this.columns
    let bytes = 0
    for (let row = from; row < limit; row++) {
      bytes += end[row]! < 0 ? sizes![row]! : end[row]! - start[row]!
      if (bytes > maxBytes && row > from) return row
    }
    return limit
  }

  #packed(from: number, to: number, { stream, partition }: ChunkOwner): PackedRecords {
    const count = to - from
    const { low, high } = this.#extent(from, to)
    const valueStart = this.columns.start.slice(from, to)
    const valueEnd = this.columns.end.slice(from, to)
    for (let i = 0; i < count; i++) {
      if (valueEnd[i]! < 0) continue
      valueStart[i]! -= low
      valueEnd[i]! -= low
    }
    return {
      count,
      buffer: this.#part(low, high),
      valueStart,
      valueEnd,
      keyStart: zeros(count),
      keyEnd: nulls(count),
      partition: partition === 0 ? zeros(count) : new Int32Array(count).fill(partition),
      offset: this.columns.at.slice(from, to),
      timestamp: noTimes(count),
      stream: zeros(count),
      streams: [stream],
      headers: null,
    }
  }

  /** A copy of what is short: it may wait for long, and would keep all of the buffer alive. */
  #part(low: number, high: number): Buffer {
    const part = this.#buffer.subarray(low, high)
    return part.length <= COPIED_BYTES && part.length * 4 < this.#buffer.length ? Buffer.from(part) : part
  }

  /** The part of the buffer in which the rows lie. */
  #extent(from: number, to: number): { low: number; high: number } {
    const { start, end } = this.columns
    let low = Infinity
    let high = 0
    for (let row = from; row < to; row++) {
      if (end[row]! < 0) continue
      low = Math.min(low, start[row]!)
      high = Math.max(high, end[row]!)
    }
    return high === 0 ? { low: 0, high: 0 } : { low, high }
  }

  #failures(from: number, to: number): ChunkSlice['failures'] {
    if (this.#errors === null) return []
    return [...this.#errors].flatMap(([row, error]) => (row >= from && row < to ? [{ row: row - from, error }] : []))
  }

  #row(at: number): number {
    const row = this.#count++
    if (row === this.columns.at.length) this.columns.grow()
    this.columns.at[row] = at
    return row
  }

  #makeRoom(bytes: number): void {
    if (this.#used + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(this.#used + bytes + (this.#buffer.length >> 2))
    this.#buffer.copy(larger, 0, 0, this.#used)
    this.#buffer = larger
  }
}

/** At most `most` of what is left, in parts of the same size. */
function evenly(left: number, most: number): number {
  return left <= most ? left : Math.ceil(left / Math.ceil(left / most))
}

const zeros = constant((rows) => new Int32Array(rows))
const nulls = constant((rows) => new Int32Array(rows).fill(-1))
const noTimes = constant((rows) => new Float64Array(rows).fill(-1))

/** A column that is the same in every batch: nobody writes into a batch, and memory is what makes work for the collector. */
function constant<Column extends Int32Array | Float64Array>(make: (rows: number) => Column): (rows: number) => Column {
  let column = make(0)
  return (rows) => {
    if (column.length < rows) column = make(2 * rows)
    return column.subarray(0, rows) as Column
  }
}
