import { type CellValue, PointDatabase, type PointTable, Refusal } from './point-store.ts'

export interface QueryResult {
  readonly columns: readonly string[]
  /** Undefined is null. Times are bigints in nanoseconds in the columns that `times` names. */
  readonly rows: readonly (readonly (CellValue | undefined)[])[]
  readonly times: readonly string[]
}

const NOTHING: QueryResult = { columns: [], rows: [], times: [] }

const TOKEN = /\s*("(?:[^"]|"")*"|'(?:[^']|'')*'|[A-Za-z_][\w$]*|\d+|[^\s])/y

/**
 * The few statements that tests and the demo need: CREATE DATABASE [IF NOT EXISTS], SHOW TABLES, DESCRIBE TABLE t,
 * `select * from t [order by time [asc|desc]] [limit n]` and `select count(*) from t`. Names are lower case unless
 * quoted, as in the server.
 */
export function runSql(text: string, database: string, databases: Map<string, PointDatabase>): QueryResult {
  const words = new Words(text)
  if (words.take('create')) return createDatabase(words, databases)
  const db = databases.get(database)
  if (db === undefined) throw new Refusal('030017', `Database not found: ${JSON.stringify(database)}`)
  if (words.take('show')) return showTables(words, db)
  if (words.take('describe')) return describeTable(words, db)
  words.expect('select')
  return select(words, db)
}

function createDatabase(words: Words, databases: Map<string, PointDatabase>): QueryResult {
  words.expect('database')
  const tolerant = words.take('if')
  if (tolerant) words.expect('not', 'exists')
  const name = words.name()
  // Options such as `with ttl '1d'` change nothing that can be seen here.
  if (!words.take('with')) words.end()
  const exists = databases.has(name)
  if (exists && !tolerant) throw new Refusal('010013', `Database ${JSON.stringify(name)} already exists`)
  if (!exists) databases.set(name, new PointDatabase())
  return NOTHING
}

function showTables(words: Words, db: PointDatabase): QueryResult {
  words.expect('tables')
  words.end()
  return { columns: ['table_name'], rows: db.tableNames().map((name) => [name]), times: [] }
}

function describeTable(words: Words, db: PointDatabase): QueryResult {
  words.take('table')
  const table = tableNamed(words.name(), db)
  words.end()
  const rows = table.columns.map(({ name, type }) => {
    if (type === 'TIME') return [name, 'TIMESTAMP(NANOSECOND)', 'TIME', 'DEFAULT']
    return type === 'TAG' ? [name, 'STRING', 'TAG', 'DEFAULT'] : [name, type, 'FIELD', 'DEFAULT']
  })
  return { columns: ['column_name', 'data_type', 'column_type', 'compression_codec'], rows, times: [] }
}

function select(words: Words, db: PointDatabase): QueryResult {
  const counting = words.take('count')
  if (counting) words.expect('(', '*', ')')
  else words.expect('*')
  words.expect('from')
  const table = tableNamed(words.name(), db)
  const order = counting ? undefined : orderOf(words)
  const limit = words.take('limit') ? words.number() : Infinity
  words.end()
  if (counting) return { columns: ['COUNT(*)'], rows: [[BigInt(table.count)]].slice(0, limit), times: [] }
  return readRows(table, order, limit)
}

function orderOf(words: Words): 'asc' | 'desc' | undefined {
  if (!words.take('order')) return undefined
  words.expect('by', 'time')
  if (words.take('desc')) return 'desc'
  words.take('asc')
  return 'asc'
}

function readRows(table: PointTable, order: 'asc' | 'desc' | undefined, limit: number): QueryResult {
  const rows = Array.from({ length: table.count }, (_, row) => row)
  const sign = order === 'desc' ? -1 : 1
  if (order !== undefined) rows.sort((a, b) => sign * compare(table.time(a), table.time(b)))
  const columns = table.columns.map((column) => column.name)
  const cells = rows.slice(0, limit).map((row) => columns.map((column) => table.cell(row, column)))
  return { columns, rows: cells, times: ['time'] }
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function tableNamed(name: string, db: PointDatabase): PointTable {
  const table = db.table(name)
  if (table === undefined) throw new Refusal('030019', `Table not found: ${JSON.stringify(name)}`)
  return table
}

class Words {
  readonly #tokens: string[] = []
  #next = 0

  constructor(text: string) {
    TOKEN.lastIndex = 0
    for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) this.#tokens.push(match[1]!)
    if (this.#tokens.at(-1) === ';') this.#tokens.pop()
  }

  take(word: string): boolean {
    if (this.#tokens[this.#next]?.toLowerCase() !== word) return false
    this.#next++
    return true
  }

  expect(...words: string[]): void {
    for (const word of words) if (!this.take(word)) throw this.#unexpected(word.toUpperCase())
  }

  name(): string {
    const token = this.#tokens[this.#next] ?? ''
    if (!/^(?:[A-Za-z_]|")/.test(token)) throw this.#unexpected('a name')
    this.#next++
    return token.startsWith('"') ? token.slice(1, -1).replaceAll('""', '"') : token.toLowerCase()
  }

  number(): number {
    const token = this.#tokens[this.#next] ?? ''
    if (!/^\d+$/.test(token)) throw this.#unexpected('a number')
    this.#next++
    return Number(token)
  }

  end(): void {
    if (this.#next < this.#tokens.length) throw this.#unexpected('end of statement')
  }

  #unexpected(wanted: string): Refusal {
    const found = this.#tokens[this.#next] ?? 'end of statement'
    return new Refusal('010009', `sql parser error: Expected ${wanted}, found: ${found}`)
  }
}
