import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { type TortureOptions, torture } from '../../src/torture/torture.ts'
import type { TortureReport } from '../../src/torture/report.ts'

const worker = fileURLToPath(new URL('fake-worker.mjs', import.meta.url))
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'connect-run-fake-'))
  writeFileSync(join(folder, 'a.yaml'), 'name: a\npipelines: { copy: { source: { x: 1 }, sink: {} } }\n')
})
afterEach(() => {
  expect(readdirSync(folder)).toEqual(['a.yaml'])
  rmSync(folder, { recursive: true })
})

function tortured(defect?: string, options: Partial<TortureOptions> = {}): Promise<TortureReport> {
  return torture({
    file: join(folder, 'a.yaml'),
    pipelines: [{ name: 'copy', source: { kind: 'file' }, sink: { kind: 'file' }, once: true }],
    command: [process.execPath, worker],
    env: { ...process.env, ...(defect === undefined ? {} : { FAKE_DEFECT: defect }) },
    records: 1000,
    forMs: 1000,
    seed: 1,
    kills: 0,
    stallMs: 3000,
    ...options,
  })
}

const none = { lost: 0, doubled: 0, reordered: 0, foreign: 0 }

it('finds nothing wrong with a worker that works, however often it is killed and suspended', async () => {
  const report = await tortured(undefined, { kills: 4, suspends: 1, forMs: 2000, seed: 5 })
  expect(report).toMatchObject({ ok: true, seed: 5, silentStops: [], faults: { 'kill -9': 4, suspend: 1 } })
  expect(report.pipelines).toEqual([
    { pipeline: 'copy', pair: 'file -> file', once: true, sent: 1000, arrived: 1000, ...none, examples: [] },
  ])
})

it.each([
  ['loses', { ...none, lost: 1 }],
  ['doubles', { ...none, doubled: 1 }],
  ['reorders', { ...none, reordered: 1 }],
  ['adds', { ...none, foreign: 1 }],
])('notices a worker that %s', async (defect, counts) => {
  const report = await tortured(defect)
  expect(report).toMatchObject({ ok: false, pipelines: [counts] })
})

it('lets doubles pass where nothing else is promised', async () => {
  const pipelines = [{ name: 'copy', source: { kind: 'file' }, sink: { kind: 'file' }, once: false }] as const
  expect(await tortured('doubles', { pipelines })).toMatchObject({ ok: true, pipelines: [{ doubled: 1 }] })
})

it.each([
  ['stalls', /^copy: nothing moved any more/],
  ['ends', /^the worker ended by itself with 0/],
  ['ends badly', /^asked to stop, it ended with 1/],
])('notices a worker that %s', async (defect, said) => {
  const { ok, silentStops } = await tortured(defect)
  expect(ok).toBe(false)
  expect(silentStops[0]).toMatch(said)
})

it('gives up on a worker that can’t work', async () => {
  await expect(tortured('ends at once')).rejects.toThrow('ended by itself 5 times')
})

it('switches faults on and off, and leaves none on', async () => {
  const log: string[] = []
  const fault = {
    name: 'some-fault',
    does: 'nothing',
    on: async () => void log.push('on'),
    off: async () => void log.push('off'),
  }
  const { faults } = await tortured(undefined, { faults: [fault], forMs: 18_000, records: 100 })
  expect(faults).toEqual({ 'some-fault': 1 })
  expect(log).toEqual(['on', 'off', 'off'])
})

it('ends the load at a signal, and checks what was sent until then', async () => {
  const over = new AbortController()
  setTimeout(() => over.abort(), 500)
  const report = await tortured(undefined, { forMs: 60_000, records: 60_000, kills: 10, signal: over.signal })
  expect(report.ok).toBe(true)
  expect(report.pipelines[0]!.sent).toBeLessThan(10_000)
})
