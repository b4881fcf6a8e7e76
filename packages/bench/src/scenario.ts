import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { CpuProfile } from './cpu-profile.ts'
import { selfTimes } from './cpu-profile.ts'
import type { BenchOptions } from './options.ts'
import type { Run } from './run.ts'
import type { Subject } from './subject.ts'
import type { Bed, Course, SubjectRuns } from './turns.ts'
import { runInTurns, runOnce } from './turns.ts'

/** One job, done by several programs. */
export interface Scenario {
  readonly title: string
  /** For each of these partition counts there is a table. */
  partitions(options: BenchOptions): readonly number[]
  setUp(bed: Bed): Promise<Stage>
}

/** A scenario whose servers run. */
export interface Stage {
  course(records: number, partitions: number): Promise<Course>
  connectRun(name: string, nodeFlags?: readonly string[]): Subject
  /** What is measured beside connect-run. */
  others(course: Course, partitions: number): readonly Subject[]
  tearDown(): Promise<void>
}

export interface Table {
  readonly partitions: number
  readonly subjects: readonly SubjectRuns[]
}

export interface ScenarioResult {
  readonly title: string
  readonly tables: readonly Table[]
  /** connect-run with nothing to move. */
  readonly startAndStop: readonly Run[]
}

/** The same program under two names: how far they are apart is the noise. */
export const TWINS = ['connect-run', 'connect-run again'] as const

export async function measureScenario(bed: Bed, scenario: Scenario, options: BenchOptions): Promise<ScenarioResult> {
  const { records, repeat } = options
  const { title } = scenario
  const stage = await scenario.setUp(bed)
  try {
    const [first, second] = TWINS.map((name) => stage.connectRun(name))
    bed.say(`\n${title}, nothing to move`)
    const [empty] = await runInTurns(bed, [first!], { course: await stage.course(0, 1), repeat })
    const tables: Table[] = []
    for (const partitions of scenario.partitions(options)) {
      bed.say(`\n${title}, ${partitionCount(partitions)}`)
      const course = await stage.course(records, partitions)
      const subjects = [first!, ...stage.others(course, partitions), second!]
      tables.push({ partitions, subjects: await runInTurns(bed, subjects, { course, repeat }) })
      if (options.profile) await profile(bed, stage, course)
    }
    return { title, tables, startAndStop: empty!.runs }
  } finally {
    await stage.tearDown()
  }
}

export function partitionCount(partitions: number): string {
  return `${partitions} ${partitions === 1 ? 'partition' : 'partitions'}`
}

const PROFILE_ROWS = 25

let profiles = 0

/** A run of its own: the profiler costs too much for it to be measured. */
async function profile(bed: Bed, stage: Stage, course: Course): Promise<void> {
  const folder = join(bed.folder, `profile-${++profiles}`)
  await runOnce(bed, stage.connectRun('connect-run, profiled', ['--cpu-prof', `--cpu-prof-dir=${folder}`]), course)
  bed.say('  seconds of the main thread by function, itself only:')
  for (const file of await readdir(folder)) {
    const times = selfTimes(JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile)
    for (const { place, seconds } of times.slice(0, PROFILE_ROWS)) bed.say(`    ${seconds.toFixed(3)}  ${place}`)
  }
}
