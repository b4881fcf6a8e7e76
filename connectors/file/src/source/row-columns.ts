const FIRST_ROWS = 256
/** Memory for more is not kept. */
const KEPT_ROWS = 64 * 1024

/** Where the rows of a chunk stand. */
export class RowColumns {
  /** In the chunk's buffer. */
  start: Int32Array = new Int32Array(FIRST_ROWS)
  /** -1 where the value is no bytes. */
  end: Int32Array = new Int32Array(FIRST_ROWS)
  /** In the file. */
  at: Float64Array = new Float64Array(FIRST_ROWS)
  /** Bytes of which values were made that are no bytes. */
  sizes: Int32Array | null = null

  grow(): void {
    const rows = this.at.length * 4
    this.start = grown(this.start, new Int32Array(rows))
    this.end = grown(this.end, new Int32Array(rows))
    this.at = grown(this.at, new Float64Array(rows))
    if (this.sizes !== null) this.sizes = grown(this.sizes, new Int32Array(rows))
  }
}

/** Keeps the memory of one chunk for the next: what is not made anew is no work for the collector. */
export class ColumnPool {
  #spare: RowColumns | undefined

  take(): RowColumns {
    const columns = this.#spare ?? new RowColumns()
    this.#spare = undefined
    return columns
  }

  /** They must not be used any more. */
  give(columns: RowColumns): void {
    if (columns.at.length <= KEPT_ROWS) this.#spare = columns
  }
}

function grown<Column extends Int32Array | Float64Array>(column: Column, larger: Column): Column {
  larger.set(column)
  return larger
}
