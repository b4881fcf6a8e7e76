import { type FieldType, INT64_MAX, type Point, type PointField, type PointTag } from './line-protocol.ts'

export type CellValue = number | bigint | boolean | string

/** One row as read back: `time` and the columns that are not null. */
export type Row = Readonly<Record<string, CellValue>>

export type ColumnType = FieldType | 'TAG'

/** A write or a statement that the server refuses with 422. */
export class Refusal extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

interface Column {
  readonly name: string
  readonly type: ColumnType
  /** By row; a hole or undefined is null. */
  readonly values: (CellValue | undefined)[]
}

/** Width of the server's storage buckets; one that does not fit into an int64 can't be made. */
const BUCKET_NS = 365n * 86_400n * 1_000_000_000n
const LAST_BUCKET = (INT64_MAX / BUCKET_NS) * BUCKET_NS

/** How the server names types when it compares a write with the stored table… */
const storedNames: Readonly<Record<ColumnType, string>> = {
  DOUBLE: 'F64',
  BIGINT: 'I64',
  'BIGINT UNSIGNED': 'U64',
  BOOLEAN: 'BOOLEAN',
  STRING: 'STRING',
  TAG: 'TAG',
}

/** … and when it puts the lines of one request into columns. */
const batchNames: Readonly<Record<ColumnType, string>> = {
  DOUBLE: 'f64',
  BIGINT: 'i64',
  'BIGINT UNSIGNED': 'u64',
  BOOLEAN: 'bool',
  STRING: 'string',
  TAG: 'tag',
}

/** One table: columns typed by the first write, rows identified by tag set and nanosecond. */
export class PointTable {
  readonly name: string
  readonly #tags: Column[] = []
  readonly #fields: Column[] = []
  readonly #byName = new Map<string, Column>()
  readonly #times: bigint[] = []
  readonly #series = new Map<string, Map<bigint, number>>()

  constructor(name: string) {
    this.name = name
  }

  get count(): number {
    return this.#times.length
  }

  /** Time, then tags, then fields. */
  get columns(): readonly { readonly name: string; readonly type: ColumnType | 'TIME' }[] {
    return [{ name: 'time', type: 'TIME' as const }, ...this.#tags, ...this.#fields]
  }

  typeOf(column: string): ColumnType | undefined {
    return this.#byName.get(column)?.type
  }

  time(row: number): bigint {
    return this.#times[row]!
  }

  cell(row: number, column: string): CellValue | undefined {
    return column === 'time' ? this.#times[row] : this.#byName.get(column)?.values[row]
  }

  rows(): Row[] {
    const rows: Row[] = []
    const names = this.columns.map((column) => column.name)
    for (let row = 0; row < this.count; row++) {
      const cells: Record<string, CellValue> = {}
      for (const name of names) {
        const value = this.cell(row, name)
        if (value !== undefined) cells[name] = value
      }
      rows.push(cells)
    }
    return rows
  }

  addColumns(types: ReadonlyMap<string, ColumnType>): void {
    for (const name of [...types.keys()].sort()) {
      if (this.#byName.has(name)) continue
      const column: Column = { name, type: types.get(name)!, values: [] }
      this.#byName.set(name, column)
      if (column.type === 'TAG') this.#tags.push(column)
      else this.#fields.push(column)
    }
  }

  /** A point with the tags and time of an earlier one replaces the fields that it carries. */
  upsert(point: Point, time: bigint): void {
    const { tags, fields } = point
    const key = seriesKey(tags)
    let series = this.#series.get(key)
    if (series === undefined) this.#series.set(key, (series = new Map<bigint, number>()))
    let row = series.get(time)
    if (row === undefined) {
      row = this.#times.push(time) - 1
      series.set(time, row)
      for (let i = 0; i < tags.length; i++) this.#byName.get(tags[i]!.key)!.values[row] = tags[i]!.value
    }
    for (let i = 0; i < fields.length; i++) this.#byName.get(fields[i]!.key)!.values[row] = fields[i]!.value
  }
}

/** A database: tables made by the first write to them. Writes are atomic. */
export class PointDatabase {
  readonly #tables = new Map<string, PointTable>()

  table(name: string): PointTable | undefined {
    return this.#tables.get(name)
  }

  tableNames(): string[] {
    return [...this.#tables.keys()].sort()
  }

  /** Takes all points of a request or none. `time` gives the nanosecond of each, and may refuse it. */
  write(points: readonly Point[], time: (point: Point) => bigint): void {
    const types = columnTypes(points)
    const times = points.map((point) => storable(time(point)))
    for (const [name, columns] of types) checkAgainst(this.#tables.get(name), columns)
    for (const [name, columns] of types) this.#tableFor(name).addColumns(columns)
    for (let i = 0; i < points.length; i++) this.#tables.get(points[i]!.table)!.upsert(points[i]!, times[i]!)
  }

  #tableFor(name: string): PointTable {
    let table = this.#tables.get(name)
    if (table === undefined) this.#tables.set(name, (table = new PointTable(name)))
    return table
  }
}

/** The tag set as one string; lengths keep any two sets apart. */
function seriesKey(tags: readonly PointTag[]): string {
  if (tags.length === 0) return ''
  if (tags.length === 1) return tagKey(tags[0]!)
  return tags.map(tagKey).sort().join('')
}

function tagKey({ key, value }: PointTag): string {
  return `${key.length} ${value.length} ${key}${value}`
}

/** The type of every column of every table in one request; two types of one column refuse it. */
function columnTypes(points: readonly Point[]): Map<string, Map<string, ColumnType>> {
  const tables = new Map<string, Map<string, ColumnType>>()
  for (let p = 0; p < points.length; p++) {
    const { table, tags, fields } = points[p]!
    if (fields.length === 0) throw new Refusal('050014', "Fields can't be empty")
    let columns = tables.get(table)
    if (columns === undefined) tables.set(table, (columns = new Map<string, ColumnType>()))
    for (let i = 0; i < tags.length; i++) note(columns, tags[i]!.key, 'TAG')
    for (let i = 0; i < fields.length; i++) noteField(columns, fields[i]!)
  }
  return tables
}

function noteField(columns: Map<string, ColumnType>, field: PointField): void {
  if (field.key === 'time') throw new Refusal('050014', 'Time column not found in the columns of the request')
  note(columns, field.key, field.type)
}

function note(columns: Map<string, ColumnType>, name: string, type: ColumnType): void {
  const known = columns.get(name)
  if (known === type) return
  if (name === 'time') throw new Refusal('050014', 'line to batch error: Expected i64 type as time column')
  if (known === undefined) columns.set(name, type)
  else throw new Refusal('050014', `line to batch error: Expected ${batchNames[known]} column`)
}

function checkAgainst(table: PointTable | undefined, columns: ReadonlyMap<string, ColumnType>): void {
  if (table === undefined) return
  for (const [name, type] of columns) {
    const stored = table.typeOf(name)
    if (stored === undefined || stored === type) continue
    const found = `Column '${name}' type error, found ${storedNames[type]} expected ${storedNames[stored]}`
    throw new Refusal('050014', `Apply engine failed: DataSchemaError: ${found}`)
  }
}

function storable(time: bigint): bigint {
  if (time >= LAST_BUCKET) throw new Refusal('030016', 'create bucket: the time range of the bucket overflows')
  if (time < -LAST_BUCKET) throw new Refusal('030034', 'Operation not support: create expired bucket')
  return time
}
