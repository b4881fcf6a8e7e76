import type { Ledger, PipelineSnapshot } from '@connect-run/core/runtime'

import type { Style } from './style.ts'
import { amount, table } from './table.ts'

const outcomes: readonly [keyof Ledger, string][] = [
  ['written', 'written'],
  ['filtered', 'filtered'],
  ['skipped', 'skipped'],
  ['deadLettered', 'dead-lettered'],
  ['dropped', 'dropped'],
  ['inFlight', 'in flight'],
  ['released', 'released'],
]

/** Shown only where they happened. */
const rare: ReadonlySet<keyof Ledger> = new Set(['dropped', 'inFlight', 'released'])

/** What became of every record that was read, one pipeline a row, and whether that is all of them. */
export function ledgerTable(pipelines: readonly PipelineSnapshot[], style: Style): string[] {
  const shown = outcomes.filter(([key]) => !rare.has(key) || pipelines.some(({ ledger }) => ledger[key] > 0))
  const columns = [
    { title: 'pipeline' },
    { title: 'read', align: 'right' as const },
    ...shown.map(([, title]) => ({ title, align: 'right' as const })),
    { title: '' },
  ]
  const rows = pipelines.map(({ name, ledger }) => {
    const verdict = addsUp(ledger) ? 'adds up' : 'DOES NOT ADD UP'
    return [name, amount(ledger.read), ...shown.map(([key]) => amount(ledger[key])), verdict]
  })
  return table(columns, rows, style).map((line) =>
    line.replace(/adds up$/, (words) => style.green(words)).replace(/DOES NOT ADD UP$/, (words) => style.red(words)),
  )
}

/** Every record read is one of the others. */
export function addsUp(ledger: Ledger): boolean {
  return outcomes.reduce((sum, [key]) => sum + ledger[key], 0) === ledger.read
}
