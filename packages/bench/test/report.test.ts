import { describe, expect, it } from '@jest/globals'
import { plainText } from '../src/layout.ts'
import { excludedLines, figureRows, noiseLine, scenarioReport, startAndStopLine } from '../src/report.ts'
import type { Run } from '../src/run.ts'
import { plain } from '../src/variant.ts'

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

const noStart = [run({ records: 0, cpuSeconds: 0 })]

describe('a table', () => {
  it('shows medians, and the spread where there is one', () => {
    const runs = [run({ cpuSeconds: 3 }), run({ cpuSeconds: 1 }), run({ cpuSeconds: 1.5, wallSeconds: 5 })]
    const [, cells] = figureRows({ variant: plain, subjects: [{ subject: 'kcat', ours: false, runs }] }, noStart)
    expect(cells).toEqual(['kcat', '1.50 (1.00-3.00)', '1,250', '100', '0.50', '4.0 (4.0-5.0)'])
  })

  it('shows the cost of connect-run once more, without what an empty run costs', () => {
    const runs = [run({ records: 500_000 })]
    const start = [0.5, 0.7, 0.75].map((cpuSeconds) => run({ records: 0, cpuSeconds }))
    const subjects = [
      { subject: 'connect-run', ours: true, runs },
      { subject: 'kcat', ours: false, runs },
    ]
    const rows = figureRows({ variant: plain, subjects }, start)
    expect(rows.map((cells) => cells.slice(0, 3))).toEqual([
      ['', 'CPU-s/M', 'less start-up'],
      ['connect-run', '4.00', '2.60'],
      ['kcat', '4.00', '-'],
    ])
  })

  it('counts CPU by the million records that arrived', () => {
    const subjects = [{ subject: 'kcat', ours: false, runs: [run({ records: 200_000 })] }]
    const [, cells] = figureRows({ variant: plain, subjects }, noStart)
    expect(cells!.slice(0, 2)).toEqual(['kcat', '10.00'])
  })

  it('counts by the gigabyte as well where values are large', () => {
    const runs = [run({ records: 500, recordsPerSecond: 1250 })]
    const subjects = [{ subject: 'kcat', ours: false, runs }]
    const [header, cells] = figureRows({ variant: { ...plain, valueBytes: 102_400 }, subjects }, noStart)
    expect(header!.slice(1, 5)).toEqual(['CPU-s/M', 'CPU-s/GB', 'k records/s', 'MB/s'])
    expect(cells!.slice(1, 5)).toEqual(['4,000.00', '39.1', '1.3', '128'])
  })

  it('has the load of the destination in percent where one is known, with a dash where it is not', () => {
    const busy = { subject: 'node-rdkafka', ours: false, runs: [run({ destinationLoad: 0.25 })] }
    const rows = figureRows(
      { variant: plain, subjects: [busy, { subject: 'kcat', ours: false, runs: [run({})] }] },
      noStart,
    )
    expect(rows.map((cells) => cells[6])).toEqual(['sink CPU %', '25', '-'])
  })
})

it('tells how far the two turns of one program are apart, and its single runs', () => {
  const one = { subject: 'one', ours: true, runs: [8, 9, 12].map((cpuSeconds) => run({ cpuSeconds })) }
  const other = { subject: 'other', ours: true, runs: [10, 11, 12].map((cpuSeconds) => run({ cpuSeconds })) }
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
    { subject: 'kcat', ours: false, runs: [run({})] },
    {
      subject: 'Kafka Connect',
      ours: false,
      runs: [run({ excluded }), run({ excluded: { ...excluded, cpuSeconds: 4 } })],
    },
  ]
  expect(excludedLines({ subjects })).toEqual([
    'Kafka Connect: 3.50 (3.00-4.00) CPU-s, 2.50 s before its figures begin, not contained in them',
  ])
})

it('has a table for each variant, each with what starting costs and how late the event loop was', () => {
  const names = ['connect-run', 'kcat', 'connect-run again']
  const subjects = names.map((subject) => ({ subject, ours: subject !== 'kcat', runs: [run({})] }))
  const loopDelay = { p50: 0.04, p99: 3.26, max: 12 }
  const variants = [plain, { ...plain, partitions: 4, compression: 'gzip' as const }]
  const tables = variants.map((variant) => ({ variant, subjects, loopDelay }))
  const result = { title: 'here -> there', tables, startAndStop: [run({ records: 0 })], failures: ['lz4: too few'] }
  const report = scenarioReport(result, plainText)
  const headings = report.split('\n').filter((line) => line.startsWith('here'))
  expect(headings).toEqual([
    'here -> there, 1 partition: median (least-most)',
    'here -> there, 4 partitions, gzip: median (least-most)',
    'here -> there: median (least-most)',
  ])
  expect(report).toMatch(/^FAILED: lz4: too few$/m)
  expect(report).toContain('connect-run measured twice differs by 0.0 %')
  expect(report).toContain('p50 0.0 ms, p99 3.3 ms, at most 12.0 ms')
  expect(report).toMatch(/connect-run with nothing to move: 2\.00 CPU-s.*, 2\.00 CPU-s\/M, but/)
})
