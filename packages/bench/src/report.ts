import type { SubjectRuns, TopicResult } from './kafka-to-http.ts'
import type { Run } from './run.ts'
import { cpuPerMillion } from './run.ts'
import type { Summary } from './statistics.ts'
import { relativeDifference, summarize } from './statistics.ts'
import { textTable } from './text-table.ts'

const HEADER = ['', 'CPU-s/M', 'k records/s', 'seconds in all', 'start-up s', 'peak MiB', 'sink busy %']

/** Every figure of every subject: its median, with (least-most) where these differ. */
export function topicTable({ subjects }: TopicResult): string {
  return textTable([HEADER, ...subjects.map(subjectRow)])
}

function subjectRow({ subject, runs }: SubjectRuns): string[] {
  const column = (figure: (run: Run) => number | undefined, digits: number): string =>
    cell(summarize(runs.map(figure).filter((value) => value !== undefined)), digits)
  return [
    subject,
    column(cpuPerMillion, 2),
    column((run) => run.recordsPerSecond && run.recordsPerSecond / 1000, 0),
    column((run) => run.wallSeconds, 1),
    column((run) => run.startUpSeconds, 2),
    column((run) => run.peakRssBytes / 2 ** 20, 0),
    column((run) => run.destinationLoad && run.destinationLoad * 100, 0),
  ]
}

function cell(summary: Summary | undefined, digits: number): string {
  if (summary === undefined) return '-'
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

/** What starting and stopping alone costs; part of the figures of the tables. */
export function startAndStopLine(runs: readonly Run[]): string {
  const cpu = cell(summarize(runs.map((run) => run.cpuSeconds)), 2)
  const wall = cell(summarize(runs.map((run) => run.wallSeconds)), 2)
  return `connect-run on an empty topic: ${cpu} CPU-s, ${wall} s in all; the figures above contain this`
}
