const FIRST_BYTES = 1024

/** Bytes of an unfinished record, put one behind the other. Keeps its memory for the next record unless that grew large. */
export class ByteStore {
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #length = 0

  get length(): number {
    return this.#length
  }

  append(bytes: Buffer, start: number, end: number): void {
    const needed = this.#length + end - start
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    this.#length += bytes.copy(this.#buffer, this.#length, start, end)
  }

  /** Forgets what is behind the first `length` bytes. */
  cut(length: number): void {
    this.#length = Math.min(this.#length, length)
  }

  /** The bytes; valid until the next call. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }
}
