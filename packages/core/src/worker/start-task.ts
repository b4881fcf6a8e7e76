import { ConnectError, isRetriable } from '../api/errors.ts'
import type { Clock } from '../api/task-context.ts'
import { askedMs, backoffMs, mayRetry } from '../delivery/backoff.ts'
import type { RetryConfig } from '../config/pipeline-config.ts'
import type { Health } from './health.ts'
import { describe } from './health.ts'
import { unlessStuck } from './within.ts'

export interface StartOptions<Task> {
  readonly create: () => Task
  readonly start: (task: Task) => Promise<void>
  readonly retry: Pick<RetryConfig, 'maxAttempts' | 'maxElapsedMs'>
  readonly health: Health
  readonly clock: Clock
  readonly random: () => number
  readonly stopping: AbortSignal
  readonly signal: AbortSignal
}

const PAUSE = { initialDelayMs: 500, maxDelayMs: 15_000 }

/**
 * Starts a task, and a new one after each failure that may pass, for as long as the config allows. A task that
 * failed to start is stopped. Rejects with `STOPPED` when a stop comes first.
 */
export async function startTask<Task extends { stop(): Promise<void> }>(options: StartOptions<Task>): Promise<Task> {
  const { create, start, retry, health, clock, random, stopping, signal } = options
  const since = clock.monotonic()
  for (let attempt = 1; ; attempt++) {
    const task = create()
    try {
      await unlessStuck(start(task), clock, signal)
      health.succeeded()
      return task
    } catch (error) {
      // What the stop of a half-started task says adds nothing to why it did not start.
      await unlessStuck(task.stop(), clock, signal).catch(() => undefined)
      if (stopping.aborted) throw new ConnectError('STOPPED', 'stopped before it had started', { cause: error })
      if (!isRetriable(error) || !mayRetry(retry, attempt, clock.monotonic() - since)) throw error
      health.failed(error)
      await clock.sleep(askedMs(error) + backoffMs(PAUSE, attempt, random), stopping).catch(() => undefined)
      if (stopping.aborted) throw new ConnectError('STOPPED', `stopped while waiting: ${describe(error)}`)
    }
  }
}
