import { RecordError, isRecordError } from '@connect-run/core'
import { parse } from 'csv-parse/sync'
import { ByteStore } from './byte-store.ts'
import { CsvRowEnds } from './csv-row-ends.ts'
import type { RecordOut, Splitter } from './splitter.ts'
import { headBytes, tooLarge } from './too-large.ts'

export interface CsvOptions {
  readonly delimiter: string
  /** `true`: the first row names the columns; `false`: rows are arrays; or the names. */
  readonly header: boolean | readonly string[]
  readonly maxRecordBytes: number
  /** The bytes of a row as UTF-8. */
  readonly toUtf8: ((bytes: Buffer) => Buffer) | undefined
  readonly token?: unknown
}

/** The names of the columns, read from the file's first row. */
interface CsvToken {
  readonly columns: readonly string[]
}

interface RowRange {
  readonly from: number
  readonly end: number
  readonly at: number
}

const CR = 0x0d

const PARSING = { record_delimiter: ['\r\n', '\n'], relax_column_count: true }

/**
 * The rows of a CSV file (RFC 4180), as objects by column. Where rows end is found here, since positions count bytes;
 * what is in them is read by csv-parse. Blank lines are no rows.
 */
export class CsvSplitter implements Splitter {
  readonly #options: CsvOptions
  readonly #rowEnds: CsvRowEnds
  readonly #held = new ByteStore()
  #columns: readonly string[] | undefined
  #length = 0
  #rowAt = 0
  /** Rows of the block at hand that are not read yet. */
  #rows: RowRange[] = []

  constructor(options: CsvOptions) {
    this.#options = options
    this.#rowEnds = new CsvRowEnds(options.delimiter)
    const { columns } = (options.token ?? {}) as Partial<CsvToken>
    this.#columns = columns ?? (typeof options.header === 'boolean' ? undefined : options.header)
  }

  get resumeAt(): number {
    return this.#rowAt
  }

  get token(): unknown {
    if (this.#options.header !== true || this.#columns === undefined) return undefined
    return { columns: this.#columns } satisfies CsvToken
  }

  get pending(): number {
    return this.#length
  }

  push(block: Buffer, at: number, out: RecordOut): number {
    if (this.#length === 0) this.#rowAt = at
    let from = 0
    for (let end = this.#rowEnds.next(block, 0); end >= 0; end = this.#rowEnds.next(block, from)) {
      this.#endRow(block, { from, end }, out)
      from = end + 1
      this.#rowAt = at + from
    }
    this.#emitRows(block, out)
    this.#hold(block, from)
    return block.length
  }

  finish(out: RecordOut): void {
    if (this.#length === 0) return
    const end = this.#rowAt + this.#length
    this.#emitHeld(out)
    this.#rowAt = end
    this.#rowEnds.reset()
  }

  #endRow(block: Buffer, { from, end }: { from: number; end: number }, out: RecordOut): void {
    if (this.#length === 0 && end - from <= this.#options.maxRecordBytes) {
      const row = { from, end: block[end - 1] === CR && end > from ? end - 1 : end, at: this.#rowAt }
      if (row.end > from) this.#rows.push(row)
      return
    }
    this.#emitRows(block, out)
    this.#hold(block.subarray(0, end), from)
    this.#emitHeld(out)
  }

  #hold(block: Buffer, from: number): void {
    if (from >= block.length) return
    const wasTooLong = this.#length > this.#options.maxRecordBytes
    this.#length += block.length - from
    if (wasTooLong) return
    this.#held.append(block, from, block.length)
    if (this.#length > this.#options.maxRecordBytes) this.#held.cut(headBytes(this.#options.maxRecordBytes))
  }

  #emitHeld(out: RecordOut): void {
    const held = this.#held.view()
    const { maxRecordBytes } = this.#options
    if (this.#length > maxRecordBytes) out.failed(tooLarge('the row', this.#length, maxRecordBytes), held, this.#rowAt)
    else this.#emit(held.at(-1) === CR ? held.subarray(0, -1) : held, this.#rowAt, out)
    this.#held.cut(0)
    this.#length = 0
  }

  /** All in one call, which is several times faster than one for each; if that does not work out, each by itself. */
  #emitRows(block: Buffer, out: RecordOut): void {
    const rows = this.#rows
    this.#rows = []
    if (rows.length === 0) return
    const needsHeader = this.#columns === undefined && this.#options.header === true
    if (needsHeader || rows[0]!.at === 0) {
      const first = rows.shift()!
      this.#emit(block.subarray(first.from, first.end), first.at, out)
    }
    const all = rows.length > 1 ? this.#parsed(block.subarray(rows[0]!.from, rows.at(-1)!.end)) : undefined
    const isWhole = all?.length === rows.length
    for (let i = 0; i < rows.length; i++) {
      const { from, end, at } = rows[i]!
      const fields = isWhole ? all[i]! : undefined
      if (fields === undefined || this.#isOtherWidth(fields)) this.#emit(block.subarray(from, end), at, out)
      else out.value(this.#valueOf(fields), end - from, at)
    }
  }

  #emit(row: Buffer, at: number, out: RecordOut): void {
    if (row.length === 0) return
    try {
      const fields = this.#fields(row, at === 0)
      if (this.#columns === undefined && this.#options.header === true) this.#columns = fields
      else out.value(this.#valueOf(fields), row.length, at)
    } catch (error) {
      if (!isRecordError(error)) throw error
      out.failed(error, row, at)
    }
  }

  /** Undefined where one of the rows is wrong. */
  #parsed(rows: Buffer): string[][] | undefined {
    const { delimiter, toUtf8 } = this.#options
    try {
      const text = (toUtf8?.(rows) ?? rows).toString('utf8')
      if (!text.includes('"')) return unquoted(text, delimiter)
      return parse(text, { ...PARSING, delimiter, skip_empty_lines: true })
    } catch {
      return undefined
    }
  }

  #fields(row: Buffer, bom: boolean): string[] {
    const { delimiter, toUtf8 } = this.#options
    const text = (toUtf8?.(row) ?? row).toString('utf8')
    try {
      const rows: string[][] = parse(text, { ...PARSING, delimiter, bom })
      if (rows.length === 1) return rows[0]!
      throw new Error(`it reads as ${rows.length} rows`)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new RecordError('RECORD_INVALID', `the row is no CSV: ${reason}`, { cause })
    }
  }

  #isOtherWidth(fields: readonly string[]): boolean {
    return this.#columns !== undefined && fields.length !== this.#columns.length
  }

  #valueOf(fields: string[]): unknown {
    const columns = this.#columns
    if (columns === undefined) return fields
    if (this.#isOtherWidth(fields)) {
      const message = `the row has ${fields.length} columns, and the header ${columns.length}`
      throw new RecordError('RECORD_INVALID', message, { hint: 'Correct the row, or the `delimiter`.' })
    }
    const value: Record<string, string> = {}
    for (let i = 0; i < columns.length; i++) value[columns[i]!] = fields[i]!
    return value
  }
}

/** Without quotes there is nothing to parse. The last row comes without its line end. */
function unquoted(text: string, delimiter: string): string[][] {
  const rows: string[][] = []
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!
    const row = i < lines.length - 1 && line.endsWith('\r') ? line.slice(0, -1) : line
    if (row !== '') rows.push(row.split(delimiter))
  }
  return rows
}
