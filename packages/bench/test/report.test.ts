import { describe, expect, it } from '@jest/globals'
import { plainText } from '../src/layout.ts'
import { excludedLines, figureRows, noiseLine, scenarioReport, startAndStopLine } from '../src/report.ts'
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

describe('a table', () => {
  it('shows medians, and the spread where there is one', () => {
    const runs = [run({ cpuSeconds: 3 }), run({ cpuSeconds: 1 }), run({ cpuSeconds: 1.5, wallSeconds: 5 })]
    const [, cells] = figureRows({ subjects: [{ subject: 'connect-run', runs }] })
    expect(cells).toEqual(['connect-run', '1.50 (1.00-3.00)', '1,250', '100', '0.50', '4.0 (4.0-5.0)'])
  })

  it('counts CPU by the million records that arrived', () => {
    const [, cells] = figureRows({ subjects: [{ subject: 'kcat', runs: [run({ records: 200_000 })] }] })
    expect(cells!.slice(0, 2)).toEqual(['kcat', '10.00'])
  })

  it('has the load of the destination in percent where one is known, with a dash where it is not', () => {
    const busy = { subject: 'connect-run', runs: [run({ destinationLoad: 0.25 })] }
    const rows = figureRows({ subjects: [busy, { subject: 'kcat', runs: [run({})] }] })
    expect(rows.map((cells) => cells[6])).toEqual(['sink busy %', '25', '-'])
  })
})

it('tells how far the two turns of one program are apart, and its single runs', () => {
  const one = { subject: 'one', runs: [8, 9, 12].map((cpuSeconds) => run({ cpuSeconds })) }
  const other = { subject: 'other', runs: [10, 11, 12].map((cpuSeconds) => run({ cpuSeconds })) }
  expect(noiseLine(one, other)).toBe(
    'noise of CPU-s/M: one measured twice differs by 20.0 % in its medians, by up to 50 % from run to run',
  )
})

it('tells what starting and stopping costs, in seconds and by the records moved', () => {
  const line = startAndStopLine([run({ records: 0, cpuSeconds: 1.25 })], 500_000)
  expect(line).toContain('1.25 CPU-s, 4.00 s in all')
  expect(line).toContain('contain this, 2.50 CPU-s/M')
})

it('tells what was left out, where something was', () => {
  const excluded = { cpuSeconds: 3, wallSeconds: 2.5 }
  const subjects = [
    { subject: 'kcat', runs: [run({})] },
    { subject: 'Kafka Connect', runs: [run({ excluded }), run({ excluded: { ...excluded, cpuSeconds: 4 } })] },
  ]
  expect(excludedLines({ subjects })).toEqual([
    'Kafka Connect: 3.50 (3.00-4.00) CPU-s, 2.50 s before its figures begin, not contained in them',
  ])
})

it('has a table for each partition count, each with what starting costs', () => {
  const subjects = ['connect-run', 'kcat', 'connect-run again'].map((subject) => ({ subject, runs: [run({})] }))
  const tables = [1, 4].map((partitions) => ({ partitions, subjects }))
  const result = { title: 'here -> there', tables, startAndStop: [run({ records: 0 })] }
  const report = scenarioReport(result, plainText)
  const headings = report.split('\n').filter((line) => line.startsWith('here'))
  expect(headings).toEqual([
    'here -> there, 1 partition: median (least-most)',
    'here -> there, 4 partitions: median (least-most)',
  ])
  expect(report).toContain('connect-run measured twice differs by 0.0 %')
  expect(report).toMatch(/connect-run with nothing to move: 2\.00 CPU-s.*, 2\.00 CPU-s\/M$/)
})
