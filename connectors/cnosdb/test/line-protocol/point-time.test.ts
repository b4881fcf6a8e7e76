import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { TimeWriter, joinTime, millisecondDigits, nanosecondOf } from '../../src/line-protocol/point-time.ts'

describe('a time', () => {
  const millisecond = fc.oneof(
    fc.nat({ max: 9_223_372_036_853 }),
    fc.constantFrom(0, 1, 999_999_999_999, 1e12, 1e12 + 1, 1_690_510_331_005, 1_999_999_999_999, 9_223_372_036_853),
  )

  it('has the same digits as bytes and as text', () => {
    const writer = new TimeWriter()
    const to = Buffer.alloc(40)
    fc.assert(
      fc.property(millisecond, fc.nat({ max: 999_999 }), (ms, nanosecond) => {
        for (let again = 0; again < 2; again++) {
          const end = writer.write(ms, nanosecond, to, 3)
          expect(to.toString('latin1', 3, end)).toBe(joinTime(millisecondDigits(ms), nanosecond))
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('has the remainder of the offset, exactly', () => {
    const near = fc.tuple(fc.nat({ max: 9_007_199_254 }), fc.integer({ min: -2, max: 2 }))
    const offset = fc.oneof(
      fc.maxSafeNat(),
      near.map(([millions, by]) => Math.max(0, Math.min(millions * 1_000_000 + by, Number.MAX_SAFE_INTEGER))),
      fc.constantFrom(0, 999_999, 1_000_000, 2 ** 43 - 1, 2 ** 43, 2 ** 53 - 1),
    )
    fc.assert(
      fc.property(offset, (found) => {
        expect(nanosecondOf(found, 0, 'partition-tag')).toBe(found % 1_000_000)
      }),
      { numRuns: 5000 },
    )
  })
})
