import { expect, it } from '@jest/globals'
import { selfTimes } from '../src/cpu-profile.ts'

it('adds up the time of a function over all its callers, and leaves out waiting', () => {
  const frame = (functionName: string, url = '', lineNumber = 0) => ({ functionName, url, lineNumber })
  const url = 'file:///repo/packages/core/dist/records/codec.js'
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('(idle)') },
      { id: 2, callFrame: frame('decode', url, 9) },
      { id: 3, callFrame: frame('decode', url, 9) },
      { id: 4, callFrame: frame('', url, 20) },
      { id: 5, callFrame: frame('(garbage collector)') },
    ],
    samples: [1, 2, 3, 4, 5, 2],
    timeDeltas: [500_000, 1000, 2000, 4000, 500, 8000],
  }
  expect(selfTimes(profile)).toEqual([
    { place: 'decode dist/records/codec.js:10', seconds: 0.011 },
    { place: '(anonymous) dist/records/codec.js:21', seconds: 0.004 },
    { place: '(garbage collector)', seconds: 0.0005 },
  ])
})
