/** Keys and values as bytes, by row: ranges of one buffer. An end of -1 is null. */
export interface EncodedColumns {
  readonly buffer: Buffer
  readonly keyStart: Int32Array
  readonly keyEnd: Int32Array
  readonly valueStart: Int32Array
  readonly valueEnd: Int32Array
}

const FIRST_BYTES = 4096

/** Collects encoded rows one after another. */
export class EncodedColumnsBuilder {
  readonly #columns: EncodedColumns
  #buffer: Buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #at = 0
  #count = 0

  /** `rows`: how many there will be at most. */
  constructor(rows: number) {
    this.#columns = allocateEncoded(rows, this.#buffer)
  }

  add(key: Buffer | null, value: Buffer | null): void {
    const { keyStart, keyEnd, valueStart, valueEnd } = this.#columns
    const row = this.#count++
    keyStart[row] = this.#at
    keyEnd[row] = this.#put(key)
    valueStart[row] = this.#at
    valueEnd[row] = this.#put(value)
  }

  finish(): EncodedColumns {
    const { keyStart, keyEnd, valueStart, valueEnd } = this.#columns
    return {
      buffer: this.#buffer.subarray(0, this.#at),
      keyStart: keyStart.subarray(0, this.#count),
      keyEnd: keyEnd.subarray(0, this.#count),
      valueStart: valueStart.subarray(0, this.#count),
      valueEnd: valueEnd.subarray(0, this.#count),
    }
  }

  /** Where the bytes end, -1 for null. */
  #put(bytes: Buffer | null): number {
    if (bytes === null) return -1
    const end = this.#at + bytes.length
    if (end > this.#buffer.length) this.#grow(end)
    this.#buffer.set(bytes, this.#at)
    return (this.#at = end)
  }

  #grow(size: number): void {
    const larger = Buffer.allocUnsafe(Math.max(size, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}

/** Some rows, of the same buffer. */
export function pickEncoded(columns: EncodedColumns, rows: Int32Array | readonly number[]): EncodedColumns {
  return {
    buffer: columns.buffer,
    keyStart: numbersAt(columns.keyStart, rows),
    keyEnd: numbersAt(columns.keyEnd, rows),
    valueStart: numbersAt(columns.valueStart, rows),
    valueEnd: numbersAt(columns.valueEnd, rows),
  }
}

/** The numbers at some places. */
export function numbersAt(numbers: Int32Array, rows: Int32Array | readonly number[]): Int32Array {
  const picked = new Int32Array(rows.length)
  for (let i = 0; i < picked.length; i++) picked[i] = numbers[rows[i]!]!
  return picked
}

/** Columns whose contents the caller fills in. */
export function allocateEncoded(rows: number, buffer: Buffer): EncodedColumns {
  return {
    buffer,
    keyStart: new Int32Array(rows),
    keyEnd: new Int32Array(rows),
    valueStart: new Int32Array(rows),
    valueEnd: new Int32Array(rows),
  }
}

/** Rows of several columns one after another, bytes copied. Null unless every part has some. */
export function joinEncoded(parts: readonly (EncodedColumns | null)[]): EncodedColumns | null {
  let rows = 0
  let bytes = 0
  for (const part of parts) {
    if (part === null) return null
    rows += part.valueEnd.length
    bytes += part.buffer.length
  }
  const all = allocateEncoded(rows, Buffer.allocUnsafe(bytes))
  const at = { row: 0, byte: 0 }
  for (const part of parts as readonly EncodedColumns[]) {
    appendEncoded(all, part, at)
    at.row += part.valueEnd.length
    at.byte += part.buffer.length
  }
  return all
}

/** Copies rows and their bytes to where `at` says. */
export function appendEncoded(
  all: EncodedColumns,
  part: EncodedColumns,
  at: { readonly row: number; readonly byte: number },
): void {
  part.buffer.copy(all.buffer, at.byte)
  for (let i = 0, row = at.row; i < part.valueEnd.length; i++, row++) {
    all.valueStart[row] = part.valueStart[i]! + at.byte
    all.valueEnd[row] = part.valueEnd[i]! < 0 ? -1 : part.valueEnd[i]! + at.byte
    all.keyStart[row] = part.keyStart[i]! + at.byte
    all.keyEnd[row] = part.keyEnd[i]! < 0 ? -1 : part.keyEnd[i]! + at.byte
  }
}
