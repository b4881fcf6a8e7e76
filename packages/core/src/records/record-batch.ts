import type { ConnectRecord, Header, Positions } from '../api/record.ts'
import type { RecordError } from '../api/errors.ts'
import type { Schema } from '../api/schema.ts'
import { type Codec, bytesCodec } from './codec.ts'
import {
  type ByteColumn,
  DecodedColumn,
  type WireBytes,
  columnsOf,
  joinColumns,
  joinWire,
  pickColumn,
  pickWire,
} from './columns.ts'
import { headersOf } from './headers.ts'
import { NO_RECORDS, type PackedRecords, concatPacked } from './packed-records.ts'
import { RecordView } from './record-view.ts'

/** What a batch is made of besides its columns. */
interface Parts {
  readonly packed: PackedRecords
  readonly keyBytes: ByteColumn
  readonly valueBytes: ByteColumn
  /** Row of this batch to row of `packed`; null: all of them, in order. */
  readonly rows: Int32Array | null
  readonly codec: Codec
  /** By packed row, shared by all views: bytes are decoded at most once. */
  readonly keys: DecodedColumn | null
  readonly values: DecodedColumn | null
  /** By row of this batch: values that a source or a transform made, instead of the bytes. */
  readonly madeKeys: DecodedColumn | null
  readonly madeValues: DecodedColumn | null
  /** By row of this batch: bytes for the sink where they are not the source's. */
  readonly wire: WireBytes | null
  /** Whether the made values and keys are the source's own, and not a transform's. */
  readonly madeBySource: boolean
  /** By packed row: the number of the record in its run, given by the runtime. */
  readonly origins: Float64Array | null
  /** By row of this batch, where a transform split records. */
  readonly index: Int32Array | null
  readonly positions: Positions | null
  /** Records that the source could not make, by packed row. */
  readonly errors: ReadonlyMap<number, RecordError> | null
}

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
  readonly #parts: Parts

  private constructor(parts: Parts) {
    this.#parts = parts
    this.length = parts.rows === null ? parts.packed.count : parts.rows.length
  }

  /**
   * A batch of packed records. `positions` says where to go on after it, one entry for each partition, and may say
   * so for partitions without a row here; left out, it is the last offset + 1 of each partition in the batch.
   */
  static of(packed: PackedRecords, positions: Positions | null = null): RecordBatch {
    const decoded = { keys: null, values: null, madeKeys: null, madeValues: null, wire: null, madeBySource: false }
    const whole = { ...columnsOf(packed), rows: null, origins: null, index: null, errors: null }
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
    const origins = this.#parts.origins
    return origins === null ? this.packedRow(i) : origins[this.packedRow(i)]!
  }

  /** Decoded value; null for a tombstone. Throws the converter's `RecordError`. */
  value(i: number): unknown {
    const { madeValues, values, valueBytes, codec } = this.#parts
    if (madeValues !== null && madeValues.values[i] !== undefined) return madeValues.values[i]
    const row = this.packedRow(i)
    const known = values?.values[row]
    if (known !== undefined) return known
    if (valueBytes.end[row]! < 0) return null
    return (values ?? this.#scratch(codec.value.source.schemas)).decode(row, codec.value.source, valueBytes)
  }

  /** Decoded key; null where there is none. Throws the converter's `RecordError`. */
  key(i: number): unknown {
    const { madeKeys, keys, keyBytes, codec } = this.#parts
    if (madeKeys !== null && madeKeys.values[i] !== undefined) return madeKeys.values[i]
    const row = this.packedRow(i)
    const known = keys?.values[row]
    if (known !== undefined) return known
    if (keyBytes.end[row]! < 0) return null
    return (keys ?? this.#scratch(codec.key.source.schemas)).decode(row, codec.key.source, keyBytes)
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
    if (this.#parts.wire !== null) return this.#parts.wire.values[i]!
    const { value } = this.#parts.codec
    if (value.passThrough && !this.#isMade(this.#parts.madeValues, i)) return this.rawValue(i) ?? null
    return value.sink.encode(this.value(i), this.valueSchema(i))
  }

  /** The key in the sink's format. */
  keyBytes(i: number): Buffer | null {
    if (this.#parts.wire !== null) return this.#parts.wire.keys[i]!
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
    const { madeKeys, madeValues, wire, index } = this.#parts
    return this.#with({
      rows: Int32Array.from(rows, (row) => this.packedRow(row)),
      madeKeys: madeKeys === null ? null : pickColumn(madeKeys, rows),
      madeValues: madeValues === null ? null : pickColumn(madeValues, rows),
      wire: wire === null ? null : pickWire(wire, rows),
      index: index === null ? null : Int32Array.from(rows, (row) => index[row]!),
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
    return this.#with({ madeValues: new DecodedColumn(values, schemas), wire: null })
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
    return this.select(rows).#with({ madeValues: new DecodedColumn(values), wire: null, index })
  }

  /** Whether a transform has made several records of one here. */
  get isSplit(): boolean {
    return this.#parts.index !== null
  }

  /** The same records bound to a pipeline's converters; what was decoded before is forgotten. */
  withCodec(codec: Codec): RecordBatch {
    const { count } = this.#parts.packed
    return this.#with({
      codec,
      keys: DecodedColumn.empty(count, codec.key.source.schemas),
      values: DecodedColumn.empty(count, codec.value.source.schemas),
    })
  }

  /** Whether the sink's bytes are the source's for every row, so that nothing needs to be encoded. */
  get passesThrough(): boolean {
    const { codec, madeKeys, madeValues } = this.#parts
    return codec.value.passThrough && codec.key.passThrough && madeKeys === null && madeValues === null
  }

  /** The same records with their keys and values encoded for the sink. */
  withWire(wire: WireBytes): RecordBatch {
    return this.#with({ wire })
  }

  /** The same records numbered from `first` in the order of `packed`. */
  withOrigins(first: number): RecordBatch {
    const origins = new Float64Array(this.#parts.packed.count)
    for (let row = 0; row < origins.length; row++) origins[row] = first + row
    return this.#with({ origins })
  }

  /**
   * Several batches of one pipeline as one. Packed bytes are copied, which costs little for the small batches of a
   * trickling source and is not done for large ones (see `pipeline/batcher.ts`).
   */
  static concat(batches: readonly RecordBatch[]): RecordBatch {
    if (batches.length <= 1) return batches[0] ?? EMPTY
    const parts = batches.map((batch) => batch.#parts)
    const byPackedRow = (pick: (part: Parts) => DecodedColumn | null): DecodedColumn | null =>
      joinColumns(parts.map((part) => ({ column: pick(part), rows: part.packed.count })))
    const byRow = (pick: (part: Parts) => DecodedColumn | null): DecodedColumn | null =>
      joinColumns(parts.map((part, b) => ({ column: pick(part), rows: batches[b]!.length })))
    return new RecordBatch({
      ...columnsOf(concatPacked(parts.map((part) => part.packed))),
      ...joinRows(batches),
      codec: parts[0]!.codec,
      keys: byPackedRow((part) => part.keys),
      values: byPackedRow((part) => part.values),
      madeKeys: byRow((part) => part.madeKeys),
      madeValues: byRow((part) => part.madeValues),
      madeBySource: parts.some((part) => part.madeBySource),
      wire: joinWire(parts.map((part) => part.wire)),
      index: parts.some((part) => part.index !== null) ? Int32Array.from(batches.flatMap(indexes)) : null,
      positions: null,
      // Failed rows never come this far.
      errors: null,
    })
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

  #scratch(withSchemas: boolean): DecodedColumn {
    return DecodedColumn.empty(0, withSchemas)
  }

  #with(changes: Partial<Parts>): RecordBatch {
    return new RecordBatch({ ...this.#parts, ...changes })
  }
}

/** Rows and origins of batches whose packed records stand one after another. */
function joinRows(batches: readonly RecordBatch[]): { rows: Int32Array; origins: Float64Array } {
  const rows: number[] = []
  const origins = new Float64Array(batches.reduce((sum, batch) => sum + batch.packed.count, 0))
  let start = 0
  for (const batch of batches) {
    for (let i = 0; i < batch.length; i++) {
      const row = start + batch.packedRow(i)
      rows.push(row)
      origins[row] = batch.origin(i)
    }
    start += batch.packed.count
  }
  return { rows: Int32Array.from(rows), origins }
}

function indexes(batch: RecordBatch): number[] {
  return Array.from({ length: batch.length }, (_, i) => batch.index(i))
}

const EMPTY = RecordBatch.of(NO_RECORDS, [])
