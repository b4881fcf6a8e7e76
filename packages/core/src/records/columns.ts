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

const UNDECODED: readonly unknown[] = []

/** Decoded values of one part (keys or values), by row; `undefined` where not decoded yet. */
export class DecodedColumn {
  values: readonly unknown[]
  readonly schemas: (Schema | undefined)[] | undefined

  constructor(values: readonly unknown[], schemas?: (Schema | undefined)[]) {
    this.values = values
    this.schemas = schemas
  }

  /** Nothing decoded: takes no memory until something is. */
  static empty(withSchemas: boolean): DecodedColumn {
    return new DecodedColumn(UNDECODED, withSchemas ? [] : undefined)
  }

  get isDecoded(): boolean {
    return this.values !== UNDECODED
  }

  /** Decodes bytes into the row and returns the value. */
  decode(row: number, converter: Converter, { buffer, start, end }: ByteColumn): unknown {
    const decoded = converter.decode(buffer, start[row]!, end[row]!)
    if (this.values === UNDECODED) this.values = new Array<unknown>(end.length)
    const values = this.values as unknown[]
    if (!converter.schemas) return (values[row] = decoded)
    const { schema, value } = decoded as SchemaAndValue
    if (this.schemas !== undefined) this.schemas[row] = schema
    return (values[row] = value)
  }
}

/** Decodes bytes and keeps nothing. */
export function decodeOnce(converter: Converter, { buffer, start, end }: ByteColumn, row: number): unknown {
  const decoded = converter.decode(buffer, start[row]!, end[row]!)
  return converter.schemas ? (decoded as SchemaAndValue).value : decoded
}

/** The rows listed of a column. */
export function pickColumn(column: DecodedColumn, rows: Int32Array | readonly number[]): DecodedColumn {
  const { values, schemas } = column
  return new DecodedColumn(
    Array.from(rows, (row) => values[row]),
    schemas === undefined ? undefined : Array.from(rows, (row) => schemas[row]),
  )
}

/** Columns one after another, each with its number of rows; null where there is none at all. */
export function joinColumns(columns: readonly { column: DecodedColumn | null; rows: number }[]): DecodedColumn | null {
  if (columns.every(({ column }) => column === null)) return null
  const withSchemas = columns.some(({ column }) => column?.schemas !== undefined)
  if (columns.every(({ column }) => column === null || !column.isDecoded)) return DecodedColumn.empty(withSchemas)
  const values = new Array<unknown>(columns.reduce((sum, { rows }) => sum + rows, 0))
  const schemas = withSchemas ? new Array<Schema | undefined>(values.length) : undefined
  let at = 0
  for (const { column, rows } of columns) {
    for (let i = 0; i < rows; i++, at++) {
      values[at] = column?.values[i]
      if (schemas !== undefined) schemas[at] = column?.schemas?.[i]
    }
  }
  return new DecodedColumn(values, schemas)
}
