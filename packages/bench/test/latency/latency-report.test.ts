import { expect, it } from '@jest/globals'
import { latencyReport } from '../../src/latency/latency-report.ts'
import type { LatencyRun } from '../../src/latency/latency-scenario.ts'
import { plainText } from '../../src/layout.ts'

const run: LatencyRun = {
  records: 50_000,
  p50: 4,
  p99: 12,
  max: 30,
  cpuLoad: 0.125,
  peakRssBytes: 100 * 2 ** 20,
  loopDelay: undefined,
}

it('shows latencies, and what the worker needed meanwhile', () => {
  const subjects = [
    {
      subject: 'connect-run',
      runs: [
        { ...run, loopDelay: { p50: 0.1, p99: 1.25, max: 9 } },
        { ...run, p99: 14 },
      ],
    },
    { subject: 'kcat', runs: [run] },
  ]
  const result = { title: 'here -> there', rate: 10_000, partitions: 1, subjects }
  expect(latencyReport(result, plainText).split('\n')).toEqual([
    'here -> there, 10,000 records/s, 1 partition: median (least-most)',
    '             p50 ms      p99 ms  max ms  CPU %  peak MiB  loop delay p99 ms',
    '───────────  ──────  ──────────  ──────  ─────  ────────  ─────────────────',
    'connect-run       4  13 (12-14)      30     13       100                1.3',
    'kcat              4          12      30     13       100                  -',
    'from produced to stored; 50,000 records timed in a run, after two seconds that are not',
  ])
})
