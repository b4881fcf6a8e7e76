import { describe, expect, it } from '@jest/globals'
import { addArrival, addTallies, arrivalRate, countLineFeeds, countLines, emptyTally } from '../src/tally.ts'

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

describe('tallies of two places', () => {
  const one = { records: 60, firstRecords: 10, firstAt: 1000, lastAt: 2000 }

  it('begin with the earlier and end with the later one', () => {
    const other = { records: 5, firstRecords: 2, firstAt: 900, lastAt: 1900 }
    const sum = { records: 65, firstRecords: 2, firstAt: 900, lastAt: 2000 }
    expect([addTallies(one, other), addTallies(other, one)]).toEqual([sum, sum])
  })

  it('are those of the one where nothing came to the other', () => {
    expect([addTallies(one, emptyTally), addTallies(emptyTally, one)]).toEqual([one, one])
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
