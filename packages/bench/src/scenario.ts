import type { Way } from './connect-run.ts'
import { connectRunSubject } from './connect-run.ts'
import { chosen } from './glob.ts'
import type { LoopDelay } from './loop-delay.ts'
import { measureLoopDelay } from './loop-delay.ts'
import type { BenchOptions, CostScenarioName } from './options.ts'
import { profileWay } from './profile.ts'
import type { Run } from './run.ts'
import type { Subject } from './subject.ts'
import type { Bed, Course, SubjectRuns } from './turns.ts'
import { runInTurns } from './turns.ts'
import type { Choices, Dimension, Variant } from './variant.ts'
import { plain, recordsOf, variantTitle, variantsOf } from './variant.ts'

/** One job, done by several programs. */
export interface Scenario {
  readonly title: string
  /** What can be varied. */
  readonly dimensions: readonly Dimension[]
  /** The numbers of partitions it is measured with unless others are asked for. */
  readonly partitions: Choices['partitions']
  /** Fewer are moved where the destination takes long for each. Default as many as are asked for. */
  readonly mostRecords?: number
  setUp(bed: Bed): Promise<Stage>
}

/** A scenario whose servers run. */
export interface Stage {
  course(records: number, variant: Variant): Promise<Course>
  /** connect-run's ways to do it; the first one is run twice. */
  ways(variant: Variant): readonly Way[]
  /** What is measured beside connect-run. */
  others(course: Course, variant: Variant): readonly Subject[]
  tearDown(): Promise<void>
}

export interface Table {
  readonly variant: Variant
  readonly subjects: readonly SubjectRuns[]
  /** Of connect-run's first way, in a run of its own. */
  readonly loopDelay: LoopDelay
}

export interface ScenarioResult {
  readonly title: string
  readonly tables: readonly Table[]
  /** connect-run with nothing to move. */
  readonly startAndStop: readonly Run[]
  /** Of tables that could not be measured, what went wrong. */
  readonly failures: readonly string[]
}

export async function measureScenario(
  bed: Bed,
  name: CostScenarioName,
  { scenario, options: asked }: { readonly scenario: Scenario; readonly options: BenchOptions },
): Promise<ScenarioResult> {
  const { title, mostRecords = Infinity } = scenario
  const options = { ...asked, records: Math.min(asked.records, mostRecords) }
  const stage = await scenario.setUp(bed)
  try {
    const startAndStop = await measureStart(bed, title, { stage, repeat: options.repeat })
    const choices = { ...options.choices, partitions: options.choices.partitions ?? scenario.partitions }
    const tables: Table[] = []
    const failures: string[] = []
    for (const variant of variantsOf(choices, scenario.dimensions)) {
      bed.say(`\n${title}, ${variantTitle(variant)}`)
      try {
        tables.push(await measureTable(bed, { name, stage, variant, options }))
      } catch (error) {
        failures.push(`${variantTitle(variant)}: ${(error as Error).message}`)
        bed.say(`  FAILED: ${failures.at(-1)}`)
      }
    }
    return { title, tables, startAndStop, failures }
  } finally {
    await stage.tearDown()
  }
}

/** connect-run with nothing to move. */
export async function measureStart(
  bed: Bed,
  title: string,
  { stage, repeat }: { readonly stage: Stage; readonly repeat: number },
): Promise<readonly Run[]> {
  bed.say(`\n${title}, nothing to move`)
  const course = await stage.course(0, plain)
  const [empty] = await runInTurns(bed, [connectRunSubject(stage.ways(plain)[0]!)], { course, repeat })
  return empty!.runs
}

interface TableOrder {
  readonly name: CostScenarioName
  readonly stage: Stage
  readonly variant: Variant
  readonly options: BenchOptions
}

async function measureTable(bed: Bed, { name, stage, variant, options }: TableOrder): Promise<Table> {
  const course = await stage.course(recordsOf(variant, options.records), variant)
  const [first, ...others] = stage.ways(variant)
  const ways = [first!, ...chosen(others, options.subjects)]
  const subjects = [
    ...ways.map((way) => connectRunSubject(way)),
    ...chosen(stage.others(course, variant), options.subjects),
    again(first!),
  ]
  const runs = await runInTurns(bed, subjects, { course, repeat: options.repeat })
  const loopDelay = await measureLoopDelay(bed, first!, course)
  for (const way of options.profile === undefined ? [] : ways) {
    await profileWay(bed, way, { course, folder: options.profile!, table: `${name}, ${variantTitle(variant)}` })
  }
  return { variant, subjects: runs, loopDelay }
}

/** The same program under another name: how far the two are apart is the noise. */
export function again(way: Way): Subject {
  return connectRunSubject({ ...way, name: `${way.name} again` })
}
