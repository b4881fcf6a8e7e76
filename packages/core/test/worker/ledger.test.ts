import { describe, expect, it } from '@jest/globals'
import type { RecordBatch } from '../../src/index.ts'
import { AckTracker } from '../../src/offsets/ack-tracker.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { LedgerBook } from '../../src/worker/ledger.ts'
import { partition, records } from '../support/pipeline.ts'

function accounting() {
  const counted: Record<string, number> = {}
  const count = (name: string, by = 1): void => void (counted[name] = (counted[name] ?? 0) + by)
  const ledger = new LedgerBook({ count, gauge() {}, observe() {} }, 'oceanic')
  let tracker = new AckTracker()
  ledger.begin(tracker)
  const read = (from: number, to: number, number = 0): RecordBatch => {
    const batch = tracker.register(packSourceRecords(records(from, to, number), 't'))
    ledger.read(batch.length)
    return batch
  }
  const commit = (): ReturnType<LedgerBook['passing']>['entries'] => {
    ledger.verify()
    const positions = tracker.committable()
    const { entries, stored } = ledger.passing(positions)
    stored()
    tracker.committed(positions)
    return entries
  }
  /** A new task goes on, from what was stored. */
  const restart = (stored: Parameters<LedgerBook['begin']>[1]): void => {
    ledger.released(tracker.abandon())
    tracker = new AckTracker()
    ledger.begin(tracker, stored)
  }
  return { ledger, read, commit, restart, counted, tracker: () => tracker }
}

const zero = { written: 0, filtered: 0, skipped: 0, retried: 0, parked: 0, deadLettered: 0, dropped: 0, released: 0 }

describe('LedgerBook', () => {
  it('adds up while records are in flight, and when all are done', () => {
    const { ledger, read, tracker, counted } = accounting()
    const batch = read(0, 10)
    ledger.add('filtered', tracker().settle(batch, [0]))
    ledger.add('written', tracker().settle(batch, [1, 2, 3]))
    ledger.verify()
    expect(ledger.snapshot()).toEqual({ ...zero, read: 10, filtered: 1, written: 3, inFlight: 6 })
    ledger.retried(tracker().pending(batch.slice(4, 7)))
    ledger.add('parked', tracker().settle(batch, [4, 5]))
    ledger.add('written', tracker().settle(batch))
    ledger.verify()
    expect(ledger.snapshot()).toMatchObject({ written: 7, parked: 2, retried: 3, inFlight: 0 })
    expect(counted).toMatchObject({ records_parked_total: 2, records_retried_total: 3, records_written_total: 7 })
  })

  it('is violated by a record that is done and became nothing, with its partition and figures', () => {
    const { ledger, read, tracker } = accounting()
    read(0, 3, 1)
    const batch = read(5, 10)
    ledger.add('written', tracker().settle(batch, [0, 1, 2, 3]))
    tracker().settle(batch, [4])
    const told = /ledger of oceanic .* at t\/0 up to 10: 1 record unaccounted for; read 5, written 4, in flight 0$/
    expect(() => ledger.verify()).toThrow(told)
    expect(() => ledger.verify()).toThrow(expect.objectContaining({ code: 'LEDGER_VIOLATED' }))
  })

  it('is violated by a record that became two things', () => {
    const { ledger, read, tracker } = accounting()
    const settled = tracker().settle(read(0, 2), [0])
    ledger.add('written', settled)
    ledger.add('deadLettered', settled)
    expect(() => ledger.verify()).toThrow(/at t\/0 .*1 record accounted for twice; .*written 1, deadLettered 1/)
  })

  it('is violated by a record of one batch that is missing where one of another is counted twice', () => {
    const { ledger, read, tracker } = accounting()
    const [first, second] = [read(0, 1), read(1, 2)]
    const once = tracker().settle(first)
    ledger.add('written', once)
    ledger.add('written', once)
    tracker().settle(second)
    expect(() => ledger.verify()).toThrow(/up to 1: 1 record accounted for twice/)
  })

  it('is violated by records that were taken in and never read, whatever their partition', () => {
    const { ledger, tracker } = accounting()
    tracker().register(packSourceRecords(records(0, 2), 't'))
    expect(() => ledger.verify()).toThrow(/oceanic does not add up: 2 records accounted for twice/)
  })

  it('does not hold a later task responsible', () => {
    const { ledger, read, restart, tracker } = accounting()
    tracker().settle(read(0, 2), [0])
    expect(() => ledger.verify()).toThrow()
    restart([])
    ledger.verify()
    ledger.add('written', tracker().settle(read(0, 2)))
    ledger.verify()
    const { read: all, written, released, inFlight } = ledger.snapshot()
    expect(all - written - released - inFlight).toBe(1)
  })

  it('stores by partition what has passed, and not what is done beyond', () => {
    const { ledger, read, commit, tracker } = accounting()
    const first = read(0, 4)
    const [second, other] = [read(4, 8), read(0, 2, 1)]
    ledger.add('written', tracker().settle(second))
    ledger.add('written', tracker().settle(other))
    ledger.add('written', tracker().settle(first, [0, 1]))
    expect(commit()).toEqual([{ ...partition(1), ...zero, read: 2, written: 2 }])
    ledger.add('dropped', tracker().settle(first, [2]))
    ledger.add('written', tracker().settle(first, [3]))
    read(8, 9)
    expect(commit()).toEqual([{ ...partition(0), ...zero, read: 9, written: 7, dropped: 1 }])
  })

  it('counts a record once that is read again, as it would be after a crash', () => {
    const { ledger, read, commit, restart, tracker } = accounting()
    ledger.add('written', tracker().settle(read(0, 4)))
    const lost = read(4, 8)
    const stored = commit()
    ledger.add('written', tracker().settle(lost, [0, 1, 2]))
    restart(stored)
    ledger.add('written', tracker().settle(read(4, 8)))
    expect(commit()).toEqual([{ ...partition(0), ...zero, read: 12, written: 8, released: 4 }])
  })

  it('knows what is not stored where positions pass elsewhere', () => {
    const { ledger, read, tracker } = accounting()
    ledger.add('written', tracker().settle(read(0, 4)))
    const positions = tracker().committable()
    ledger.passed(positions)
    tracker().committed(positions)
    read(4, 6)
    const { entries, stored } = ledger.unstored()
    expect(entries).toEqual([{ ...partition(0), ...zero, read: 6, written: 4 }])
    stored()
    expect(ledger.unstored().entries).toEqual([])
    ledger.released(tracker().release([partition(0)]))
    expect(ledger.unstored().entries).toEqual([{ ...partition(0), ...zero, read: 6, written: 4, released: 2 }])
    expect(ledger.snapshot()).toMatchObject({ released: 2, inFlight: 0 })
  })

  it('takes parked records of an earlier worker for read: they come from the parking lot', () => {
    const { ledger, read, tracker } = accounting()
    ledger.add('parked', tracker().settle(read(0, 3)))
    ledger.unparked('written', [{ ...partition(0), records: 2 }])
    expect(ledger.snapshot()).toEqual({ ...zero, read: 3, parked: 1, written: 2, inFlight: 0 })
    ledger.unparked('deadLettered', [{ ...partition(0), records: 4 }])
    ledger.verify()
    expect(ledger.snapshot()).toEqual({ ...zero, read: 6, written: 2, deadLettered: 4, inFlight: 0 })
  })
})
