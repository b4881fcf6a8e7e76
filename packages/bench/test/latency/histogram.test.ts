import { describe, expect, it } from '@jest/globals'
import { addLatency, countOf, emptyHistogram, percentile, sumHistograms } from '../../src/latency/histogram.ts'

function histogramOf(latencies: readonly number[]): number[] {
  const histogram = emptyHistogram()
  for (const each of latencies) addLatency(histogram, each)
  return histogram
}

describe('percentiles', () => {
  it('are the least time within which so many came', () => {
    const histogram = histogramOf(Array.from({ length: 200 }, (_, index) => Math.floor(index / 2) + 1))
    expect([1, 50, 99, 100].map((percent) => percentile(histogram, percent))).toEqual([1, 50, 99, 100])
  })

  it('do not let one late record pass for none', () => {
    const histogram = histogramOf([...Array.from({ length: 99 }, () => 2), 700])
    expect([50, 99, 99.5, 100].map((percent) => percentile(histogram, percent))).toEqual([2, 2, 700, 700])
  })

  it('are unknown where nothing was timed', () => {
    expect(percentile(emptyHistogram(), 50)).toBeUndefined()
  })
})

describe('a histogram', () => {
  it('keeps what is out of bounds at the bounds', () => {
    const histogram = histogramOf([-3, 1e9])
    expect([percentile(histogram, 50), percentile(histogram, 100)]).toEqual([0, 60_000])
  })

  it('adds up with another', () => {
    const sum = sumHistograms(histogramOf([1, 1]), histogramOf([1, 5]))
    expect(sum).toEqual([0, 3, 0, 0, 0, 1])
    expect(countOf(sum)).toBe(4)
  })
})
