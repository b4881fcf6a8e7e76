import type { Style } from './style.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Rows under titles, columns as wide as they need, two spaces between. Without trailing spaces. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], style: Style): string[] {
  const widths = columns.map(({ title }, c) => Math.max(title.length, ...rows.map((row) => (row[c] ?? '').length)))
  const pad = (text: string, c: number): string =>
    columns[c]?.align === 'right' ? text.padStart(widths[c]!) : text.padEnd(widths[c]!)
  const lineOf = (cells: readonly string[]): string => cells.map(pad).join('  ').trimEnd()
  return [style.dim(lineOf(columns.map(({ title }) => title))), ...rows.map(lineOf)]
}

/** `1 row`, `12,345 rows`. */
export function counted(value: number, what: string): string {
  return `${amount(value)} ${what}${value === 1 ? '' : 's'}`
}

/** `12,345`. */
export function amount(value: number): string {
  return value.toLocaleString('en-US')
}
