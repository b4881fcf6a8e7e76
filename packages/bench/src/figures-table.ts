import type { Summary } from './statistics.ts'
import { summarize } from './statistics.ts'

export interface Column<R> {
  readonly name: string
  /** Of a run; undefined where it is not known. */
  readonly of: (run: R) => number | undefined
  /** After the decimal point. */
  readonly digits: number
}

interface Row<R> {
  readonly subject: string
  readonly runs: readonly R[]
}

const UNKNOWN = '-'

/** Every figure of every subject: its median, with (least-most) where these differ. Columns that nobody fills are left out. */
export function figuresTable<R>(rows: readonly Row<R>[], columns: readonly Column<R>[]): string[][] {
  const filled = columns.filter(({ of }) => rows.some(({ runs }) => runs.some((run) => of(run) !== undefined)))
  const header = ['', ...filled.map(({ name }) => name)]
  const cells = rows.map(({ subject, runs }) => [
    subject,
    ...filled.map(({ of, digits }) => {
      const figures = runs.map(of).filter((figure) => figure !== undefined)
      return figureText(summarize(figures), digits)
    }),
  ])
  return [header, ...cells]
}

export function figureText(summary: Summary | undefined, digits: number): string {
  if (summary === undefined) return UNKNOWN
  const [median, min, max] = [summary.median, summary.min, summary.max].map((value) =>
    value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  )
  return min === max ? median! : `${median} (${min}-${max})`
}
