import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Clock, Logger } from '../api/task-context.ts'
import type { Metrics } from './metrics.ts'

/** How often the event loop is looked at, in milliseconds: a delay is what comes on top of this. */
const RESOLUTION_MS = 10
/** How often what was seen is reported, in milliseconds. */
const REPORT_MS = 10_000

export interface EventLoopWatchParts {
  readonly metrics: Metrics
  readonly logger: Logger
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Reports how long the event loop is held, for as long as the signal lets it, and once more then. */
export async function watchEventLoop({ metrics, logger, clock, signal }: EventLoopWatchParts): Promise<void> {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  const report = (): void => {
    const p99Ms = beyondResolution(delays.percentile(99))
    metrics.gauge('event_loop_delay_seconds', p99Ms / 1000, {})
    logger.debug({ p99Ms, maxMs: beyondResolution(delays.max) }, 'event loop delay')
    delays.reset()
  }
  while (!signal.aborted) {
    await clock.sleep(REPORT_MS, signal).catch(() => undefined)
    if (delays.count > 0) report()
  }
  delays.disable()
}

function beyondResolution(nanoseconds: number): number {
  return Math.max(0, Math.round(nanoseconds / 1e5) / 10 - RESOLUTION_MS)
}
