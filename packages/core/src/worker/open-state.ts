import type { PollLimits, PollResult, SourceTask } from '../api/source-task.ts'
import type { TaskState } from '../state/state-store.ts'
import { type Closers, ENDLESS, sourceOf } from './open-ends.ts'
import { startTask } from './start-task.ts'
import type { TaskOptions } from './task-options.ts'

/**
 * Claims the state of a pipeline whose source keeps no positions itself, and stands by while another worker holds it;
 * undefined for other sources, which have but their ledger there. It comes before anything of the ends is touched, and is given back last: who stands by
 * holds nothing else, and disturbs nobody. `fail` is called when another worker has taken the state over.
 */
export async function openState(
  options: TaskOptions,
  closers: Closers,
  fail: (error: unknown) => void,
): Promise<TaskState | undefined> {
  const { worker, pipeline, stateStore } = options
  const { plugin, config } = pipeline.source
  await stateStore.check?.()
  if (sourceOf(plugin).create(config).commit !== undefined) return undefined
  const claim = await startTask({
    ...options,
    create: newClaim,
    start: async (made) => {
      made.state = await stateStore.open(`${worker}-${pipeline.name}`)
    },
    retry: ENDLESS,
    health: options.sourceHealth,
  })
  const state = claim.state!
  closers.push(() => state.close())
  state.lost.addEventListener('abort', () => fail(state.lost.reason), { once: true })
  return state
}

interface Claim {
  state: TaskState | undefined
  stop(): Promise<void>
}

function newClaim(): Claim {
  return { state: undefined, stop: () => Promise.resolve() }
}

/** Reads on only while the claim is sure to hold: otherwise somebody else may be reading the same. */
export function readingAs(state: TaskState | undefined, source: SourceTask): Pick<SourceTask, 'poll'> {
  if (state?.confirm === undefined) return source
  const confirm = state.confirm.bind(state)
  return {
    poll: async (limits: PollLimits, signal: AbortSignal): Promise<PollResult> => {
      await confirm()
      return source.poll(limits, signal)
    },
  }
}
