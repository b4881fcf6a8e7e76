import { describe, expect, it } from '@jest/globals'
import { watchEventLoop } from '../../src/telemetry/event-loop-watch.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { systemClock } from '../../src/worker/clock.ts'
import { recordingLogger } from '../support/pipeline.ts'

describe('watchEventLoop', () => {
  it('reports how long the loop was held, also when it is told to end', async () => {
    const metrics = createMetrics()
    const logger = recordingLogger()
    const ended = new AbortController()
    const watching = watchEventLoop({ metrics, logger, clock: systemClock, signal: ended.signal })
    await new Promise((resolve) => setTimeout(resolve, 30))
    const until = performance.now() + 60
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 30))
    ended.abort()
    await watching
    expect(metrics.value('event_loop_delay_seconds')).toBeGreaterThan(0.03)
    expect(metrics.samples()).toHaveLength(1)
  })
})
