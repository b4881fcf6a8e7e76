const LF = 0x0a
const QUOTE = 0x22

/** Finds where the rows of CSV text end: at line feeds, but for those within quotes. It is fed the bytes in order. */
export class CsvRowEnds {
  readonly #delimiter: number
  #inQuotes = false
  #fieldBegins = true

  constructor(delimiter: string) {
    this.#delimiter = delimiter.charCodeAt(delimiter.length - 1)
  }

  /** The place in the block, at `from` or later, of the line feed that ends the row; -1 where the block ends before. */
  next(block: Buffer, from: number): number {
    for (let i = from; i < block.length; i++) {
      const byte = block[i]!
      if (byte === QUOTE) {
        if (this.#inQuotes || this.#fieldBegins) this.#inQuotes = !this.#inQuotes
        // A quote behind a closing one is a doubled quote, and opens again.
        this.#fieldBegins = !this.#inQuotes
      } else if (!this.#inQuotes && byte === LF) {
        this.#fieldBegins = true
        return i
      } else this.#fieldBegins = !this.#inQuotes && byte === this.#delimiter
    }
    return -1
  }

  /** The next byte begins a row. */
  reset(): void {
    this.#inQuotes = false
    this.#fieldBegins = true
  }
}
