import type { CellValue } from './point-store.ts'
import type { QueryResult } from './sql.ts'

export interface Encoded {
  readonly contentType: string
  readonly text: string
}

const formats: Readonly<Record<string, (result: QueryResult) => string>> = {
  csv: (result) => delimited(result, ','),
  tsv: (result) => delimited(result, '\t'),
  json: (result) => (result.rows.length === 0 ? '' : `[${objects(result).join(',')}]`),
  'nd-json': (result) => objects(result).join('\n'),
}

/** The answer in the format that `Accept` names; undefined where the server knows no such format. */
export function encodeResult(result: QueryResult, accept: string | undefined): Encoded | undefined {
  const wanted = accept === undefined || accept === '' ? '*/*' : accept.split(/[,;]/)[0]!.trim()
  const [, kind] = /^(?:application|text)\/([\w*-]+)$/.exec(wanted === '*/*' ? 'text/*' : wanted) ?? []
  const name = kind === '*' ? 'csv' : kind
  const format = name === undefined ? undefined : formats[name]
  return format === undefined ? undefined : { contentType: `application/${name}`, text: format(result) }
}

/** Cells as the CSV answer shows them; null is empty. */
export function cellText(value: CellValue | undefined, isTime: boolean): string {
  if (value === undefined) return ''
  if (isTime) return timeText(value as bigint, 9)
  return typeof value === 'number' ? floatText(value) : String(value)
}

function delimited({ columns, rows, times }: QueryResult, separator: string): string {
  if (columns.length === 0) return ''
  const isTime = columns.map((column) => times.includes(column))
  const quote = (text: string): string => (/[",\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  const lines = rows.map((row) => row.map((cell, i) => quote(cellText(cell, isTime[i]!))).join(separator))
  return `${[columns.map(quote).join(separator), ...lines].join('\n')}\n`
}

/** Nulls and NaN are left out. Integers of 64 bits are written in full. */
function objects({ columns, rows, times }: QueryResult): string[] {
  return rows.map((row) => {
    const members: string[] = []
    row.forEach((value, i) => {
      if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) return
      members.push(`${JSON.stringify(columns[i])}:${jsonText(value, times.includes(columns[i]!))}`)
    })
    return `{${members.join(',')}}`
  })
}

function jsonText(value: CellValue, isTime: boolean): string {
  if (isTime) return `"${timeText(value as bigint)}"`
  if (typeof value === 'number') return floatText(value)
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  const text = Object.is(value, -0) ? '-0' : String(value).replace('e+', 'e')
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

/** Without a zone; as many fraction digits as asked for, or as few of 0, 3, 6, 9 as keep the value. */
function timeText(nanoseconds: bigint, digits?: number): string {
  const fraction = ((nanoseconds % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  const seconds = (nanoseconds - fraction) / 1_000_000_000n
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, -5)
  const nine = String(fraction).padStart(9, '0')
  const kept = digits ?? [0, 3, 6].find((count) => /^0*$/.test(nine.slice(count))) ?? 9
  return kept === 0 ? text : `${text}.${nine.slice(0, kept)}`
}
