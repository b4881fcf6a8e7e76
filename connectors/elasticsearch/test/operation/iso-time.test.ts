import { expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { isoTime, isoTimes } from '../../src/operation/iso-time.ts'

it('writes every time as a date would, one after the other', () => {
  const near = fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 2999 })).map(([day, ms]) => 1.7e12 + day * 86_400_000 + ms)
  const time = fc.oneof(
    near,
    fc.maxSafeNat().map((ms) => ms % 8.64e15),
    fc.double({ min: 0, max: 4e12, noNaN: true }),
  )
  fc.assert(
    fc.property(fc.array(time), (times) => {
      const next = isoTimes()
      expect(times.map((ms) => next(ms))).toEqual(times.map((ms) => new Date(ms).toISOString()))
      expect(times.map((ms) => isoTime(ms))).toEqual(times.map((ms) => new Date(ms).toISOString()))
    }),
  )
})

it('refuses what no calendar has, and goes on', () => {
  const next = isoTimes()
  for (const ms of [8.64e15 + 1000, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => next(ms)).toThrow('is beyond every calendar, and no time')
    expect(() => isoTime(ms)).toThrow('is beyond every calendar, and no time')
    expect(next(0)).toBe('1970-01-01T00:00:00.000Z')
  }
  expect(next(8.64e15)).toBe('+275760-09-13T00:00:00.000Z')
})
