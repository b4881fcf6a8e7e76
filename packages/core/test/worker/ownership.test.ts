import { describe, expect, it } from '@jest/globals'
import type { SinkTask } from '../../src/api/sink-task.ts'
import { AckTracker } from '../../src/offsets/ack-tracker.ts'
import type { OffsetCommitter } from '../../src/offsets/offset-committer.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { LedgerBook } from '../../src/worker/ledger.ts'
import { Ownership } from '../../src/worker/ownership.ts'
import { partition, recordingLogger, records } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const metrics = { count() {}, gauge() {}, observe() {} }

interface Setting {
  readonly commit?: () => Promise<void>
  readonly stuck?: () => boolean
  readonly abort?: (error: Error) => void
}

function owning(setting: Setting = {}) {
  const tracker = new AckTracker()
  const clock = new VirtualClock()
  const ledger = new LedgerBook(metrics, 'p')
  const logger = recordingLogger()
  const steps: string[] = []
  const commit = setting.commit ?? (async () => void steps.push('commit'))
  const ownership = new Ownership({
    tracker,
    committer: { commit } as unknown as OffsetCommitter,
    sink: { recover: async () => [{ ...partition(0), position: { offset: 7 } }] } as unknown as SinkTask,
    ledger,
    metrics,
    logger,
    clock,
    flush: () => void steps.push('flush'),
    stuck: setting.stuck ?? (() => false),
    abort: setting.abort,
  })
  const batch = tracker.register(packSourceRecords([...records(0, 2, 0), ...records(0, 3, 1)], 't'))
  ledger.begin(tracker)
  ledger.read(batch.length)
  return { ownership, tracker, clock, ledger, logger, steps, batch }
}

describe('Ownership', () => {
  it('knows what is owned, once the source says, and what the sink holds of it', async () => {
    const { ownership } = owning()
    expect(ownership.partitions).toBeUndefined()
    const positions = await ownership.assigned([partition(0), partition(1)], [])
    expect(positions).toEqual([{ ...partition(0), position: { offset: 7 } }])
    ownership.lost([partition(1)])
    expect(ownership.partitions).toEqual([partition(0)])
  })

  it('sends what waits, finishes it and commits before partitions are given up', async () => {
    const { ownership, tracker, clock, ledger, steps, batch } = owning()
    const revoked = ownership.revoking([partition(0)])
    expect(steps).toEqual(['flush'])
    tracker.settle(batch, [0, 1])
    await clock.runUntil(revoked)
    expect(steps).toEqual(['flush', 'commit'])
    expect(ledger.snapshot()).toMatchObject({ released: 0 })
    expect(clock.sleeping).toBe(0)
  })

  it('holds a rebalance up for 10 s at most, and forgets what is not done then', async () => {
    const { ownership, clock, ledger } = owning()
    await clock.runUntil(ownership.revoking([partition(1)]))
    expect(clock.monotonic()).toBe(10_000)
    expect(ledger.snapshot()).toMatchObject({ released: 3 })
  })

  it('does not wait while the sink fails, nor for a commit that hangs', async () => {
    const { ownership, clock } = owning({ stuck: () => true, commit: () => new Promise(() => undefined) })
    await clock.runUntil(ownership.revoking([partition(1)]))
    expect(clock.monotonic()).toBe(10_000)
  })

  it('gives partitions up though they can not be committed, and says so', async () => {
    const { ownership, clock, logger } = owning({ stuck: () => true, commit: () => Promise.reject(new Error('no')) })
    await clock.runUntil(ownership.revoking([partition(1)]))
    expect(logger.lines[0]).toMatchObject({ level: 'warn', message: expect.stringContaining('not committed: no') })
    expect(ownership.partitions).toBeUndefined()
  })

  it('drops what still comes of partitions that were given up, until they come back', async () => {
    const { ownership, tracker } = owning()
    const late = packSourceRecords(records(2, 3, 0), 't')
    ownership.lost([partition(0)])
    expect(tracker.register(late)).toHaveLength(0)
    await ownership.assigned([partition(0)], [])
    expect(tracker.register(late)).toHaveLength(1)
  })

  it('forgets lost partitions at once, without a commit', () => {
    const { ownership, ledger, steps, tracker } = owning()
    ownership.lost([partition(0)])
    expect([ledger.snapshot().released, tracker.records, steps]).toEqual([2, 3, []])
  })
})
