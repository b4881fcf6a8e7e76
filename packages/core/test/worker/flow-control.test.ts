import { describe, expect, it } from '@jest/globals'
import type { FlowLimits } from '../../src/config/pipeline-config.ts'
import { AckTracker } from '../../src/offsets/ack-tracker.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { FlowControl } from '../../src/worker/flow-control.ts'
import { records } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function flowOf(limits: FlowLimits, poll: FlowLimits = { maxRecords: 1000, maxBytes: 1 << 20 }) {
  const tracker = new AckTracker()
  const clock = new VirtualClock()
  return { tracker, clock, flow: new FlowControl(limits, poll, { tracker, clock }) }
}

describe('FlowControl', () => {
  it('lets a poll ask for what there is room for, and for no more than about one batch', () => {
    const { flow, tracker } = flowOf({ maxRecords: 10, maxBytes: 100 }, { maxRecords: 6, maxBytes: 1000 })
    expect(flow.pollLimits()).toMatchObject({ maxRecords: 6, maxBytes: 100 })
    const batch = tracker.register(packSourceRecords(records(0, 7), 't'))
    expect(flow.pollLimits()).toMatchObject({ maxRecords: 3, maxBytes: 86 })
    tracker.settle(batch)
    expect(flow.pollLimits()).toMatchObject({ maxRecords: 6, maxBytes: 100 })
  })

  it('takes room for less than half a poll for none while something is in flight', () => {
    const { flow, tracker } = flowOf({ maxRecords: 10, maxBytes: 1000 }, { maxRecords: 6, maxBytes: 100 })
    tracker.register(packSourceRecords(records(0, 7), 't'))
    const late = tracker.register(packSourceRecords(records(7, 8), 't'))
    expect(flow.pollLimits()).toMatchObject({ maxRecords: 0 })
    tracker.settle(late)
    expect(flow.pollLimits()).toMatchObject({ maxRecords: 3 })
    const narrow = flowOf({ maxRecords: 100, maxBytes: 100 }, { maxRecords: 6, maxBytes: 1000 })
    narrow.tracker.register(packSourceRecords(records(0, 26), 't'))
    expect(narrow.flow.pollLimits()).toMatchObject({ maxRecords: 0 })
  })

  it('asks for nothing when records or bytes are used up', () => {
    for (const limits of [
      { maxRecords: 7, maxBytes: 100 },
      { maxRecords: 10, maxBytes: 14 },
    ]) {
      const { flow, tracker } = flowOf(limits)
      tracker.register(packSourceRecords(records(0, 7), 't'))
      expect(flow.pollLimits()).toMatchObject({ maxRecords: 0, maxBytes: 0 })
    }
  })

  it('lets a poll ask for no more bytes than a batch has, or than were prepared in 8 ms of late', () => {
    const { flow } = flowOf({ maxRecords: 1e6, maxBytes: 1e9 }, { maxRecords: 5000, maxBytes: 4 << 20 })
    const maxBytes = (): number => flow.pollLimits().maxBytes
    expect(maxBytes()).toBe(512 << 10)
    flow.prepared(512 << 10, 1)
    expect(maxBytes()).toBe(1 << 20)
    flow.prepared(1 << 10, 1)
    expect(maxBytes()).toBe(1 << 20)
    for (let i = 0; i < 9; i++) flow.prepared(maxBytes(), 0)
    expect(maxBytes()).toBe(4 << 20)
    flow.prepared(4 << 20, 80)
    expect(maxBytes()).toBe(Math.floor((4 << 20) / 10))
    flow.prepared(1, 1e9)
    expect(maxBytes()).toBe(16 << 10)
  })

  it('waits for room until something was done, or for a while', async () => {
    const { flow, tracker, clock } = flowOf({ maxRecords: 1, maxBytes: 100 })
    const batch = tracker.register(packSourceRecords(records(0, 1), 't'))
    const room = flow.room()
    tracker.settle(batch)
    await room
    expect([clock.monotonic(), clock.sleeping]).toEqual([0, 0])
    await clock.runUntil(flow.room())
    expect(clock.monotonic()).toBe(100)
  })
})
