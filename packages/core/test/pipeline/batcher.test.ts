import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { type BatchLimits, Batcher } from '../../src/pipeline/batcher.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { nameOf, records } from '../support/pipeline.ts'

function cut(limits: Partial<BatchLimits>, sizes: readonly number[]): string[][] {
  const emitted: string[][] = []
  const batcher = new Batcher({ maxRecords: 10, maxBytes: 1 << 20, lingerMs: 0, ...limits }, (batch) => {
    emitted.push(Array.from(batch, nameOf))
  })
  let from = 0
  for (const size of sizes) batcher.add(packSourceRecords(records(from, (from += size)), 't'))
  batcher.flush()
  return emitted
}

describe('Batcher', () => {
  it('puts small batches together and cuts large ones', () => {
    expect(cut({}, [3, 3, 3]).map((batch) => batch.length)).toEqual([9])
    expect(cut({}, [25]).map((batch) => batch.length)).toEqual([10, 10, 5])
  })

  it('sends half a batch or more as it is instead of copying it into the next', () => {
    expect(cut({}, [8, 8]).map((batch) => batch.length)).toEqual([8, 8])
    expect(cut({}, [2, 9]).map((batch) => batch.length)).toEqual([10, 1])
  })

  it('keeps to the bytes, and sends a record that is larger alone', () => {
    expect(cut({ maxBytes: 6 }, [7]).map((batch) => batch.length)).toEqual([3, 3, 1])
    expect(cut({ maxBytes: 1 }, [3]).map((batch) => batch.length)).toEqual([1, 1, 1])
  })

  it('loses, doubles and reorders nothing, whatever comes', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 12 })
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 40 }),
        (plan, maxRecords, maxBytes) => {
          const total = plan.reduce((sum, size) => sum + size, 0)
          const batches = cut({ maxRecords, maxBytes }, plan)
          expect(batches.flat()).toEqual(records(0, total).map((record) => `t/0/${record.offset}=v${record.offset}`))
          for (const batch of batches) expect(batch.length).toBeLessThanOrEqual(maxRecords)
        },
      ),
    )
  })
})
