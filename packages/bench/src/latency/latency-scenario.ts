import type { Way } from '../connect-run.ts'
import { chosen } from '../glob.ts'
import type { LoopDelay } from '../loop-delay.ts'
import type { BenchOptions } from '../options.ts'
import type { Bed } from '../turns.ts'
import { inTurns } from '../turns.ts'
import { measureLatency } from './measure-latency.ts'
import type { TimedDestination } from './timed-destination.ts'

/** How long records take from being produced to being stored, at a steady rate well below the limit. */
export interface LatencyScenario {
  readonly title: string
  setUp(bed: Bed): Promise<LatencyStage>
}

export interface LatencyStage {
  /** The first one is connect-run as it is. */
  readonly subjects: readonly LatencySubject[]
  /** A destination with nothing in it. */
  open(id: string): Promise<TimedRoute>
  tearDown(): Promise<void>
}

export interface TimedRoute {
  /** The URL of a server, or the path of a file. */
  readonly otherEnd: string
  readonly destination: TimedDestination
  readonly close: () => Promise<void>
}

export interface LatencyJob {
  readonly bootstrap: string
  readonly topic: string
  readonly otherEnd: string
  readonly id: string
  readonly folder: string
}

/** A program that moves records until it is stopped. */
export type LatencySubject =
  | { readonly name: string; readonly command: (job: LatencyJob) => readonly string[] }
  | (Way & { readonly command?: never })

export interface LatencyRun {
  /** That were timed. */
  readonly records: number
  /** From produced to stored, in milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** CPU-seconds for each second. */
  readonly cpuLoad: number
  readonly peakRssBytes: number
  /** Where it is known. */
  readonly loopDelay: LoopDelay | undefined
}

export interface LatencyResult {
  readonly title: string
  /** Records a second. */
  readonly rate: number
  readonly partitions: number
  readonly subjects: readonly { readonly subject: string; readonly runs: readonly LatencyRun[] }[]
}

const RATE = 10_000

let started = 0

export async function measureLatencyScenario(
  bed: Bed,
  scenario: LatencyScenario,
  options: BenchOptions,
): Promise<LatencyResult> {
  const partitions = options.choices.partitions?.[0] ?? 1
  const stage = await scenario.setUp(bed)
  try {
    bed.say(`\n${scenario.title}, ${RATE} records a second`)
    const [first, ...others] = stage.subjects
    const measured = await inTurns(bed, [first!, ...chosen(others, options.subjects)], {
      repeat: options.repeat,
      run: async (subject) => {
        const id = `latency-${process.pid}-${++started}`
        const route = await stage.open(id)
        const load = { partitions, rate: RATE, seconds: options.seconds }
        try {
          const run = await measureLatency(bed, subject, { id, route, load })
          bed.say(`    p50 ${run.p50} ms, p99 ${run.p99} ms, at most ${run.max} ms`)
          return run
        } finally {
          await route.close()
        }
      },
    })
    const subjects = measured.map(({ item, runs }) => ({ subject: item.name, runs }))
    return { title: scenario.title, rate: RATE, partitions, subjects }
  } finally {
    await stage.tearDown()
  }
}
