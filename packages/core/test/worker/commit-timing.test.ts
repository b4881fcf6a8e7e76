import { describe, expect, it } from '@jest/globals'
import type { SinkTask, SinkTraits, SourceTask } from '../../src/index.ts'
import { sinkConnector } from '../../src/index.ts'
import { AckTracker } from '../../src/offsets/ack-tracker.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { commitTiming, keepUp } from '../../src/worker/commit-timing.ts'
import { records } from '../support/pipeline.ts'

const noSink = {} as SinkTask
const noSource = {} as SourceTask
const storing = async (): Promise<void> => undefined

function timingOf(traits: SinkTraits, ends: { source?: SourceTask; sink?: SinkTask; commitIntervalMs?: number } = {}) {
  const { source = noSource, sink = noSink, commitIntervalMs } = ends
  const connector = sinkConnector({
    description: 'a test',
    config: { type: 'object', properties: {} },
    create: () => sink,
    traits: () => traits,
  })
  const plugin = { name: 'test', description: 'a test', sink: connector }
  return commitTiming({ commitIntervalMs, sink: { plugin, config: {} } as never }, { source, sink })
}

describe('commitTiming', () => {
  it('is what the user says', () => {
    expect(timingOf({}, { commitIntervalMs: 5000 })).toEqual({ intervalMs: 5000, promptRecords: undefined })
  })

  it('spares brokers', () => {
    expect(timingOf({}, { source: { commit: storing } as unknown as SourceTask })).toEqual({
      intervalMs: 1000,
      promptRecords: undefined,
    })
  })

  it('is soon where positions go to the state store', () => {
    expect(timingOf({ idempotent: true })).toEqual({ intervalMs: 100, promptRecords: undefined })
    expect(timingOf({}, { sink: { commit: storing } as unknown as SinkTask })).toEqual({
      intervalMs: 100,
      promptRecords: undefined,
    })
  })

  it('is soon where readers wait for the end of a transaction, whoever keeps the positions', () => {
    const source = { commit: storing } as unknown as SourceTask
    const sink = { transactional: true, commit: storing } as unknown as SinkTask
    expect(timingOf({}, { source, sink })).toEqual({ intervalMs: 100, promptRecords: undefined })
  })

  it('is prompt where a crash would double what is not committed', () => {
    expect(timingOf({})).toEqual({ intervalMs: 100, promptRecords: 1000 })
  })
})

describe('keepUp', () => {
  it('commits after each thousand records where a crash would double them', async () => {
    const tracker = new AckTracker()
    let commits = 0
    const now = async (): Promise<void> => void commits++
    const afterBatch = keepUp(tracker, { now, stop: () => undefined }, 1000)
    const settle = async (from: number, to: number): Promise<number> => {
      tracker.settle(tracker.register(packSourceRecords(records(from, to), 't')))
      await afterBatch()
      return commits
    }
    expect(await settle(0, 999)).toBe(0)
    expect(await settle(999, 1000)).toBe(1)
    expect(await settle(1000, 1999)).toBe(1)
    expect(await settle(1999, 7000)).toBe(2)
  })

  it('keeps the next batch waiting', async () => {
    const tracker = new AckTracker()
    const committed: (() => void)[] = []
    const now = (): Promise<void> => new Promise((resolve) => committed.push(resolve))
    const afterBatch = keepUp(tracker, { now, stop: () => undefined }, 1000)
    tracker.settle(tracker.register(packSourceRecords(records(0, 5000), 't')))
    let isNext = false
    const waiting = afterBatch().then(() => (isNext = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(isNext).toBe(false)
    committed[0]!()
    await waiting
  })
})
