import { describe, expect, it } from '@jest/globals'
import type { Positions } from '../../src/index.ts'
import type { SinkTask } from '../../src/api/sink-task.ts'
import { AckTracker } from '../../src/offsets/ack-tracker.ts'
import { OffsetCommitter } from '../../src/offsets/offset-committer.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { partition, records } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function committing(
  sink: Partial<SinkTask>,
  onStore: () => Promise<void> = async () => undefined,
  verify: () => void = () => undefined,
) {
  const tracker = new AckTracker()
  const stored: Record<number, number>[] = []
  const store = async (positions: Positions): Promise<void> => {
    await onStore()
    stored.push(Object.fromEntries(positions.map((p) => [p.partition, p.position.offset])))
  }
  const { signal } = new AbortController()
  const committer = new OffsetCommitter({ tracker, sink: sink as SinkTask, store, verify, signal })
  const done = (from: number, to: number, number = 0): void => {
    tracker.settle(tracker.register(packSourceRecords(records(from, to, number), 't')))
  }
  return { tracker, stored, committer, done }
}

describe('OffsetCommitter', () => {
  it('passes only what was done before the sink made it durable', async () => {
    const setting = committing({ flush: async () => setting.done(2, 5) })
    setting.done(0, 2)
    await setting.committer.commit()
    expect(setting.stored).toEqual([{ 0: 2 }])
  })

  it('passes nothing while records are not accounted for', async () => {
    const steps: string[] = []
    const verify = (): void => {
      throw new Error('one record is unaccounted for')
    }
    const { committer, done, stored } = committing({ flush: async () => void steps.push('flush') }, undefined, verify)
    done(0, 2)
    await expect(committer.commit()).rejects.toThrow('one record is unaccounted for')
    expect([steps, stored]).toEqual([[], []])
  })

  it('commits one after another, each what is new', async () => {
    const clock = new VirtualClock()
    const { committer, done, stored } = committing({}, () => clock.sleep(10))
    done(0, 2)
    const first = committer.commit()
    const second = committer.commit()
    await clock.runUntil(Promise.all([first, second]))
    expect(stored).toEqual([{ 0: 2 }])
  })

  it('tries again after a failure, with everything that did not pass', async () => {
    let failures = 1
    const { committer, done, stored } = committing({}, async () => {
      if (failures-- > 0) throw new Error('no')
    })
    done(0, 2)
    await expect(committer.commit()).rejects.toThrow('no')
    done(2, 3)
    await committer.commit()
    expect(stored).toEqual([{ 0: 3 }])
  })

  it('does not store positions of partitions that were lost while the sink flushed', async () => {
    const setting = committing({
      flush: async () => {
        setting.tracker.release([partition(1)])
      },
    })
    setting.done(0, 2, 0)
    setting.done(0, 3, 1)
    await setting.committer.commit()
    expect(setting.stored).toEqual([{ 0: 2 }])
    setting.tracker.assign([partition(1)])
    setting.done(0, 1, 1)
    await setting.committer.commit()
    expect(setting.stored[1]).toBeUndefined()
  })

  it('tells the sink what has passed before, and not what could not be stored', async () => {
    const told: Positions[] = []
    let failures = 0
    const sink: Partial<SinkTask> = { commit: async (_, stored) => void told.push(stored) }
    const { committer, done } = committing(sink, async () => {
      if (failures-- > 0) throw new Error('no')
    })
    done(0, 2)
    await committer.commit()
    failures = 1
    done(2, 4)
    await expect(committer.commit()).rejects.toThrow('no')
    done(4, 6)
    await committer.commit()
    const two = [{ ...partition(0), position: { offset: 2 } }]
    expect(told).toEqual([[], two, two])
  })
})
