import { describe, expect, it } from '@jest/globals'
import type { Partition } from '../../src/index.ts'
import type { PassingRecords } from '../../src/offsets/partition-track.ts'
import { type Tally, emptyTally, settledIn } from '../../src/offsets/tally.ts'
import { mergeLedger, type LedgerEntry } from '../../src/state/ledger-entry.ts'
import { PartitionLedger } from '../../src/worker/partition-ledger.ts'
import { partition } from '../support/pipeline.ts'

const none = (): number => 0

function passing(where: Partition, tally: Partial<Tally>, ended = false): PassingRecords {
  const full = { ...emptyTally(), ...tally }
  return { ...where, records: settledIn(full), tally: full, ended }
}

/** The entries that count anything, by partition, without what is 0. */
function shown(entries: readonly LedgerEntry[]): Record<string, object> {
  return Object.fromEntries(
    entries.map(({ stream, partition: number, ...counts }) => {
      return [`${stream}/${number}`, Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0))]
    }),
  )
}

/** Stores what passes, with so many records in flight behind it in each partition. */
function stored(ledger: PartitionLedger, records: readonly PassingRecords[], inFlight = 0) {
  const change = ledger.change(records, ({ partition: number }) => {
    return inFlight + (records.find((record) => record.partition === number)?.records ?? 0)
  })
  change.stored()
  return shown(change.entries)
}

describe('PartitionLedger', () => {
  it('adds up what passes, partition by partition, with what is in flight behind it', () => {
    const ledger = new PartitionLedger()
    expect(stored(ledger, [passing(partition(0), { written: 3, filtered: 1, retried: 2 })], 5)).toEqual({
      't/0': { read: 9, written: 3, filtered: 1, retried: 2 },
    })
    expect(stored(ledger, [passing(partition(0), { written: 2 }), passing(partition(1), { dropped: 1 })])).toEqual({
      't/0': { read: 6, written: 5, filtered: 1, retried: 2 },
      't/1': { read: 1, dropped: 1 },
    })
  })

  it('counts nothing of a change that could not be stored, and all of it with the next one', () => {
    const ledger = new PartitionLedger()
    ledger.change([passing(partition(0), { written: 3 })], () => 3)
    const again = ledger.change([passing(partition(0), { written: 4 })], () => 4)
    expect(shown(again.entries)).toEqual({ 't/0': { read: 4, written: 4 } })
  })

  it('takes what was in flight when it was stored for released: it is read again', () => {
    const ledger = new PartitionLedger()
    const entry = { ...partition(0), ...emptyTally(), read: 10, written: 6, released: 1 }
    ledger.restore([entry])
    expect(stored(ledger, [passing(partition(0), { written: 3 })])).toEqual({
      't/0': { read: 13, written: 9, released: 4 },
    })
  })

  it('counts records as released that were given up, done ones that had not passed included', () => {
    const ledger = new PartitionLedger()
    ledger.passed([passing(partition(0), { written: 3 })])
    ledger.released({ records: 1, partitions: [{ ...partition(0), records: 1, uncommitted: 5 }] })
    expect(stored(ledger, [])).toEqual({ 't/0': { read: 8, written: 3, released: 5 } })
    expect(stored(ledger, [])).toEqual({})
  })

  it('stores again what has changed while it was being stored', () => {
    const ledger = new PartitionLedger()
    ledger.passed([passing(partition(0), { written: 3 })])
    const change = ledger.change([], none)
    ledger.passed([passing(partition(0), { written: 2 })])
    change.stored()
    expect(stored(ledger, [])).toEqual({ 't/0': { read: 5, written: 5 } })
  })

  it('sums up partitions that have ended in one entry and takes theirs away', () => {
    const ledger = new PartitionLedger()
    let store: readonly LedgerEntry[] = []
    const save = (records: readonly PassingRecords[]): void => {
      const change = ledger.change(records, ({ stream }) => (stream === '' ? 0 : records[0]!.records))
      store = mergeLedger(store, change.entries)
      change.stored()
    }
    for (let file = 0; file < 50; file++) {
      save([passing(partition(file), { written: 2 })])
      save([passing(partition(file), { written: 1, filtered: 1 }, true)])
    }
    save([passing(partition(99), { skipped: 4 }, true)])
    expect(shown(store)).toEqual({ '/0': { read: 204, written: 150, filtered: 50, skipped: 4 } })
  })

  it('moves parked records to what they have become, also before they have passed as parked', () => {
    const ledger = new PartitionLedger()
    ledger.passed([passing(partition(0), { written: 1, parked: 3 })])
    ledger.unparked('written', [{ ...partition(0), records: 2 }])
    expect(stored(ledger, [])).toEqual({ 't/0': { read: 4, written: 3, parked: 1 } })
    ledger.unparked('deadLettered', [{ ...partition(0), records: 2 }])
    expect(stored(ledger, [])).toEqual({ 't/0': { read: 4, written: 2, deadLettered: 2 } })
    ledger.passed([passing(partition(0), { parked: 1 })])
    expect(stored(ledger, [])).toEqual({ 't/0': { read: 5, written: 3, deadLettered: 2 } })
  })
})
