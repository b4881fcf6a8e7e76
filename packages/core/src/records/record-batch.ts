import type { ConnectRecord, Header, Positions } from '../api/record.ts'
import type { RecordError } from '../api/errors.ts'
import type { Schema } from '../api/schema.ts'
import { type Codec, bytesCodec } from './codec.ts'
import { type BatchParts, joinParts } from './batch-parts.ts'
import { type ByteColumn, DecodedColumn, columnsOf, decodeOnce, pickColumn } from './columns.ts'
import { type EncodedColumns, EncodedColumnsBuilder, numbersAt, pickEncoded } from './encoded-columns.ts'
import { headersOf } from './headers.ts'
import { NO_RECORDS, type PackedRecords } from './packed-records.ts'
import { RecordView } from './record-view.ts'

/** A row of a batch that its source could not make into a record, with the reason. */
export interface FailedRow {
  readonly row: number
  readonly error: RecordError
}

/**
 * Some records, in order within each partition. Immutable. Iterating gives records that decode on demand; a hot
 * connector reads `packed` and `packedRow(i)`. `select` makes a view that copies nothing.
 */
export class RecordBatch implements Iterable<ConnectRecord> {
  readonly length: number
  readonly #parts: BatchParts

  private constructor(parts: BatchParts) {
    this.#parts = parts
    this.length = parts.rows === null ? parts.packed.count : parts.rows.length
  }

  /**
   * A batch of packed records. `positions` says where to go on after it, one entry for each partition, and may say
   * so for partitions without a row here; left out, it is the last offset + 1 of each partition in the batch.
   */
  static of(packed: PackedRecords, positions: Positions | null = null): RecordBatch {
    const decoded = { keys: null, values: null, madeKeys: null, madeValues: null, encoded: null, madeBySource: false }
    const whole = { ...columnsOf(packed), rows: null, origins: null, firstOrigin: 0, index: null, errors: null }
    return new RecordBatch({ ...whole, ...decoded, codec: bytesCodec, positions })
  }

  /** A batch whose values (and keys) were never bytes. */
  static made(packed: PackedRecords, made: { keys: unknown[] | null; values: unknown[] | null }): RecordBatch {
    const { keys, values } = made
    return RecordBatch.of(packed).#with({
      madeBySource: true,
      madeKeys: keys === null ? null : new DecodedColumn(keys),
      madeValues: values === null ? null : new DecodedColumn(values),
    })
  }

  /** No record and no position. */
  static get empty(): RecordBatch {
    return EMPTY
  }

  /** The same batch with positions. */
  withPositions(positions: Positions): RecordBatch {
    return this.#with({ positions })
  }

  /**
   * The same batch, of which these rows can't be handed on: the runtime sets them aside by `errors.tolerance`, with
   * whatever bytes and coordinates they have.
   */
  withFailures(failures: readonly FailedRow[]): RecordBatch {
    if (failures.length === 0) return this
    return this.#with({ errors: new Map(failures.map(({ row, error }) => [this.packedRow(row), error])) })
  }

  /** Rows that the source could not make into records. */
  get failures(): readonly FailedRow[] {
    const { errors } = this.#parts
    if (errors === null) return []
    const failed: FailedRow[] = []
    for (let row = 0; row < this.length; row++) {
      const error = errors.get(this.packedRow(row))
      if (error !== undefined) failed.push({ row, error })
    }
    return failed
  }

  /** Null: derive them from the rows. Views have none. */
  get positions(): Positions | null {
    return this.#parts.positions
  }

  get packed(): PackedRecords {
    return this.#parts.packed
  }

  get codec(): Codec {
    return this.#parts.codec
  }

  /** Whether row `i` of this batch is row `i` of `packed`, for all of them. */
  get isWhole(): boolean {
    return this.#parts.rows === null
  }

  /** The source's format of the values in `packed`; null where a source or a transform made values instead of bytes. */
  get sourceFormat(): string | null {
    return this.#parts.madeValues === null ? this.#parts.codec.value.source.format : null
  }

  /** Row of `packed` that row `i` of this batch stands in. */
  packedRow(i: number): number {
    const rows = this.#parts.rows
    return rows === null ? i : rows[i]!
  }

  at(i: number): ConnectRecord {
    return new RecordView(this, i)
  }

  *[Symbol.iterator](): Generator<ConnectRecord, void> {
    for (let i = 0; i < this.length; i++) yield new RecordView(this, i)
  }

  stream(i: number): string {
    const packed = this.#parts.packed
    return packed.streams[packed.stream[this.packedRow(i)]!]!
  }

  partition(i: number): number {
    return this.#parts.packed.partition[this.packedRow(i)]!
  }

  offset(i: number): number {
    return this.#parts.packed.offset[this.packedRow(i)]!
  }

  index(i: number): number {
    return this.#parts.index?.[i] ?? 0
  }

  timestamp(i: number): number | undefined {
    const time = this.#parts.packed.timestamp[this.packedRow(i)]!
    return time < 0 ? undefined : time
  }

  headers(i: number): readonly Header[] {
    return headersOf(this.#parts.packed, this.packedRow(i))
  }

  /** The number of the record in its run; 0-based, set by the runtime. */
  origin(i: number): number {
    const { origins, firstOrigin } = this.#parts
    return origins === null ? firstOrigin + this.packedRow(i) : origins[this.packedRow(i)]!
  }

  /** The number of packed row 0 where the rows are numbered on from it; null where they are not. */
  get firstOrigin(): number | null {
    return this.#parts.origins === null ? this.#parts.firstOrigin : null
  }

  /** Decoded value; null for a tombstone. Throws the converter's `RecordError`. */
  value(i: number): unknown {
    const { madeValues, values, valueBytes, codec } = this.#parts
    if (madeValues !== null && madeValues.values[i] !== undefined) return madeValues.values[i]
    const row = this.packedRow(i)
    const known = values?.values[row]
    if (known !== undefined) return known
    if (valueBytes.end[row]! < 0) return null
    const converter = codec.value.source
    return values === null ? decodeOnce(converter, valueBytes, row) : values.decode(row, converter, valueBytes)
  }

  /** Decoded key; null where there is none. Throws the converter's `RecordError`. */
  key(i: number): unknown {
    const { madeKeys, keys, keyBytes, codec } = this.#parts
    if (madeKeys !== null && madeKeys.values[i] !== undefined) return madeKeys.values[i]
    const row = this.packedRow(i)
    const known = keys?.values[row]
    if (known !== undefined) return known
    if (keyBytes.end[row]! < 0) return null
    const converter = codec.key.source
    return keys === null ? decodeOnce(converter, keyBytes, row) : keys.decode(row, converter, keyBytes)
  }

  valueSchema(i: number): Schema | undefined {
    const { madeValues, values, codec, valueBytes } = this.#parts
    if (madeValues !== null && madeValues.values[i] !== undefined) return madeValues.schemas?.[i]
    if (values?.schemas === undefined) return this.#plainSchema(codec.value.source.schema, valueBytes, i)
    this.value(i)
    return values.schemas[this.packedRow(i)]
  }

  keySchema(i: number): Schema | undefined {
    const { madeKeys, keys, codec, keyBytes } = this.#parts
    if (madeKeys !== null && madeKeys.values[i] !== undefined) return madeKeys.schemas?.[i]
    if (keys?.schemas === undefined) return this.#plainSchema(codec.key.source.schema, keyBytes, i)
    this.key(i)
    return keys.schemas[this.packedRow(i)]
  }

  /** The value in the sink's format: the source's bytes where nothing changed them and both ends speak the same. */
  valueBytes(i: number): Buffer | null {
    const { encoded } = this.#parts
    if (encoded !== null) return bytesOf(encoded.buffer, encoded.valueStart[i]!, encoded.valueEnd[i]!)
    const { value } = this.#parts.codec
    if (value.passThrough && !this.#isMade(this.#parts.madeValues, i)) return this.rawValue(i) ?? null
    return value.sink.encode(this.value(i), this.valueSchema(i))
  }

  /** The key in the sink's format. */
  keyBytes(i: number): Buffer | null {
    const { encoded } = this.#parts
    if (encoded !== null) return bytesOf(encoded.buffer, encoded.keyStart[i]!, encoded.keyEnd[i]!)
    const { key } = this.#parts.codec
    if (key.passThrough && !this.#isMade(this.#parts.madeKeys, i)) return this.rawKey(i) ?? null
    return key.sink.encode(this.key(i), this.keySchema(i))
  }

  /** The value's bytes as the source read them, whatever became of it since; undefined where it never was bytes. */
  rawValue(i: number): Buffer | null | undefined {
    const { packed } = this.#parts
    const row = this.packedRow(i)
    const end = packed.valueEnd[row]!
    if (end >= 0) return packed.buffer.subarray(packed.valueStart[row], end)
    return this.#neverWasBytes(this.#parts.madeValues, i) ? undefined : null
  }

  /** The key's bytes as the source read them; undefined where it never was bytes. */
  rawKey(i: number): Buffer | null | undefined {
    const { packed } = this.#parts
    const row = this.packedRow(i)
    const end = packed.keyEnd[row]!
    if (end >= 0) return packed.buffer.subarray(packed.keyStart[row], end)
    return this.#neverWasBytes(this.#parts.madeKeys, i) ? undefined : null
  }

  /** Whether the value is null, without decoding it. */
  isTombstone(i: number): boolean {
    const made = this.#parts.madeValues
    if (made !== null && made.values[i] !== undefined) return made.values[i] === null
    return this.#parts.packed.valueEnd[this.packedRow(i)]! < 0
  }

  /** Bytes of key and value as read; what a made value takes is estimated by the source. */
  byteLength(i: number): number {
    const { packed } = this.#parts
    const row = this.packedRow(i)
    const value = Math.max(0, packed.valueEnd[row]! - packed.valueStart[row]!)
    return value + Math.max(0, packed.keyEnd[row]! - packed.keyStart[row]!)
  }

  /** A view on some rows, in the order given. Copies nothing. */
  select(rows: Int32Array | readonly number[]): RecordBatch {
    const { madeKeys, madeValues, encoded, index } = this.#parts
    return this.#with({
      rows: this.#packedRows(rows),
      madeKeys: madeKeys === null ? null : pickColumn(madeKeys, rows),
      madeValues: madeValues === null ? null : pickColumn(madeValues, rows),
      encoded: encoded === null ? null : pickEncoded(encoded, rows),
      index: index === null ? null : numbersAt(index, rows),
      positions: null,
    })
  }

  /** Rows `from` (inclusive) to `to` (exclusive). */
  slice(from: number, to: number): RecordBatch {
    if (from === 0 && to === this.length) return this
    const rows = new Int32Array(to - from)
    for (let i = from; i < to; i++) rows[i - from] = i
    return this.select(rows)
  }

  /**
   * The same records with other values, one for each row; `undefined` leaves a row as it is. Schemas of changed
   * values are dropped unless given.
   */
  withValues(values: unknown[], schemas?: (Schema | undefined)[]): RecordBatch {
    if (values.length !== this.length) throw new RangeError(`${values.length} values for ${this.length} records`)
    return this.#with({ madeValues: new DecodedColumn(values, schemas), encoded: null })
  }

  /**
   * Records made from records: one for each value, made from row `rows[i]` of this batch (in ascending order). They
   * keep its coordinates and headers and are told apart by `index`; it is done when all of them are.
   */
  expand(rows: readonly number[], values: unknown[]): RecordBatch {
    const index = new Int32Array(rows.length)
    for (let i = 1; i < rows.length; i++) {
      const same = this.packedRow(rows[i]!) === this.packedRow(rows[i - 1]!)
      index[i] = same ? index[i - 1]! + 1 : 0
    }
    return this.select(rows).#with({ madeValues: new DecodedColumn(values), encoded: null, index })
  }

  /** Whether a transform has made several records of one here. */
  get isSplit(): boolean {
    return this.#parts.index !== null
  }

  /**
   * The same records bound to a pipeline's converters; what was decoded before is forgotten. `keeps`: whether values
   * without schemas that somebody reads are kept for the next one who does; who reads each once spares the memory.
   */
  withCodec(codec: Codec, keeps: boolean = true): RecordBatch {
    const { key, value } = codec
    return this.#with({
      codec,
      keys: DecodedColumn.empty(key.source.schemas),
      values: keeps || value.source.schemas ? DecodedColumn.empty(value.source.schemas) : null,
    })
  }

  /** Whether the sink's bytes are the source's for every row, so that nothing needs to be encoded. */
  get passesThrough(): boolean {
    const { codec, madeKeys, madeValues } = this.#parts
    return codec.value.passThrough && codec.key.passThrough && madeKeys === null && madeValues === null
  }

  /**
   * Keys and values in the sink's format, as ranges of one buffer by row of this batch. Nothing is copied where the
   * source's bytes pass through, or where the runtime has encoded the batch before.
   */
  encoded(): EncodedColumns {
    const { encoded, packed, rows } = this.#parts
    if (encoded !== null) return encoded
    if (this.passesThrough) return rows === null ? packed : pickEncoded(packed, rows)
    const builder = new EncodedColumnsBuilder(this.length)
    for (let i = 0; i < this.length; i++) builder.add(this.keyBytes(i), this.valueBytes(i))
    return builder.finish()
  }

  /** The same records with their keys and values encoded for the sink, by row. */
  withEncoded(encoded: EncodedColumns): RecordBatch {
    return this.#with({ encoded })
  }

  /** The same records numbered from `first` in the order of `packed`. */
  withOrigins(first: number): RecordBatch {
    return this.#with({ origins: null, firstOrigin: first })
  }

  /**
   * Several batches of one pipeline as one. Packed bytes are copied, which costs little for the small batches of a
   * trickling source and is not done for large ones (see `pipeline/batcher.ts`).
   */
  static concat(batches: readonly RecordBatch[]): RecordBatch {
    if (batches.length <= 1) return batches[0] ?? EMPTY
    return new RecordBatch(joinParts(batches.map((batch) => batch.#parts)))
  }

  /** Null bytes have no schema. */
  #plainSchema(schema: Schema | undefined, { end }: ByteColumn, i: number): Schema | undefined {
    return end[this.packedRow(i)]! < 0 ? undefined : schema
  }

  #neverWasBytes(made: DecodedColumn | null, i: number): boolean {
    return this.#parts.madeBySource && this.#isMade(made, i)
  }

  #isMade(made: DecodedColumn | null, i: number): boolean {
    return made !== null && made.values[i] !== undefined
  }

  #packedRows(rows: Int32Array | readonly number[]): Int32Array {
    const own = this.#parts.rows
    return own === null ? Int32Array.from(rows) : numbersAt(own, rows)
  }

  #with(changes: Partial<BatchParts>): RecordBatch {
    return new RecordBatch({ ...this.#parts, ...changes })
  }
}

function bytesOf(buffer: Buffer, start: number, end: number): Buffer | null {
  return end < 0 ? null : buffer.subarray(start, end)
}

const EMPTY = RecordBatch.of(NO_RECORDS, [])
