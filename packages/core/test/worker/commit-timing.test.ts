import { describe, expect, it } from '@jest/globals'
import type { Clock, SinkTask, SinkTraits, SourceTask } from '../../src/index.ts'
import { sinkConnector } from '../../src/index.ts'
import { AckTracker } from '../../src/offsets/ack-tracker.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { commitTiming } from '../../src/worker/commit-timing.ts'
import { systemClock } from '../../src/worker/clock.ts'
import { records } from '../support/pipeline.ts'

const noSink = {} as SinkTask
const noSource = {} as SourceTask
const immediate: Clock = { ...systemClock, sleep: () => Promise.resolve() }
const storing = async (): Promise<void> => undefined

function timingOf(
  traits: SinkTraits,
  ends: { source?: SourceTask; sink?: SinkTask; commitIntervalMs?: number; tracker?: AckTracker; clock?: Clock } = {},
) {
  const { source = noSource, sink = noSink, commitIntervalMs, tracker = new AckTracker(), clock = immediate } = ends
  const connector = sinkConnector({
    description: 'a test',
    config: { type: 'object', properties: {} },
    create: () => sink,
    traits: () => traits,
  })
  const plugin = { name: 'test', description: 'a test', sink: connector }
  return commitTiming({ commitIntervalMs, sink: { plugin, config: {} } as never }, { source, sink, tracker, clock })
}

describe('commitTiming', () => {
  it('is what the user says', () => {
    expect(timingOf({}, { commitIntervalMs: 5000 })).toEqual({ intervalMs: 5000 })
  })

  it('spares brokers', () => {
    expect(timingOf({}, { source: { commit: storing } as unknown as SourceTask })).toEqual({ intervalMs: 1000 })
  })

  it('is soon where positions go to the state store', () => {
    expect(timingOf({ idempotent: true })).toEqual({ intervalMs: 100 })
    expect(timingOf({}, { sink: { commit: storing } as unknown as SinkTask })).toEqual({ intervalMs: 100 })
  })

  it('is due after each thousand records where a crash would double them', async () => {
    const tracker = new AckTracker()
    const { intervalMs, due } = timingOf({}, { tracker })
    expect(intervalMs).toBe(100)
    const never = new AbortController().signal
    let isDue = false
    const waiting = due!(never).then(() => (isDue = true))
    tracker.settle(tracker.register(packSourceRecords(records(0, 999), 't')))
    await Promise.resolve()
    expect(isDue).toBe(false)
    tracker.settle(tracker.register(packSourceRecords(records(999, 1000), 't')))
    await waiting
    const over = new AbortController()
    const again = due!(over.signal)
    over.abort()
    await again
  })

  it('waits a moment between two of these', async () => {
    const tracker = new AckTracker()
    const wakes: (() => void)[] = []
    const sleep = async (ms: number): Promise<void> => {
      expect(ms).toBe(5)
      await new Promise<void>((resolve) => wakes.push(resolve))
    }
    const { due } = timingOf({}, { tracker, clock: { ...systemClock, sleep } })
    let isDue = false
    const waiting = due!(new AbortController().signal).then(() => (isDue = true))
    tracker.settle(tracker.register(packSourceRecords(records(0, 5000), 't')))
    await new Promise((resolve) => setImmediate(resolve))
    expect(isDue).toBe(false)
    wakes[0]!()
    await waiting
  })
})
