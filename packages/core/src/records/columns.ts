import type { Converter, SchemaAndValue } from '../api/converter.ts'
import type { Schema } from '../api/schema.ts'
import type { PackedRecords } from './packed-records.ts'

/** Where the bytes of one part (keys or values) stand, by packed row. */
export interface ByteColumn {
  readonly buffer: Buffer
  readonly start: Int32Array
  /** -1 is null. */
  readonly end: Int32Array
}

/** Packed records with the columns of their keys and values. */
export function columnsOf(packed: PackedRecords): {
  packed: PackedRecords
  keyBytes: ByteColumn
  valueBytes: ByteColumn
} {
  const { buffer, keyStart, keyEnd, valueStart, valueEnd } = packed
  const keyBytes = { buffer, start: keyStart, end: keyEnd }
  return { packed, keyBytes, valueBytes: { buffer, start: valueStart, end: valueEnd } }
}

/** Decoded values of one part (keys or values), by row; `undefined` where not decoded yet. */
export class DecodedColumn {
  readonly values: unknown[]
  readonly schemas: (Schema | undefined)[] | undefined

  constructor(values: unknown[], schemas?: (Schema | undefined)[]) {
    this.values = values
    this.schemas = schemas
  }

  static empty(count: number, withSchemas: boolean): DecodedColumn {
    return new DecodedColumn(new Array<unknown>(count), withSchemas ? new Array<Schema | undefined>(count) : undefined)
  }

  /** Decodes bytes into the row and returns the value. */
  decode(row: number, converter: Converter, { buffer, start, end }: ByteColumn): unknown {
    const decoded = converter.decode(buffer, start[row]!, end[row]!)
    if (!converter.schemas) return (this.values[row] = decoded)
    const { schema, value } = decoded as SchemaAndValue
    if (this.schemas !== undefined) this.schemas[row] = schema
    return (this.values[row] = value)
  }
}

/** Keys and values in the sink's format, by row of a batch. */
export interface WireBytes {
  readonly keys: readonly (Buffer | null)[]
  readonly values: readonly (Buffer | null)[]
}

/** The rows listed of a column. */
export function pickColumn(column: DecodedColumn, rows: Int32Array | readonly number[]): DecodedColumn {
  const { values, schemas } = column
  return new DecodedColumn(
    Array.from(rows, (row) => values[row]),
    schemas === undefined ? undefined : Array.from(rows, (row) => schemas[row]),
  )
}

export function pickWire(wire: WireBytes, rows: Int32Array | readonly number[]): WireBytes {
  return {
    keys: Array.from(rows, (row) => wire.keys[row]!),
    values: Array.from(rows, (row) => wire.values[row]!),
  }
}

/** Columns one after another, each with its number of rows; null where there is none at all. */
export function joinColumns(columns: readonly { column: DecodedColumn | null; rows: number }[]): DecodedColumn | null {
  if (columns.every(({ column }) => column === null)) return null
  const withSchemas = columns.some(({ column }) => column?.schemas !== undefined)
  const values: unknown[] = []
  const schemas: (Schema | undefined)[] = []
  for (const { column, rows } of columns) {
    for (let i = 0; i < rows; i++) {
      values.push(column?.values[i])
      if (withSchemas) schemas.push(column?.schemas?.[i])
    }
  }
  return new DecodedColumn(values, withSchemas ? schemas : undefined)
}

/** Null unless every part has some. */
export function joinWire(wires: readonly (WireBytes | null)[]): WireBytes | null {
  const all = wires.filter((wire) => wire !== null)
  if (all.length < wires.length) return null
  return { keys: all.flatMap((wire) => wire.keys), values: all.flatMap((wire) => wire.values) }
}
