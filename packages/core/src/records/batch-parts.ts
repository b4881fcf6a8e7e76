import type { Positions } from '../api/record.ts'
import type { RecordError } from '../api/errors.ts'
import type { Codec } from './codec.ts'
import { type ByteColumn, type DecodedColumn, columnsOf, joinColumns } from './columns.ts'
import { type EncodedColumns, joinEncoded } from './encoded-columns.ts'
import { type PackedRecords, concatPacked } from './packed-records.ts'

/** What a batch is made of. */
export interface BatchParts {
  readonly packed: PackedRecords
  readonly keyBytes: ByteColumn
  readonly valueBytes: ByteColumn
  /** Row of this batch to row of `packed`; null: all of them, in order. */
  readonly rows: Int32Array | null
  readonly codec: Codec
  /** By packed row, shared by all views: bytes are decoded at most once. Null: nothing that is decoded is kept. */
  readonly keys: DecodedColumn | null
  readonly values: DecodedColumn | null
  /** By row of this batch: values that a source or a transform made, instead of the bytes. */
  readonly madeKeys: DecodedColumn | null
  readonly madeValues: DecodedColumn | null
  /** By row of this batch: bytes for the sink where they are not the source's. */
  readonly encoded: EncodedColumns | null
  /** Whether the made values and keys are the source's own, and not a transform's. */
  readonly madeBySource: boolean
  /** By packed row: the number of the record in its run, given by the runtime. Null: `firstOrigin` and up. */
  readonly origins: Float64Array | null
  readonly firstOrigin: number
  /** By row of this batch, where a transform split records. */
  readonly index: Int32Array | null
  readonly positions: Positions | null
  /** Records that the source could not make, by packed row. */
  readonly errors: ReadonlyMap<number, RecordError> | null
}

/** Several batches of one pipeline one after another. */
export function joinParts(parts: readonly BatchParts[]): BatchParts {
  const byPackedRow = (column: (part: BatchParts) => DecodedColumn | null): DecodedColumn | null =>
    joinColumns(parts.map((part) => ({ column: column(part), rows: part.packed.count })))
  const byRow = (column: (part: BatchParts) => DecodedColumn | null): DecodedColumn | null =>
    joinColumns(parts.map((part) => ({ column: column(part), rows: lengthOf(part) })))
  return {
    ...columnsOf(concatPacked(parts.map((part) => part.packed))),
    ...joinRows(parts),
    firstOrigin: 0,
    codec: parts[0]!.codec,
    keys: byPackedRow((part) => part.keys),
    values: byPackedRow((part) => part.values),
    madeKeys: byRow((part) => part.madeKeys),
    madeValues: byRow((part) => part.madeValues),
    madeBySource: parts.some((part) => part.madeBySource),
    encoded: joinEncoded(parts.map((part) => part.encoded)),
    index: parts.some((part) => part.index !== null) ? joinIndexes(parts) : null,
    positions: null,
    // Failed rows never come this far.
    errors: null,
  }
}

/** Rows and origins, where the packed records stand one after another. */
function joinRows(parts: readonly BatchParts[]): { rows: Int32Array; origins: Float64Array } {
  const rows = new Int32Array(parts.reduce((sum, part) => sum + lengthOf(part), 0))
  const origins = new Float64Array(parts.reduce((sum, part) => sum + part.packed.count, 0))
  let start = 0
  let at = 0
  for (const part of parts) {
    const { packed, rows: own, origins: numbers, firstOrigin } = part
    for (let i = 0; i < lengthOf(part); i++) rows[at++] = start + (own === null ? i : own[i]!)
    for (let row = 0; row < packed.count; row++) {
      origins[start + row] = numbers === null ? firstOrigin + row : numbers[row]!
    }
    start += packed.count
  }
  return { rows, origins }
}

function joinIndexes(parts: readonly BatchParts[]): Int32Array {
  return Int32Array.from(parts.flatMap((part) => Array.from(part.index ?? new Int32Array(lengthOf(part)))))
}

function lengthOf({ rows, packed }: BatchParts): number {
  return rows === null ? packed.count : rows.length
}
