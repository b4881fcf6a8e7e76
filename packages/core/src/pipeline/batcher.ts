import { RecordBatch } from '../records/record-batch.ts'

export interface BatchLimits {
  readonly maxRecords: number
  readonly maxBytes: number
  /** How long the first record of a batch waits for company, in milliseconds. */
  readonly lingerMs: number
}

/**
 * Cuts what comes into batches for the sink. Small ones are put together until one is full or {@link flush} is
 * called after `lingerMs`; large ones are cut into views. A record larger than `maxBytes` goes alone.
 */
export class Batcher {
  readonly #limits: BatchLimits
  readonly #emit: (batch: RecordBatch) => void
  #pending: RecordBatch[] = []
  #records = 0
  #bytes = 0

  constructor(limits: BatchLimits, emit: (batch: RecordBatch) => void) {
    this.#limits = limits
    this.#emit = emit
  }

  /** Records that wait for company. */
  get pending(): number {
    return this.#records
  }

  add(batch: RecordBatch): void {
    if (this.#isOneBatch(batch)) return this.#emit(batch)
    let from = 0
    while (from < batch.length) {
      const { to, bytes } = this.#fit(batch, from)
      if (to === from) {
        this.flush()
        continue
      }
      this.#pending.push(batch.slice(from, to))
      this.#records += to - from
      this.#bytes += bytes
      from = to
      if (this.#records >= this.#limits.maxRecords || this.#bytes >= this.#limits.maxBytes) this.flush()
    }
  }

  flush(): void {
    if (this.#records === 0) return
    const batch = RecordBatch.concat(this.#pending)
    this.#pending = []
    this.#records = 0
    this.#bytes = 0
    this.#emit(batch)
  }

  /** Whether it can go out as it came: nothing waits, and it is half full or more, and not too large. */
  #isOneBatch(batch: RecordBatch): boolean {
    const { maxRecords, maxBytes } = this.#limits
    if (this.#records > 0 || batch.length > maxRecords) return false
    const bytes = batch.packed.buffer.length
    return bytes <= maxBytes && (batch.length * 2 >= maxRecords || bytes * 2 >= maxBytes)
  }

  /** Up to which row the batch fits in beside what waits, and the bytes of these rows. At least one row fits alone. */
  #fit(batch: RecordBatch, from: number): { to: number; bytes: number } {
    const { maxRecords, maxBytes } = this.#limits
    const end = Math.min(batch.length, from + maxRecords - this.#records)
    // Half a batch or more goes out as it is: putting it together would copy it.
    if (this.#records > 0 && batch.length - from > end - from && this.#records * 2 >= maxRecords) {
      return { to: from, bytes: 0 }
    }
    let bytes = 0
    let to = from
    while (to < end) {
      const size = batch.byteLength(to)
      if (this.#bytes + bytes + size > maxBytes && this.#records + to - from > 0) break
      bytes += size
      to++
    }
    return { to, bytes }
  }
}
