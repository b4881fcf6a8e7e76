/** Keys and values in the sink's format, by row of a batch: ranges of one buffer. An end of -1 is null. */
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
  #buffer: Buffer = Buffer.allocUnsafe(FIRST_BYTES)
  #at = 0
  #count = 0
  readonly #keyStart: Int32Array
  readonly #keyEnd: Int32Array
  readonly #valueStart: Int32Array
  readonly #valueEnd: Int32Array

  /** `rows`: how many there will be at most. */
  constructor(rows: number) {
    this.#keyStart = new Int32Array(rows)
    this.#keyEnd = new Int32Array(rows)
    this.#valueStart = new Int32Array(rows)
    this.#valueEnd = new Int32Array(rows)
  }

  add(key: Buffer | null, value: Buffer | null): void {
    const row = this.#count++
    this.#keyStart[row] = this.#at
    this.#keyEnd[row] = this.#put(key)
    this.#valueStart[row] = this.#at
    this.#valueEnd[row] = this.#put(value)
  }

  finish(): EncodedColumns {
    return {
      buffer: this.#buffer.subarray(0, this.#at),
      keyStart: this.#keyStart.subarray(0, this.#count),
      keyEnd: this.#keyEnd.subarray(0, this.#count),
      valueStart: this.#valueStart.subarray(0, this.#count),
      valueEnd: this.#valueEnd.subarray(0, this.#count),
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

/** Rows of several columns one after another. Null unless every part has some. */
export function joinEncoded(parts: readonly (EncodedColumns | null)[]): EncodedColumns | null {
  const all = parts.filter((part) => part !== null)
  if (all.length < parts.length) return null
  const joined = (get: (part: EncodedColumns) => Int32Array): Int32Array => {
    const numbers = new Int32Array(all.reduce((sum, part) => sum + get(part).length, 0))
    let at = 0
    let byte = 0
    for (const part of all) {
      const own = get(part)
      for (let i = 0; i < own.length; i++) numbers[at++] = own[i]! < 0 ? -1 : own[i]! + byte
      byte += part.buffer.length
    }
    return numbers
  }
  return {
    buffer: Buffer.concat(all.map((part) => part.buffer)),
    keyStart: joined((part) => part.keyStart),
    keyEnd: joined((part) => part.keyEnd),
    valueStart: joined((part) => part.valueStart),
    valueEnd: joined((part) => part.valueEnd),
  }
}
