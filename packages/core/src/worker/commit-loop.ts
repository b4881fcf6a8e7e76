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

export interface CommitLoop {
  /** Commits once more, now; resolves when that was tried. Does nothing while commits fail: the interval tries again. */
  now(): Promise<void>
  stop(): void
}

/** Commits at intervals until it is stopped. */
export function commitRegularly(committer: OffsetCommitter, options: CommitLoopOptions): CommitLoop {
  const { intervalMs, clock, commitHealth, metrics, fail } = options
  const stopped = new AbortController()
  let failing = false
  const attempt = async (): Promise<void> => {
    const began = clock.monotonic()
    try {
      await commitHealth.watched(committer.commit())
      failing = false
      commitHealth.succeeded()
      metrics.observe('offset_commit_seconds', (clock.monotonic() - began) / 1000)
    } catch (error) {
      failing = true
      metrics.count('offset_commit_failures_total')
      if (isRetriable(error)) return commitHealth.failed(error)
      stopped.abort()
      fail(error)
    }
  }
  const loop = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await clock.sleep(intervalMs, stopped.signal)
      await attempt()
    }
  }
  // The loop ends by the abort of its sleep.
  loop().catch(() => undefined)
  return { now: () => (failing ? Promise.resolve() : attempt()), stop: () => stopped.abort() }
}
