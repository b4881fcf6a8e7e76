import { isRetriable } from '../api/errors.ts'
import type { Clock } from '../api/task-context.ts'
import type { OffsetCommitter } from '../offsets/offset-committer.ts'
import type { Health } from './health.ts'

export interface CommitLoopOptions {
  readonly intervalMs: number
  readonly clock: Clock
  readonly commitHealth: Health
  /** Called with an error that must fail the task; one that may pass is said and tried again at the next interval. */
  readonly fail: (error: unknown) => void
}

/** Commits at intervals until it is stopped. */
export function commitRegularly(committer: OffsetCommitter, options: CommitLoopOptions): { stop(): void } {
  const { intervalMs, clock, commitHealth, fail } = options
  const stopped = new AbortController()
  const loop = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(intervalMs, stopped.signal)
      try {
        await committer.commit()
        commitHealth.succeeded()
      } catch (error) {
        if (!isRetriable(error)) return fail(error)
        commitHealth.failed(error)
      }
    }
  }
  // The loop ends by the abort of its sleep.
  loop().catch(() => undefined)
  return { stop: () => stopped.abort() }
}
