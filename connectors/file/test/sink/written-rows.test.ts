import { describe, expect, it } from '@jest/globals'
import { packRecords } from '@connect-run/core'
import * as fc from 'fast-check'
import { WrittenRows, partitionKey } from '../../src/sink/written-rows.ts'

interface Row {
  readonly partition: number
  readonly offset: number
  /** Bytes of its line; none where it has no line. */
  readonly bytes: number
}

interface Line extends Row {
  readonly end: number
}

/** Up to where the lines behind `from` have passed, found row by row. */
function passedTo(lines: readonly Line[], from: number, next: readonly number[]): number | undefined {
  const isLeft = ({ partition, offset }: Line): boolean => offset >= next[partition]!
  const left = lines.findIndex(isLeft)
  if (left < 0) return lines.at(-1)?.end ?? from
  if (lines.slice(left).some((line) => !isLeft(line))) return undefined
  return left === 0 ? from : lines[left - 1]!.end
}

const offset = fc.nat(12)
const row = fc.record({ partition: fc.nat(2), offset, bytes: fc.nat(3) })
const batches = fc.array(fc.array(fc.tuple(row, fc.boolean()), { maxLength: 12 }), { maxLength: 5 })
const steps = fc.array(fc.record({ next: fc.tuple(offset, offset, offset), forgets: fc.boolean() }), { maxLength: 4 })

describe('rows that are written', () => {
  it('pass up to the same place as when each is looked at by itself, in whatever order they come', () => {
    fc.assert(
      fc.property(batches, steps, (written, asked) => {
        const rows = new WrittenRows()
        let lines: Line[] = []
        let length = 100
        for (const batch of written) {
          const records = batch.map(([one]) => ({ ...one, stream: 't', timestamp: -1, key: null, value: null }))
          const kept = batch.flatMap(([one, isKept]) => (isKept ? [one] : []))
          let end = 0
          const ends = kept.map(({ bytes }) => (end += bytes))
          const picked = batch.flatMap(([, isKept], i) => (isKept ? [i] : []))
          const all = packRecords(records)
          rows.add(picked.length === batch.length ? all : all.select(picked), length, Int32Array.from(ends))
          kept.forEach((one, i) => lines.push({ ...one, end: length + ends[i]! }))
          length += end
        }
        let from = 100
        for (const { next, forgets } of asked) {
          const until = new Map(next.map((at, partition) => [partitionKey({ stream: 't', partition }), at]))
          const passed = rows.passedTo(from, (key) => until.get(key)!)
          expect(passed).toBe(passedTo(lines, from, next))
          if (!forgets || passed === undefined) continue
          rows.forget(passed)
          lines = lines.filter(({ end }) => end > passed)
          from = passed
        }
      }),
      { numRuns: 1000 },
    )
  })
})
