import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { AckTracker } from '../../src/offsets/ack-tracker.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import type { RecordBatch } from '../../src/records/record-batch.ts'
import { partition, records } from '../support/pipeline.ts'

function batchOf(...parts: ReturnType<typeof records>[]): RecordBatch {
  return packSourceRecords(parts.flat(), 't')
}

function offsets(tracker: AckTracker): Record<string, number> {
  return Object.fromEntries(tracker.committable().map((p) => [p.partition, p.position.offset]))
}

/** How many records that made done. */
function settled(tracker: AckTracker, batch: RecordBatch, rows?: readonly number[]): number {
  return tracker.settle(batch, rows).reduce((sum, { records: more }) => sum + more, 0)
}

describe('AckTracker', () => {
  it('lets a position pass only when every earlier batch of the partition is done', () => {
    const tracker = new AckTracker()
    const first = tracker.register(batchOf(records(0, 3)))
    const second = tracker.register(batchOf(records(3, 5)))
    tracker.settle(second)
    expect(offsets(tracker)).toEqual({})
    tracker.settle(first, [0, 2])
    expect(offsets(tracker)).toEqual({})
    tracker.settle(first, [1])
    expect(offsets(tracker)).toEqual({ 0: 5 })
  })

  it('keeps partitions apart, also when their records are interleaved in one batch', () => {
    const tracker = new AckTracker()
    const mixed = tracker.register(batchOf(records(0, 1, 0), records(7, 8, 1), records(1, 2, 0), records(8, 9, 1)))
    tracker.settle(mixed, [1, 3])
    expect(offsets(tracker)).toEqual({ 1: 9 })
    tracker.settle(mixed, [0, 2])
    expect(offsets(tracker)).toEqual({ 0: 2, 1: 9 })
  })

  it('takes the position that the source gives, not offset + 1, and positions without records', () => {
    const tracker = new AckTracker()
    const entry = (number: number, offset: number) => ({ ...partition(number), position: { offset } })
    const batch = tracker.register(batchOf(records(0, 2)).withPositions([entry(0, 40), entry(3, 9)]))
    expect(offsets(tracker)).toEqual({ 3: 9 })
    tracker.settle(batch)
    expect(offsets(tracker)).toEqual({ 0: 40, 3: 9 })
  })

  it('offers nothing twice once it is committed', () => {
    const tracker = new AckTracker()
    tracker.settle(tracker.register(batchOf(records(0, 2))))
    tracker.committed(tracker.committable())
    expect(tracker.committable()).toEqual([])
    expect(tracker.records).toBe(0)
    expect(tracker.bytes).toBe(0)
  })

  it('forgets released partitions: late settlements count for nothing and late rows are dropped', () => {
    const tracker = new AckTracker()
    const batch = tracker.register(batchOf(records(0, 2, 0), records(0, 3, 1)))
    expect(tracker.release([partition(1)]).records).toBe(3)
    expect(tracker.records).toBe(2)
    const owned = tracker.owned(batch)
    expect(Array.from(owned, (r) => r.partition)).toEqual([0, 0])
    expect(settled(tracker, owned)).toBe(2)
    expect(offsets(tracker)).toEqual({ 0: 2 })
    expect(tracker.register(batchOf(records(3, 4, 1))).length).toBe(0)
    tracker.assign([partition(1)])
    expect(tracker.register(batchOf(records(3, 4, 1))).length).toBe(1)
  })

  it('holds the bytes of a batch until all of it is done', () => {
    const tracker = new AckTracker()
    const batch = tracker.register(batchOf(records(0, 10)))
    const { bytes } = tracker
    expect(bytes).toBe(20)
    tracker.settle(batch, [0, 1, 2])
    expect(tracker.bytes).toBe(bytes)
    tracker.settle(batch, [3, 4, 5, 6, 7, 8, 9])
    expect(tracker.bytes).toBe(0)
  })

  it('counts a row once, however often it is said to be done', () => {
    const tracker = new AckTracker()
    const batch = tracker.register(batchOf(records(0, 2)))
    expect([settled(tracker, batch, [0]), settled(tracker, batch, [0, 0])]).toEqual([1, 0])
    expect([offsets(tracker), tracker.records]).toEqual([{}, 1])
    expect([settled(tracker, batch), settled(tracker, batch)]).toEqual([1, 0])
    expect([offsets(tracker), tracker.records]).toEqual([{ 0: 2 }, 0])
  })

  it('takes a split record for done with the last of its pieces, failed ones included', () => {
    const tracker = new AckTracker()
    const polled = tracker.register(batchOf(records(0, 2)))
    const pieces = polled.expand([0, 0, 0, 1], ['a', 'b', 'c', 'd'])
    tracker.split([0, 0, 0, 1].map((row) => polled.origin(row)))
    expect([[3], [1], [0]].map((rows) => settled(tracker, pieces, rows))).toEqual([1, 0, 0])
    expect(offsets(tracker)).toEqual({})
    expect(settled(tracker, pieces, [2])).toBe(1)
    expect(offsets(tracker)).toEqual({ 0: 2 })
  })

  it('says by partition how many records a batch is of: pieces of one count once, given up ones not at all', () => {
    const tracker = new AckTracker()
    const polled = tracker.register(batchOf(records(0, 2, 0), records(0, 2, 1), records(2, 3, 0), records(0, 4, 2)))
    const pieces = polled.expand([0, 0, 0, 1, 2, 4, 5, 6], ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
    tracker.release([partition(2)])
    expect(tracker.pending(pieces).map(({ records: count }) => count)).toEqual([3, 1])
    expect(tracker.pending(pieces).map(({ records: count }) => count)).toEqual([3, 1])
    expect(tracker.pending(pieces.slice(0, 2)).map(({ records: count }) => count)).toEqual([1])
  })

  it('knows how far it was read beyond what is committed, done records included', () => {
    const tracker = new AckTracker()
    const [first, second] = [tracker.register(batchOf(records(0, 3))), tracker.register(batchOf(records(3, 8)))]
    tracker.settle(second, [0, 1])
    expect(tracker.uncommitted(partition(0))).toBe(8)
    tracker.settle(first)
    const positions = tracker.committable()
    expect(tracker.passing(positions)).toMatchObject([{ ...partition(0), records: 3, ended: false }])
    tracker.settle(second)
    expect(tracker.passing(positions)).toMatchObject([{ records: 3 }])
    tracker.committed(positions)
    expect(tracker.uncommitted(partition(0))).toBe(5)
    expect(tracker.release([partition(0)]).partitions).toEqual([{ ...partition(0), records: 0, uncommitted: 5 }])
  })

  it('forgets everything when it is abandoned: what still comes in counts for nothing', () => {
    const tracker = new AckTracker()
    const batch = tracker.register(batchOf(records(0, 2, 0), records(0, 3, 1)))
    tracker.settle(batch, [0])
    expect([tracker.abandon().records, tracker.records]).toEqual([4, 0])
    expect(tracker.owned(batch)).toHaveLength(0)
    expect(settled(tracker, batch)).toBe(0)
    expect(tracker.register(batchOf(records(2, 4)))).toHaveLength(0)
    expect([tracker.release([partition(0), partition(1)]).records, tracker.records]).toEqual([0, 0])
    expect(offsets(tracker)).toEqual({})
  })

  it('keeps a position without records behind a record that is not done', () => {
    const tracker = new AckTracker()
    const batch = tracker.register(batchOf(records(0, 1)))
    for (let offset = 5; offset < 8; offset++) {
      tracker.register(batchOf().withPositions([{ ...partition(0), position: { offset } }]))
      expect(offsets(tracker)).toEqual({})
    }
    tracker.settle(batch)
    expect(offsets(tracker)).toEqual({ 0: 7 })
  })

  it('wakes who waits for a change: at a change, and when the wait is over', async () => {
    const tracker = new AckTracker()
    const batch = tracker.register(batchOf(records(0, 1)))
    const never = new AbortController().signal
    const waiting = tracker.changed(never)
    tracker.settle(batch)
    await waiting
    const over = new AbortController()
    const second = tracker.changed(over.signal)
    over.abort()
    await second
  })

  it('never passes an undone record, in whatever order records are done', () => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 2 })), {
      minLength: 1,
      maxLength: 12,
    })
    fc.assert(
      fc.property(sizes, fc.infiniteStream(fc.nat()), (plan, picks) => {
        const tracker = new AckTracker()
        const next = [0, 0, 0]
        const open: { batch: RecordBatch; row: number; partition: number; offset: number }[] = []
        for (const [size, number] of plan) {
          const batch = tracker.register(batchOf(records(next[number]!, (next[number]! += size), number)))
          for (let row = 0; row < size; row++) open.push({ batch, row, partition: number, offset: batch.offset(row) })
        }
        while (open.length > 0) {
          const [done] = open.splice(picks.next().value! % open.length, 1)
          tracker.settle(done!.batch, [done!.row])
          for (const [number, offset] of Object.entries(offsets(tracker))) {
            const undone = open.filter((o) => o.partition === Number(number)).map((o) => o.offset)
            expect(Math.min(...undone, Infinity)).toBeGreaterThanOrEqual(offset)
          }
        }
        expect(tracker.records).toBe(0)
        for (const [number, offset] of Object.entries(offsets(tracker))) expect(offset).toBe(next[Number(number)])
      }),
    )
  })

  it('knows what has passed, and forgets a partition that has ended once that has passed', () => {
    const tracker = new AckTracker()
    const ended = { ...partition(1), position: { offset: 9, ended: true as const } }
    tracker.settle(tracker.register(batchOf(records(0, 2), records(7, 9, 1)).withPositions([ended])))
    expect(tracker.passed()).toEqual([])
    tracker.committed(tracker.committable())
    expect(tracker.passed()).toEqual([{ ...partition(0), position: { offset: 2 } }])
    expect(tracker.readPosition(partition(1))).toBeUndefined()
  })
})
