import type { ConnectRecord, Header } from '../api/record.ts'
import type { Schema } from '../api/schema.ts'
import type { RecordBatch } from './record-batch.ts'

/** A record as a view on a row of a batch: reads like a plain object, decodes what is asked for. */
export class RecordView implements ConnectRecord {
  readonly #batch: RecordBatch
  readonly #row: number

  constructor(batch: RecordBatch, row: number) {
    this.#batch = batch
    this.#row = row
  }

  get stream(): string {
    return this.#batch.stream(this.#row)
  }

  get partition(): number {
    return this.#batch.partition(this.#row)
  }

  get offset(): number {
    return this.#batch.offset(this.#row)
  }

  get index(): number {
    return this.#batch.index(this.#row)
  }

  get timestamp(): number | undefined {
    return this.#batch.timestamp(this.#row)
  }

  get key(): unknown {
    return this.#batch.key(this.#row)
  }

  get value(): unknown {
    return this.#batch.value(this.#row)
  }

  get keySchema(): Schema | undefined {
    return this.#batch.keySchema(this.#row)
  }

  get valueSchema(): Schema | undefined {
    return this.#batch.valueSchema(this.#row)
  }

  get keyBytes(): Buffer | null {
    return this.#batch.keyBytes(this.#row)
  }

  get valueBytes(): Buffer | null {
    return this.#batch.valueBytes(this.#row)
  }

  get headers(): readonly Header[] {
    return this.#batch.headers(this.#row)
  }
}
