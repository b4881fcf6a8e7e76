import type { Layout } from './layout.ts'
import type { Run } from './run.ts'
import { cpuPerMillion } from './run.ts'
import type { ScenarioResult, Table } from './scenario.ts'
import { TWINS, partitionCount } from './scenario.ts'
import type { Summary } from './statistics.ts'
import { relativeDifference, summarize } from './statistics.ts'
import type { SubjectRuns } from './turns.ts'

const HEADER = ['', 'CPU-s/M', 'k records/s', 'peak MiB', 'start-up s', 'seconds in all', 'sink busy %']

const UNKNOWN = '-'

/** The tables of a scenario, and what is to be known about their figures. */
export function scenarioReport({ title, tables, startAndStop }: ScenarioResult, layout: Layout): string {
  const moved = tables[0]!.subjects[0]!.runs[0]!.records
  const parts = tables.map((table) => {
    const [one, other] = TWINS.map((name) => table.subjects.find(({ subject }) => subject === name)!)
    const notes = [noiseLine(one!, other!), startAndStopLine(startAndStop, moved), ...excludedLines(table)]
    const heading = layout.heading(`${title}, ${partitionCount(table.partitions)}`)
    return [heading, layout.table(figureRows(table)), layout.notes(notes)].join('\n')
  })
  return parts.join('\n\n')
}

/** Every figure of every subject: its median, with (least-most) where these differ. Columns that nobody fills are left out. */
export function figureRows({ subjects }: Pick<Table, 'subjects'>): string[][] {
  const rows = subjects.map(subjectRow)
  const filled = HEADER.map((_, column) => rows.some((row) => row[column] !== UNKNOWN))
  return [HEADER, ...rows].map((row) => row.filter((_, column) => filled[column]))
}

function subjectRow({ subject, runs }: SubjectRuns): string[] {
  const column = (figure: (run: Run) => number | undefined, digits: number): string =>
    cell(summarize(runs.map(figure).filter((value) => value !== undefined)), digits)
  return [
    subject,
    column(cpuPerMillion, 2),
    column((run) => run.recordsPerSecond && run.recordsPerSecond / 1000, 0),
    column((run) => run.peakRssBytes / 2 ** 20, 0),
    column((run) => run.startUpSeconds, 2),
    column((run) => run.wallSeconds, 1),
    column((run) => run.destinationLoad && run.destinationLoad * 100, 0),
  ]
}

function cell(summary: Summary | undefined, digits: number): string {
  if (summary === undefined) return UNKNOWN
  const [median, min, max] = [summary.median, summary.min, summary.max].map((value) =>
    value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  )
  return min === max ? median! : `${median} (${min}-${max})`
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
    const cpu = cell(summarize(excluded.map(({ cpuSeconds }) => cpuSeconds)), 2)
    const wall = cell(summarize(excluded.map(({ wallSeconds }) => wallSeconds)), 2)
    return [`${subject}: ${cpu} CPU-s, ${wall} s before its figures begin, not contained in them`]
  })
}

/** What starting and stopping alone costs; part of the figures of the tables. */
export function startAndStopLine(runs: readonly Run[], records: number): string {
  const seconds = summarize(runs.map((run) => run.cpuSeconds))!
  const wall = cell(summarize(runs.map((run) => run.wallSeconds)), 2)
  const share = ((seconds.median * 1e6) / records).toFixed(2)
  return `connect-run with nothing to move: ${cell(seconds, 2)} CPU-s, ${wall} s in all; its figures above contain this, ${share} CPU-s/M`
}
