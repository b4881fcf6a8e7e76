import type { Ledger, PipelineSnapshot } from '@connect-run/core/runtime'

import type { Style } from './style.ts'
import { type Column, amount, table } from './table.ts'

const outcomes: readonly [keyof Ledger, string][] = [
  ['written', 'written'],
  ['filtered', 'filtered'],
  ['skipped', 'skipped'],
  ['parked', 'parked'],
  ['deadLettered', 'dead-lettered'],
  ['dropped', 'dropped'],
  ['inFlight', 'in flight'],
  ['released', 'released'],
]

/** Shown even where there are none. */
const usual = ['written', 'filtered', 'skipped', 'deadLettered'] as const

/** Columns of a table of ledgers. */
export interface LedgerColumns {
  readonly columns: readonly Column[]
  readonly cells: (ledger: Ledger) => readonly string[]
}

/**
 * Columns for what was read, for each outcome, for retries, and for whether that is all of them; where they are not among
 * `always`, those only of which any ledger has something to say.
 */
export function ledgerColumns(ledgers: readonly Ledger[], always: readonly (keyof Ledger)[] = usual): LedgerColumns {
  const shown = [...outcomes, ['retried', 'retried'] as const].filter(([key]) => {
    return always.includes(key) || ledgers.some((ledger) => ledger[key] > 0)
  })
  return {
    columns: [right('read'), ...shown.map(([, title]) => right(title)), { title: '' }],
    cells: (ledger) => {
      const verdict = addsUp(ledger) ? ADDS_UP : DOES_NOT
      return [amount(ledger.read), ...shown.map(([key]) => amount(ledger[key])), verdict]
    },
  }
}

function right(title: string): Column {
  return { title, align: 'right' }
}

/** What became of every record that was read, one pipeline a row, and whether that is all of them. */
export function ledgerTable(pipelines: readonly PipelineSnapshot[], style: Style): string[] {
  const { columns, cells } = ledgerColumns(pipelines.map(({ ledger }) => ledger))
  const rows = pipelines.map(({ name, ledger }) => [name, ...cells(ledger)])
  return table([{ title: 'pipeline' }, ...columns], rows, style).map((line) => withVerdict(line, style))
}

/** The line with the colour of its verdict. */
export function withVerdict(line: string, style: Style): string {
  return line.replace(ADDS_UP, (words) => style.green(words)).replace(DOES_NOT, (words) => style.red(words))
}

const ADDS_UP = 'adds up'
const DOES_NOT = 'DOES NOT ADD UP'

/** Every record read is one of the others. */
export function addsUp(ledger: Ledger): boolean {
  const { inFlight } = ledger
  return inFlight >= 0 && outcomes.reduce((sum, [key]) => sum + ledger[key], 0) === ledger.read
}
