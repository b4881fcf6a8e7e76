import { isRetriable } from '../api/errors.ts'
import type { Clock } from '../api/task-context.ts'
import type { OffsetCommitter } from '../offsets/offset-committer.ts'
import type { PipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import type { Health } from './health.ts'

export interface CommitLoopOptions {
  readonly intervalMs: number
  readonly clock: Clock
  readonly commitHealth: Health
  readonly metrics: PipelineMetrics
  /** Called with an error that must fail the task; one that may pass is said and tried again at the next interval. */
  readonly fail: (error: unknown) => void
}

/** Commits at intervals until it is stopped. */
export function commitRegularly(committer: OffsetCommitter, options: CommitLoopOptions): { stop(): void } {
  const { intervalMs, clock, commitHealth, metrics, fail } = options
  const stopped = new AbortController()
  const loop = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(intervalMs, stopped.signal)
      const began = clock.monotonic()
      try {
        await committer.commit()
        commitHealth.succeeded()
        metrics.observe('offset_commit_seconds', (clock.monotonic() - began) / 1000)
      } catch (error) {
        metrics.count('offset_commit_failures_total')
        if (!isRetriable(error)) return fail(error)
        commitHealth.failed(error)
      }
    }
  }
  // The loop ends by the abort of its sleep.
  loop().catch(() => undefined)
  return { stop: () => stopped.abort() }
}
