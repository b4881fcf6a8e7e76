import type { TorturedPipeline, TortureReport } from '../torture-kit.ts'
import type { Style } from './style.ts'
import { type Column, amount, counted, table } from './table.ts'

/** What was done to the workers, what became of the records, and whether that keeps the promises. */
export function tortureReport(report: TortureReport, style: Style): string[] {
  const { pipelines, silentStops, elapsedMs, seed, ok } = report
  const columns = [
    { title: 'pipeline' },
    { title: 'pair' },
    ...['sent', 'arrived', 'lost', 'doubled', 'reordered', 'foreign'].map(numberColumn),
    { title: '' },
  ]
  const rows = pipelines.map((pipeline) => [
    pipeline.pipeline,
    pipeline.pair,
    ...numbersOf(pipeline).map(amount),
    complaintsOf(pipeline).join(', ') || 'as promised',
  ])
  const verdict = ok ? style.green('Everything is as promised.') : style.red('A promise was broken.')
  return [
    `${faultsText(report)} in ${Math.round(elapsedMs / 1000)} s, seed ${seed}`,
    '',
    ...table(columns, rows, style),
    ...pipelines.flatMap(examplesOf),
    ...silentStops.flatMap((stop) => ['', style.red('silent stop:'), stop.trimEnd()]),
    '',
    `${verdict} ${counted(silentStops.length, 'silent stop')}.`,
  ]
}

function numbersOf({ sent, arrived, lost, doubled, reordered, foreign }: TorturedPipeline): readonly number[] {
  return [sent, arrived, lost, doubled, reordered, foreign]
}

/** What it has promised and not kept. */
function complaintsOf({ lost, doubled, reordered, foreign, once }: TorturedPipeline): readonly string[] {
  const complaints: string[] = []
  if (lost > 0) complaints.push('LOST')
  if (once && doubled > 0) complaints.push('DOUBLED')
  if (reordered > 0) complaints.push('REORDERED')
  if (foreign > 0) complaints.push('FOREIGN')
  return complaints
}

/** Of a pipeline that has broken a promise. */
function examplesOf(tortured: TorturedPipeline): readonly string[] {
  if (complaintsOf(tortured).length === 0) return []
  return ['', `${tortured.pipeline}:`, ...tortured.examples.map((example) => `  ${example}`)]
}

function numberColumn(title: string): Column {
  return { title, align: 'right' }
}

function faultsText({ faults }: TortureReport): string {
  const done = Object.entries(faults).map(([name, times]) => `${times} × ${name}`)
  return done.length === 0 ? 'Nothing went wrong' : done.join(', ')
}
