import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { measure } from '../src/measure.ts'

const burn = 'import time\nwhile time.process_time() < 0.3: pass'

describe('measure', () => {
  let folder: string
  let base: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'connect-run-bench-'))
    base = join(folder, 'run')
  })

  afterEach(() => rm(folder, { recursive: true }))

  it('counts what grandchildren use, also one that outlives its parent', async () => {
    const command = ['/bin/sh', '-c', 'python3 -c "$0"; python3 -c "$0" & ', burn]
    const cost = await measure({ command, base, timeoutMs: 60_000 })
    expect(cost.userSeconds + cost.systemSeconds).toBeGreaterThanOrEqual(0.6)
    expect(cost.endedAt).toBeGreaterThan(cost.startedAt)
    expect(cost.peakRssBytes).toBeGreaterThan(2 ** 20)
  })

  it('hands over the output', async () => {
    const chunks: Buffer[] = []
    const command = ['/bin/sh', '-c', 'printf "a\\nb\\n"']
    await measure({ command, base, timeoutMs: 60_000, onOutput: (chunk) => chunks.push(chunk) })
    expect(Buffer.concat(chunks).toString()).toBe('a\nb\n')
  })

  it('fails with the end of the log when the command does', async () => {
    const command = ['/bin/sh', '-c', 'echo no such topic >&2; exit 3']
    await expect(measure({ command, base, timeoutMs: 60_000 })).rejects.toThrow(/ended with 3[^]*no such topic/)
  })

  it('ends a command that takes too long', async () => {
    const command = ['/bin/sh', '-c', 'echo $$; exec sleep 600']
    const printed: string[] = []
    const onOutput = (chunk: Buffer): unknown => printed.push(chunk.toString())
    await expect(measure({ command, base, timeoutMs: 3000, onOutput })).rejects.toThrow('has not ended after 3 s')
    expect(() => process.kill(Number(printed.join('')), 0)).toThrow('ESRCH')
  })
})
