import { describe, expect, it } from '@jest/globals'
import { SequenceCheck, placeIn, recordText } from '../../src/torture/sequence.ts'

describe('placeIn', () => {
  it('finds the place of a record as it was sent', () => {
    expect(placeIn(recordText({ lane: 3, seq: 4711 }, ',"unit":"hPa"'))).toEqual({ lane: 3, seq: 4711 })
    expect(JSON.parse(recordText({ lane: 3, seq: 4711 }, ',"unit":"hPa"'))).toEqual({ lane: 3, seq: 4711, unit: 'hPa' })
  })

  it('finds it in what sinks and converters make of it', () => {
    const place = { lane: 2, seq: 17 }
    expect(placeIn('{"time":"2026-01-01","partition":"2","lane":2.0,"seq":17.0}')).toEqual(place)
    expect(placeIn('{ "seq" : "17", "lane" : "2" }')).toEqual(place)
    expect(placeIn(JSON.stringify({ payload: recordText(place) }))).toEqual(place)
  })

  it('finds none where there is none', () => {
    expect(placeIn('')).toBeUndefined()
    expect(placeIn('{"lane":2}')).toBeUndefined()
    expect(placeIn('{"seq":2}')).toBeUndefined()
  })
})

describe('SequenceCheck', () => {
  const saw = (...places: readonly (readonly [lane: number, seq: number, where?: string])[]): SequenceCheck => {
    const check = new SequenceCheck()
    for (const [lane, seq, where] of places) check.saw({ lane, seq }, where)
    return check
  }
  const none = { lost: 0, doubled: 0, reordered: 0, foreign: 0 }

  it('has nothing to say of what arrived once and in order, lanes mixed', () => {
    const check = saw([0, 0, 'f'], [1, 0, 'f'], [1, 1, 'f'], [0, 1, 'f'])
    expect(check.arrived).toBe(4)
    expect(check.verdict([2, 2])).toEqual({ ...none, sent: 4, arrived: 4, examples: [] })
  })

  it('counts what is lost, in the middle, at the end and whole lanes', () => {
    const verdict = saw([0, 0, 'f'], [0, 2, 'f']).verdict([4, 2])
    expect(verdict).toMatchObject({ ...none, sent: 6, arrived: 2, lost: 4 })
    expect(verdict.examples).toContain('lost: lane 0 number 1')
  })

  it('counts copies beyond the first, wherever they are, and not their order', () => {
    const verdict = saw([0, 0, 'f'], [0, 1, 'f'], [0, 0, 'f'], [0, 1, 'g'], [0, 0]).verdict([2])
    expect(verdict).toMatchObject({ ...none, arrived: 2, doubled: 3 })
    expect(verdict.examples).toContain('doubled: lane 0 number 1 in g')
  })

  it('counts a record behind a later one of its lane in the same place, and only there', () => {
    const verdict = saw([0, 1, 'f'], [0, 0, 'f'], [0, 2, 'f']).verdict([3])
    expect(verdict).toMatchObject({ ...none, arrived: 3, reordered: 1 })
    expect(verdict.examples).toEqual(['reordered: lane 0 number 0 behind 1 in f'])
    expect(saw([0, 1, 'f'], [0, 0, 'g'], [1, 0, 'f']).verdict([2, 1])).toMatchObject(none)
    expect(saw([0, 1], [0, 0]).verdict([2])).toMatchObject(none)
  })

  it('counts what nobody sent', () => {
    const check = saw([0, 0, 'f'], [0, 5, 'f'], [7, 0, 'f'])
    check.saw(undefined, 'f')
    expect(check.verdict([1])).toMatchObject({ ...none, arrived: 1, foreign: 3 })
  })

  it('names a few of each, not all', () => {
    const check = saw(...Array.from({ length: 1000 }, (_, seq) => [0, seq % 500, 'f'] as const))
    expect(check.verdict([1000])).toMatchObject({ lost: 500, doubled: 500 })
    expect(check.verdict([1000]).examples.length).toBe(20)
  })
})
