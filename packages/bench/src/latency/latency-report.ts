import { figuresTable } from '../figures-table.ts'
import type { Layout } from '../layout.ts'
import type { LatencyResult } from './latency-scenario.ts'

/** The table of a latency scenario. */
export function latencyReport({ title, rate, partitions, subjects }: LatencyResult, layout: Layout): string {
  const places = partitions === 1 ? '1 partition' : `${partitions} partitions`
  const timed = subjects[0]!.runs[0]!.records.toLocaleString('en')
  const notes = [`from produced to stored; ${timed} records timed in a run, after two seconds that are not`]
  const heading = layout.heading(`${title}, ${rate.toLocaleString('en')} records/s, ${places}`)
  return [heading, layout.table(latencyRows(subjects)), layout.notes(notes)].join('\n')
}

export function latencyRows(subjects: LatencyResult['subjects']): string[][] {
  return figuresTable(subjects, [
    { name: 'p50 ms', digits: 0, of: (run) => run.p50 },
    { name: 'p99 ms', digits: 0, of: (run) => run.p99 },
    { name: 'max ms', digits: 0, of: (run) => run.max },
    { name: 'CPU %', digits: 0, of: (run) => run.cpuLoad * 100 },
    { name: 'peak MiB', digits: 0, of: (run) => run.peakRssBytes / 2 ** 20 },
    { name: 'loop delay p99 ms', digits: 1, of: (run) => run.loopDelay?.p99 },
  ])
}
