import { expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { writeDigits } from '../../src/operation/digits.ts'

function digits(value: number): string {
  const to = Buffer.alloc(20, 'x')
  return to.toString('latin1', 2, writeDigits(value, to, 2))
}

it('writes every whole number that a double holds exactly', () => {
  const near = fc
    .tuple(fc.nat({ max: 9_007_199 }), fc.integer({ min: -2, max: 2 }))
    .map(([billions, by]) => Math.min(Math.max(0, billions * 1e9 + by), Number.MAX_SAFE_INTEGER))
  const edges = fc.constantFrom(0, 9, 10, 999_999_999, 1e9, 1e9 + 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER)
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeNat(), fc.nat(), near, edges), (value) => {
      expect(digits(value)).toBe(String(value))
    }),
    { numRuns: 5000 },
  )
})
