import { figuresTable, figureText } from './figures-table.ts'
import type { Layout } from './layout.ts'
import type { LoopDelay } from './loop-delay.ts'
import type { Run } from './run.ts'
import { cpuPerMillion } from './run.ts'
import type { ScenarioResult, Table } from './scenario.ts'
import { relativeDifference, summarize } from './statistics.ts'
import type { SubjectRuns } from './turns.ts'
import { plain, variantTitle } from './variant.ts'

/** The tables of a scenario, and what is to be known about their figures. */
export function scenarioReport({ title, tables, startAndStop, failures }: ScenarioResult, layout: Layout): string {
  const parts = tables.map((table) => {
    const { subjects, variant } = table
    const [one, other] = [subjects[0]!, subjects.at(-1)!] // the same program
    const notes = [
      noiseLine(one, other),
      startAndStopLine(startAndStop, one.runs[0]!.records),
      loopDelayLine(table.loopDelay),
      ...excludedLines(table),
    ]
    const heading = layout.heading(`${title}, ${variantTitle(variant)}`)
    return [heading, layout.table(figureRows(table, startAndStop)), layout.notes(notes)].join('\n')
  })
  const failed = failures.map((failure) => `${layout.heading(title)}\n${layout.notes([`FAILED: ${failure}`])}`)
  return [...parts, ...failed].join('\n\n')
}

/** Every figure of every subject. `startAndStop` is connect-run with nothing to move. */
export function figureRows(
  { subjects, variant: { valueBytes } }: Pick<Table, 'subjects' | 'variant'>,
  startAndStop: readonly Run[],
): string[][] {
  const large = valueBytes > plain.valueBytes
  const start = summarize(startAndStop.map(({ cpuSeconds }) => cpuSeconds))?.median ?? 0
  const moving = ({ cpuSeconds, records }: Run): number => ((cpuSeconds - start) * 1e6) / records
  return figuresTable(
    subjects.map(({ subject, ours, runs }) => ({ subject, runs: runs.map((run) => ({ ...run, ours })) })),
    [
      { name: 'CPU-s/M', digits: 2, of: cpuPerMillion },
      { name: 'less start-up', digits: 2, of: (run) => (run.ours ? moving(run) : undefined) },
      { name: 'CPU-s/GB', digits: 1, of: (run) => (large ? (cpuPerMillion(run) * 1000) / valueBytes : undefined) },
      { name: 'k records/s', digits: large ? 1 : 0, of: (run) => run.recordsPerSecond && run.recordsPerSecond / 1000 },
      {
        name: 'MB/s',
        digits: 0,
        of: (run) => (large && run.recordsPerSecond ? (run.recordsPerSecond * valueBytes) / 1e6 : undefined),
      },
      { name: 'peak MiB', digits: 0, of: (run) => run.peakRssBytes / 2 ** 20 },
      { name: 'start-up s', digits: 2, of: (run) => run.startUpSeconds },
      { name: 'seconds in all', digits: 1, of: (run) => run.wallSeconds },
      { name: 'sink CPU %', digits: 0, of: (run) => run.destinationLoad && run.destinationLoad * 100 },
    ],
  )
}

/** What one program differs by from turn to turn: smaller differences between programs mean nothing. */
export function noiseLine(one: SubjectRuns, other: SubjectRuns): string {
  const [first, second] = [one, other].map(({ runs }) => summarize(runs.map(cpuPerMillion))!)
  const medians = (relativeDifference(first!.median, second!.median) * 100).toFixed(1)
  const all = summarize([...one.runs, ...other.runs].map(cpuPerMillion))!
  const runs = ((all.max / all.min - 1) * 100).toFixed(0)
  return `noise of CPU-s/M: ${one.subject} measured twice differs by ${medians} % in its medians, by up to ${runs} % from run to run`
}

/** What was left out of a subject's figures. */
export function excludedLines({ subjects }: Pick<Table, 'subjects'>): string[] {
  return subjects.flatMap(({ subject, runs }) => {
    const excluded = runs.flatMap((run) => run.excluded ?? [])
    if (excluded.length === 0) return []
    const cpu = figureText(summarize(excluded.map(({ cpuSeconds }) => cpuSeconds)), 2)
    const wall = figureText(summarize(excluded.map(({ wallSeconds }) => wallSeconds)), 2)
    return [`${subject}: ${cpu} CPU-s, ${wall} s before its figures begin, not contained in them`]
  })
}

/** What starting and stopping alone costs; part of the figures of the tables. */
export function startAndStopLine(runs: readonly Run[], records: number): string {
  const seconds = summarize(runs.map((run) => run.cpuSeconds))!
  const wall = figureText(summarize(runs.map((run) => run.wallSeconds)), 2)
  const share = ((seconds.median * 1e6) / records).toFixed(2)
  return `connect-run with nothing to move: ${figureText(seconds, 2)} CPU-s, ${wall} s in all; its figures above contain this, ${share} CPU-s/M, but for those less start-up`
}

export function loopDelayLine({ p50, p99, max }: LoopDelay): string {
  const [middle, most, all] = [p50, p99, max].map((milliseconds) => milliseconds.toFixed(1))
  return `delay of connect-run's event loop, in a run of its own: p50 ${middle} ms, p99 ${most} ms, at most ${all} ms`
}
