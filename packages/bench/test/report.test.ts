import { describe, expect, it } from '@jest/globals'
import { noiseLine, startAndStopLine, topicTable } from '../src/report.ts'
import type { Run } from '../src/run.ts'

function run(change: Partial<Run>): Run {
  return {
    records: 1_000_000,
    cpuSeconds: 2,
    userSeconds: 1.5,
    systemSeconds: 0.5,
    wallSeconds: 4,
    startUpSeconds: 0.5,
    recordsPerSecond: 1_250_000,
    peakRssBytes: 100 * 2 ** 20,
    destinationLoad: undefined,
    ...change,
  }
}

describe('the table of a topic', () => {
  it('shows medians, the spread where there is one, and a dash for what is unknown', () => {
    const runs = [run({ cpuSeconds: 3 }), run({ cpuSeconds: 1 }), run({ cpuSeconds: 1.5, wallSeconds: 5 })]
    const table = topicTable({ partitions: 1, subjects: [{ subject: 'connect-run', runs }] })
    const cells = table.split('\n')[2]!.split(/ {2,}/)
    expect(cells).toEqual(['connect-run', '1.50 (1.00-3.00)', '1,250', '4.0 (4.0-5.0)', '0.50', '100', '-'])
  })

  it('counts CPU by the million records that arrived', () => {
    const table = topicTable({ partitions: 1, subjects: [{ subject: 'kcat', runs: [run({ records: 200_000 })] }] })
    expect(table.split('\n')[2]).toMatch(/^kcat +10\.00 /)
  })

  it('shows the load of the destination in percent', () => {
    const subjects = [{ subject: 'connect-run', runs: [run({ destinationLoad: 0.25 })] }]
    expect(topicTable({ partitions: 1, subjects })).toMatch(/ 25$/)
  })
})

it('tells how far the two turns of one program are apart, and its single runs', () => {
  const one = { subject: 'one', runs: [8, 9, 12].map((cpuSeconds) => run({ cpuSeconds })) }
  const other = { subject: 'other', runs: [10, 11, 12].map((cpuSeconds) => run({ cpuSeconds })) }
  expect(noiseLine(one, other)).toBe(
    'noise of CPU-s/M: one measured twice differs by 20.0 % in its medians, by up to 50 % from run to run',
  )
})

it('tells what starting and stopping costs, in seconds and not by the record', () => {
  expect(startAndStopLine([run({ records: 0, cpuSeconds: 1.25 })])).toContain('1.25 CPU-s, 4.00 s in all')
})
