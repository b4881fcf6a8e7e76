import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type ProcessFaults, during, processFaults } from '../../src/faults/index.ts'
import { pollUntil } from '../../src/index.ts'

/** Says again and again how much a write of four bytes takes, whether syncing works, and what time it is. */
const PROGRAM = `
import { open } from 'node:fs/promises'
const file = await open(process.argv[1], 'w')
for (;;) {
  const { bytesWritten } = await file.write(Buffer.from('abcd'))
  const many = await file.writev([Buffer.from('ab'), Buffer.from('cdef')])
  const sync = await file.sync().then(() => 'ok', (error) => error.code)
  const datasync = await file.datasync().then(() => 'ok', (error) => error.code)
  const times = [Date.now(), new Date().getTime(), new Date(5).getTime()]
  console.log(JSON.stringify({ bytesWritten, many: many.bytesWritten, sync, datasync, times }))
}`

interface Said {
  readonly bytesWritten: number
  readonly many: number
  readonly sync: string
  readonly datasync: string
  readonly times: readonly [number, number, number]
}

let folder: string
let faults: ProcessFaults
let child: ChildProcess
let said: Said | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'connect-run-misbehave-'))
  faults = processFaults(join(folder, 'orders.json'))
  const args = ['--input-type=module', '-e', PROGRAM, join(folder, 'written')]
  child = spawn(process.execPath, args, {
    env: { ...process.env, ...faults.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  createInterface({ input: child.stdout! }).on('line', (line) => (said = JSON.parse(line) as Said))
})

afterEach(() => {
  child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

function says(what: Partial<Said>): Promise<Said> {
  const holds = (now: Said): boolean => Object.entries(what).every(([key, value]) => now[key as keyof Said] === value)
  return pollUntil(() => (said !== undefined && holds(said) ? said : undefined), { what: JSON.stringify(what) })
}

const well = { bytesWritten: 4, many: 6, sync: 'ok', datasync: 'ok' }

it('lets syncs fail, and work again', async () => {
  await says(well)
  await during(faults.syncError, () => says({ sync: 'EIO', datasync: 'EIO', bytesWritten: 4 }))
  await says(well)
})

it('lets writes be short', async () => {
  await says(well)
  await during(faults.shortWrites, () => says({ bytesWritten: 2, many: 3, sync: 'ok' }))
  await says(well)
})

it.each([3_600_000, -3_600_000])('moves the clock by %d ms and back', async (byMs) => {
  const near = (time: number): boolean => Math.abs(time - Date.now()) < 60_000
  await pollUntil(() => said !== undefined && near(said.times[0]), { what: 'the time' })
  await during(faults.clockJump(byMs), () =>
    pollUntil(() => near(said!.times[0] - byMs) && near(said!.times[1] - byMs), { what: 'another time' }),
  )
  await pollUntil(() => near(said!.times[0]) && near(said!.times[1]), { what: 'the time again' })
  expect(said!.times[2]).toBe(5)
})
