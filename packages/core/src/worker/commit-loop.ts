import { isRetriable } from '../api/errors.ts'
import type { Clock } from '../api/task-context.ts'
import type { OffsetCommitter } from '../offsets/offset-committer.ts'
import type { PipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import type { Health } from './health.ts'
import { within } from './within.ts'

export interface CommitLoopOptions {
  readonly intervalMs: number
  /** Resolves when so much is done that a commit must not wait for the interval, or when the signal aborts. */
  readonly due?: (over: AbortSignal) => Promise<void>
  readonly clock: Clock
  readonly commitHealth: Health
  readonly metrics: PipelineMetrics
  /** Called with an error that must fail the task; one that may pass is said and tried again at the next interval. */
  readonly fail: (error: unknown) => void
}

/** Commits at intervals, and sooner where it is due, until it is stopped. */
export function commitRegularly(committer: OffsetCommitter, options: CommitLoopOptions): { stop(): void } {
  const { intervalMs, due, clock, commitHealth, metrics, fail } = options
  const stopped = new AbortController()
  let failed = false
  const pause = async (): Promise<void> => {
    if (due === undefined || failed) await clock.sleep(intervalMs, stopped.signal)
    else await within(due, intervalMs, clock, stopped.signal)
    stopped.signal.throwIfAborted()
  }
  const loop = async (): Promise<void> => {
    for (;;) {
      await pause()
      const began = clock.monotonic()
      try {
        await committer.commit()
        failed = false
        commitHealth.succeeded()
        metrics.observe('offset_commit_seconds', (clock.monotonic() - began) / 1000)
      } catch (error) {
        metrics.count('offset_commit_failures_total')
        if (!isRetriable(error)) return fail(error)
        failed = true
        commitHealth.failed(error)
      }
    }
  }
  loop().catch((error: unknown) => {
    // It ends by the abort of its pause.
    if (!stopped.signal.aborted) fail(error)
  })
  return { stop: () => stopped.abort() }
}
