import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { service } from '@connect-run/testkit/services'
import { type PairsOptions, type TortureReport, pairNames, torturePairs } from '@connect-run/testkit/torture'
import { describe, expect, it } from '@jest/globals'

const kafka = await service('kafka', { own: true })
const bin = fileURLToPath(new URL('../../bin/connect-run.cjs', import.meta.url))

/** Nothing but the seed, which repeats the run, and what the promises are about. */
function outcome({ seed, silentStops, pipelines }: TortureReport): object {
  const broken = pipelines.filter(({ lost, doubled, reordered, foreign }) => lost + doubled + reordered + foreign > 0)
  return { seed, pairs: pipelines.map(({ pipeline, arrived }) => [pipeline, arrived]), broken, silentStops }
}

async function expectAsPromised(options: Omit<PairsOptions, 'pairs' | 'command' | 'seed'>): Promise<TortureReport> {
  const seed = Math.floor(Math.random() * 2 ** 32)
  const report = await torturePairs({ ...options, pairs: pairNames, seed, command: [process.execPath, bin] })
  const pairs = pairNames.map((name) => [name, options.records])
  expect(outcome(report)).toEqual({ seed, pairs, broken: [], silentStops: [] })
  return report
}

kafka.describe('all pairs of connectors, in one worker that is killed under load', () => {
  it.each(['file', 'redis'] as const)(
    'with state in %s: nothing is lost, doubled or reordered, and nothing stops',
    async (state) => {
      const report = await expectAsPromised({ state, faults: false, records: 100_000, forMs: 40_000, kills: 10 })
      expect(report.faults).toEqual({ 'kill -9': 10 })
    },
  )

  it('so too where brokers, Redis and the server fail, and the worker is suspended', async () => {
    const load = { records: 60_000, forMs: 60_000, kills: 5, suspends: 1 }
    const report = await expectAsPromised({ state: 'redis', faults: true, ...load })
    expect(report.faults).toMatchObject({ 'kill -9': 5, suspend: 1 })
    expect(Object.keys(report.faults).length).toBeGreaterThan(3)
  })
})

describe('connect-run torture', () => {
  it('shows what became of the records of a file of the user’s', () => {
    const folder = mkdtempSync(join(tmpdir(), 'connect-run-e2e-'))
    try {
      const pipeline = 'source: {connector: file, path: mine.txt}, sink: {connector: file, path: copy.txt}'
      writeFileSync(join(folder, 'mine.yaml'), `name: mine\npipelines: {copy: {${pipeline}}}\n`)
      const args = ['torture', 'mine.yaml', '--for', '6s', '--records', '6000', '--kills', '2', '--format', 'json']
      const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], { encoding: 'utf8', cwd: folder })
      expect({ status, stderr }).toMatchObject({ status: 0 })
      const report = JSON.parse(stdout) as TortureReport
      expect(report).toMatchObject({ ok: true, faults: { 'kill -9': 2 }, silentStops: [] })
      expect(report.pipelines).toMatchObject([{ pipeline: 'copy', sent: 6000, arrived: 6000, lost: 0, doubled: 0 }])
      // Neither the user's files nor a trace of the run's own.
      expect(readdirSync(folder)).toEqual(['mine.yaml'])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
