import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { fileDestination } from '../src/file-destination.ts'
import { readings } from '../src/readings.ts'
import { plain } from '../src/variant.ts'

describe('a file as destination', () => {
  let folder: string
  let path: string
  let now: number
  let destination: ReturnType<typeof fileDestination>

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'connect-run-bench-'))
    path = join(folder, 'out')
    now = 1000
    destination = fileDestination(path, 58, () => now)
  })

  afterEach(async () => {
    destination.close()
    await rm(folder, { recursive: true })
  })

  it('has nothing before there is a file', async () => {
    expect(await destination.arrived()).toBe(0)
    expect((await destination.count()).tally).toMatchObject({ records: 0, firstAt: undefined })
  })

  it('counts whole lines as they come, and keeps the times', async () => {
    const lines = readings(30, plain).join('')
    await appendFile(path, lines.slice(0, 590 + 20))
    expect(await destination.arrived()).toBe(10)
    now = 3000
    await appendFile(path, lines.slice(590 + 20))
    expect((await destination.count()).tally).toEqual({ records: 30, firstRecords: 10, firstAt: 1000, lastAt: 3000 })
  })

  it.each(['short\n', 'without its end'])('refuses what is no reading: %j', async (rest) => {
    await appendFile(path, `${readings(10, plain).join('')}${rest}`)
    await expect(destination.count()).rejects.toThrow('are not 1')
  })
})
