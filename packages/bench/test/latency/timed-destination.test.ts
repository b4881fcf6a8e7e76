import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pollUntil } from '@connect-run/testkit'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import type { TimedDestination } from '../../src/latency/timed-destination.ts'
import { timedFile } from '../../src/latency/timed-destination.ts'
import { timedValue } from '../../src/latency/timed-value.ts'

let folder: string
let path: string
let destination: TimedDestination

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'connect-run-bench-'))
  path = join(folder, 'out')
  destination = timedFile(path, () => 5000)
})

afterEach(async () => {
  destination.close()
  await rm(folder, { recursive: true })
})

const untilThere = (records: number): Promise<boolean> =>
  pollUntil(async () => (await destination.report()).records === records, { intervalMs: 1 })

it('times the lines of a file when they are there whole', async () => {
  await appendFile(path, `${timedValue(4000).toString()}\n`)
  await untilThere(1)
  await destination.watch(4500)
  const line = `${timedValue(4998).toString()}\n`
  await appendFile(path, `${timedValue(4499).toString()}\n${line}${line.slice(0, 20)}`)
  await untilThere(3)
  await appendFile(path, line.slice(20))
  await untilThere(4)
  expect((await destination.report()).latencies).toEqual([0, 0, 2])
})
