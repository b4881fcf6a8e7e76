import { type Guard, tierOf, titlePattern } from './guard.ts'
import type { TestOutcome, TestRequest, TestRun } from './run-tests.ts'
import type { WorkspaceCopy } from './workspace-copy.ts'

/**
 * - `caught`: the test passes with the guard and fails without it.
 * - `survived`: the test passes without the guard as well.
 * - `unfit`: nothing can be said: the test fails with the guard, is not there, or can't be loaded without the guard.
 * - `skipped`: the test's servers are not to be had here.
 */
export type Verdict = 'caught' | 'survived' | 'unfit' | 'skipped'

export interface Finding {
  readonly guard: Guard
  readonly verdict: Verdict
  /** Why, where it is not caught. */
  readonly reason: string
  readonly ms: number
}

export interface Checking {
  /** Copies of the workspace: so many guards are taken out at a time. */
  readonly copies: readonly WorkspaceCopy[]
  readonly run: (request: TestRequest) => Promise<TestRun>
  readonly found: (finding: Finding) => void
}

/** Takes out one guard after the other and runs its test. Before that, all tests are run with all guards in place. */
export async function checkGuards(guards: readonly Guard[], { copies, run, found }: Checking): Promise<void> {
  const sound = await runSound(guards, copies[0]!, run)
  const waiting = [...guards]
  const work = async (copy: WorkspaceCopy): Promise<void> => {
    for (let guard = waiting.shift(); guard !== undefined; guard = waiting.shift()) {
      const began = performance.now()
      const verdict = judgeSound(guard, sound) ?? (await judge(guard, copy, run))
      found({ guard, ms: performance.now() - began, ...verdict })
    }
  }
  await Promise.all(copies.map(work))
}

type Judgement = Pick<Finding, 'verdict' | 'reason'>

/** By tier. */
async function runSound(
  guards: readonly Guard[],
  { root }: WorkspaceCopy,
  run: Checking['run'],
): Promise<ReadonlyMap<string, TestRun>> {
  const runs = new Map<string, TestRun>()
  for (const tier of new Set(guards.map(tierOf))) {
    const all = guards.filter((guard) => tierOf(guard) === tier)
    const files = [...new Set(all.map(({ test }) => test))]
    const titles = [...new Set(all.map(({ title }) => title))]
    runs.set(tier, await run({ root, tier, files, titles }))
  }
  return runs
}

/** Undefined: its test passes with the guard. */
function judgeSound(guard: Guard, runs: ReadonlyMap<string, TestRun>): Judgement | undefined {
  const { outcomes, problems } = runs.get(tierOf(guard))!
  const mine = outcomesOf(guard, outcomes)
  const failed = mine.find(({ status }) => status === 'failed')
  if (failed !== undefined) return { verdict: 'unfit', reason: `the test fails as it is: ${failed.message}` }
  if (mine.some(({ status }) => status === 'passed')) return undefined
  if (mine.length > 0) return { verdict: 'skipped', reason: 'its servers are not to be had here' }
  return { verdict: 'unfit', reason: `there is no such test: ${problems}` }
}

async function judge(guard: Guard, copy: WorkspaceCopy, run: Checking['run']): Promise<Judgement> {
  const request = { root: copy.root, tier: tierOf(guard), files: [guard.test], titles: [guard.title] }
  const { outcomes, hung, problems } = await copy.spoilt(guard, () => run(request))
  const mine = outcomesOf(guard, outcomes)
  if (hung || mine.some(({ status }) => status === 'failed')) return { verdict: 'caught', reason: '' }
  if (mine.some(({ status }) => status === 'passed')) return { verdict: 'survived', reason: '' }
  return { verdict: 'unfit', reason: `the test does not run without the guard: ${problems}` }
}

/** Tests that a pattern leaves out count as pending: those of the title are told from them by it. */
function outcomesOf({ test, title }: Guard, outcomes: readonly TestOutcome[]): TestOutcome[] {
  const pattern = new RegExp(titlePattern([title]))
  return outcomes.filter((outcome) => outcome.file === test && pattern.test(outcome.title))
}
