import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { during, killNow, suspension } from '../../src/faults/index.ts'
import { pollUntil } from '../../src/index.ts'

/** Counts aloud. */
const PROGRAM = 'let n = 0; setInterval(() => process.stdout.write(`${n++}\\n`), 5)'

let child: ChildProcess
let folder: string
let lines: number

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'connect-run-process-'))
  child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] })
  lines = 0
  createInterface({ input: child.stdout! }).on('line', () => lines++)
})

afterEach(() => {
  child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

it('killNow ends a process by SIGKILL, and says so when there is none', async () => {
  const exit = once(child, 'exit')
  expect(killNow(child.pid!)).toBe(true)
  expect((await exit)[1]).toBe('SIGKILL')
  expect(killNow(child.pid!)).toBe(false)
})

it('suspension stops a process in its tracks and lets it go on', async () => {
  await pollUntil(() => lines > 0, { what: 'a line' })
  await during(
    suspension(() => child.pid),
    async () => {
      // What it had written before it was stopped may still be on its way.
      let before = -1
      await pollUntil(() => before === (before = lines), { intervalMs: 100, what: 'silence' })
    },
  )
  const then = lines
  await pollUntil(() => lines > then, { what: 'another line' })
})
