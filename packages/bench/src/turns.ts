import { join } from 'node:path'
import type { KafkaCluster } from '@connect-run/testkit/services'
import type { Run } from './run.ts'
import { cpuPerMillion } from './run.ts'
import type { Route, Subject } from './subject.ts'

/** What every scenario runs on. */
export interface Bed {
  readonly kafka: KafkaCluster
  readonly kcat: string
  readonly folder: string
  readonly say: (line: string) => void
}

export interface OpenRoute extends Route {
  /** Removes what the run has left at the destination. */
  readonly close: () => Promise<void>
}

/** Records in their place, to be moved again and again. */
export interface Course {
  readonly records: number
  /** A destination with nothing in it. */
  open(id: string): Promise<OpenRoute>
}

export interface SubjectRuns {
  readonly subject: string
  /** connect-run, in whatever way. */
  readonly ours: boolean
  readonly runs: readonly Run[]
}

const TIMEOUT_MS = 600_000

interface Turns<T, R> {
  readonly repeat: number
  readonly run: (item: T) => Promise<R>
}

/** Runs each `repeat` times, in turns, so that what else happens on the machine meets all of them. */
export async function inTurns<T extends { readonly name: string }, R>(
  { say }: Pick<Bed, 'say'>,
  items: readonly T[],
  { repeat, run }: Turns<T, R>,
): Promise<{ readonly item: T; readonly runs: readonly R[] }[]> {
  const results = items.map((item) => ({ item, runs: [] as R[] }))
  for (let round = 1; round <= repeat; round++) {
    // Every other round goes the other way, so that nobody always runs second.
    for (const { item, runs } of round % 2 === 1 ? results : results.toReversed()) {
      say(`  round ${round} of ${repeat}: ${item.name}`)
      runs.push(await run(item))
    }
  }
  return results
}

/** Has every subject move the course's records `repeat` times, in turns. */
export async function runInTurns(
  bed: Bed,
  subjects: readonly Subject[],
  { course, repeat }: { readonly course: Course; readonly repeat: number },
): Promise<SubjectRuns[]> {
  const results = await inTurns(bed, subjects, { repeat, run: (subject) => runOnce(bed, subject, course) })
  return results.map(({ item, runs }) => ({ subject: item.name, ours: item.ours === true, runs }))
}

let started = 0

/** One run, which fails unless exactly the course's records arrive. */
export async function runOnce({ kafka, folder, say }: Bed, subject: Subject, course: Course): Promise<Run> {
  const id = `bench-${process.pid}-${++started}`
  const { records } = course
  const { close, ...route } = await course.open(id)
  const onProgress = (arrived: number): void => say(`    … ${count(arrived)} of ${count(records)} have arrived`)
  const job = { ...route, bootstrap: kafka.bootstrap, records, id, folder, timeoutMs: TIMEOUT_MS, onProgress }
  try {
    const run = await subject.run(job)
    if (run.records !== records) {
      throw new Error(`${subject.name}: ${run.records} records arrived of ${records}; see ${join(folder, id)}.log`)
    }
    const cost = records > 0 ? `${cpuPerMillion(run).toFixed(2)} CPU-s/M` : `${run.cpuSeconds.toFixed(2)} CPU-s`
    say(`    ${cost}, ${run.wallSeconds.toFixed(1)} s in all`)
    return run
  } finally {
    await close()
  }
}

function count(records: number): string {
  return records.toLocaleString('en')
}
