import type { Scenario } from '../scenario.ts'
import { again, measureStart } from '../scenario.ts'
import { connectRunSubject } from '../connect-run.ts'
import type { Subject } from '../subject.ts'
import type { Bed } from '../turns.ts'
import { runInTurns } from '../turns.ts'
import { plain } from '../variant.ts'
import type { Ratio, Round } from './ratio.ts'
import { median, ratioOf } from './ratio.ts'

/** A scenario that is ready to be measured, by connect-run and by kcat. */
export interface Lane {
  /** Runs so many more rounds, and resolves with the ratio of all since the lane was opened. */
  measure(rounds: number): Promise<Ratio>
  close(): Promise<void>
}

interface LaneOrder {
  readonly records: number
  /** How often connect-run is run with nothing to move. */
  readonly starts: number
}

export async function openLane(bed: Bed, scenario: Scenario, { records, starts }: LaneOrder): Promise<Lane> {
  const stage = await scenario.setUp(bed)
  try {
    const empty = await measureStart(bed, scenario.title, { stage, repeat: starts })
    const start = median(empty.map(({ cpuSeconds }) => cpuSeconds))
    bed.say(`\n${scenario.title}`)
    const course = await stage.course(records, plain)
    const way = stage.ways(plain)[0]!
    const kcat = stage.others(course, plain).find(({ name }) => name.startsWith('kcat'))!
    const subjects: readonly Subject[] = [
      connectRunSubject(way),
      kcat,
      { ...kcat, name: `${kcat.name} again` },
      again(way),
    ]
    const rounds: Round[] = []
    return {
      measure: async (repeat) => {
        rounds.push(...roundsOf(await runInTurns(bed, subjects, { course, repeat })))
        return ratioOf(rounds, start)
      },
      close: () => stage.tearDown(),
    }
  } catch (error) {
    await stage.tearDown()
    throw error
  }
}

/** From the runs of connect-run, kcat, kcat and connect-run. */
function roundsOf(measured: Awaited<ReturnType<typeof runInTurns>>): Round[] {
  const [one, kcat, kcatAgain, other] = measured.map(({ runs }) => runs.map(({ cpuSeconds }) => cpuSeconds))
  return one!.map((cpu, round) => ({
    ours: [cpu, other![round]!],
    kcat: [kcat![round]!, kcatAgain![round]!],
  }))
}
