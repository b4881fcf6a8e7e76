import { describe, expect, it } from '@jest/globals'
import { cpuPerMillion, runOf } from '../src/run.ts'
import { emptyTally } from '../src/tally.ts'

const cost = {
  startedAt: 100,
  endedAt: 104,
  userSeconds: 1.5,
  systemSeconds: 0.5,
  peakRssBytes: 2 ** 20,
}

describe('a run', () => {
  it('joins what it cost and what arrived', () => {
    const tally = { records: 500_000, firstRecords: 1000, firstAt: 100_750, lastAt: 102_750 }
    const run = runOf(cost, { tally, cpuSeconds: 1 })
    expect(run).toEqual({
      records: 500_000,
      cpuSeconds: 2,
      userSeconds: 1.5,
      systemSeconds: 0.5,
      wallSeconds: 4,
      startUpSeconds: 0.75,
      recordsPerSecond: 249_500,
      peakRssBytes: 2 ** 20,
      destinationLoad: 0.25,
    })
    expect(cpuPerMillion(run)).toBe(4)
  })

  it('leaves open what it cannot know', () => {
    const run = runOf(cost, { tally: emptyTally })
    expect(run).toMatchObject({ records: 0, startUpSeconds: undefined, recordsPerSecond: undefined })
    expect(run.destinationLoad).toBeUndefined()
  })
})
