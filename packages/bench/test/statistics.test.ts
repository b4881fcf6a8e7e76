import { describe, expect, it } from '@jest/globals'
import { relativeDifference, summarize } from '../src/statistics.ts'

describe('summarize', () => {
  it('takes the middle of an odd number of values', () => {
    expect(summarize([9, 10, 2])).toEqual({ median: 9, min: 2, max: 10 })
  })

  it('takes the mean of the two in the middle of an even number', () => {
    expect(summarize([4, 1, 100, 2])).toEqual({ median: 3, min: 1, max: 100 })
  })

  it('leaves the values as they were', () => {
    const values = [3, 1, 2]
    summarize(values)
    expect(values).toEqual([3, 1, 2])
  })

  it('has nothing to say of nothing', () => {
    expect(summarize([])).toBeUndefined()
  })
})

describe('relativeDifference', () => {
  it('is a share of the mean, whichever comes first', () => {
    expect(relativeDifference(9, 11)).toBeCloseTo(0.2)
    expect(relativeDifference(11, 9)).toBeCloseTo(0.2)
  })

  it('is zero for equal values, zeros too', () => {
    expect(relativeDifference(5, 5)).toBe(0)
    expect(relativeDifference(0, 0)).toBe(0)
  })
})
