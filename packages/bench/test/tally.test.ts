import { describe, expect, it } from '@jest/globals'
import { addArrival, arrivalRate, countLineFeeds, countLines, emptyTally } from '../src/tally.ts'

describe('countLines', () => {
  it.each([
    ['', 0],
    ['m f=1 1\n', 1],
    ['m f=1 1\nm f=2 2', 2],
    ['m f=1 1\nm f=2 2\n', 2],
    ['\n\n', 2],
  ])('of %j is %d', (text, lines) => {
    expect(countLines(Buffer.from(text))).toBe(lines)
  })
})

it('counts the line feeds of a stream the same however it is cut', () => {
  const text = Buffer.from('one\ntwo\nthree\n')
  for (let at = 0; at <= text.length; at++) {
    expect(countLineFeeds(text.subarray(0, at)) + countLineFeeds(text.subarray(at))).toBe(3)
  }
})

describe('a tally', () => {
  it('keeps the first and the last arrival', () => {
    const tally = [
      [10, 1000],
      [20, 1500],
      [30, 2000],
    ].reduce((sum, [records, now]) => addArrival(sum, records!, now!), emptyTally)
    expect(tally).toEqual({ records: 60, firstRecords: 10, firstAt: 1000, lastAt: 2000 })
  })

  it('takes no notice of an arrival without records', () => {
    expect(addArrival(emptyTally, 0, 1000)).toEqual(emptyTally)
  })
})

describe('arrivalRate', () => {
  it('leaves out the first arrival, whose time is not in the span', () => {
    expect(arrivalRate({ records: 1100, firstRecords: 100, firstAt: 5000, lastAt: 7000 })).toBe(500)
  })

  it('is unknown where there is no span', () => {
    expect(arrivalRate(emptyTally)).toBeUndefined()
    expect(arrivalRate({ records: 5, firstRecords: 5, firstAt: 1, lastAt: 1 })).toBeUndefined()
  })
})
