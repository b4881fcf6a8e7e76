import { service } from '@connect-run/testkit/services'
import { describe, expect, it } from '@jest/globals'
import { CRASH_CASES, type CrashCase } from './crash-cases.ts'
import { type Crashing, PAIRS } from './crash-pairs.ts'
import { type WorkerProcess, type Workplace, expectExit, workplace } from './worker-process.ts'

const kafka = await service('kafka')
const redis = await service('redis')

const cases = Object.values(CRASH_CASES).flat()
const needing = (name: string): CrashCase[] => cases.filter(({ pair }) => pair.includes(name))
const others = cases.filter(({ pair }) => !/kafka|redis/.test(pair))

async function dieAndGoOn({ pair, at }: CrashCase): Promise<void> {
  const place = await workplace()
  let crashing: Crashing | undefined
  try {
    crashing = await PAIRS[pair]({ place, brokers: kafka.address, redis: redis.address })
    for (const point of at) await die(crashing, { place, point })
    await (crashing.finish?.() ?? expectExit(start(crashing, place), 0))
    await crashing.check()
    // Ends with 1 where the ledger does not add up.
    await expectExit(place.start(['status', crashing.config]), 0)
  } finally {
    await place.close()
    await crashing?.close?.()
  }
}

function start({ config }: Crashing, place: Workplace, env = {}): WorkerProcess {
  return place.start([config, '--once', '--log-format', 'json'], env)
}

/** A point that is not reached is a failure: then the worker ends well, or is still there. */
async function die(crashing: Crashing, { place, point }: { place: Workplace; point: string }): Promise<void> {
  const env = { CONNECT_RUN_CRASH_AT: point }
  const worker = (await crashing.crash?.(env)) ?? start(crashing, place, env)
  const { code, signal } = await worker.exited
  if (signal === 'SIGKILL') return
  throw new Error(`the worker did not die at ${point}, but ended with ${String(code)}; it printed:\n${worker.output()}`)
}

describe('a crash', () => {
  it.concurrent.each(others)('$pair, at $at, loses and doubles nothing', dieAndGoOn)
})

redis.describe('a crash with Redis', () => {
  it.concurrent.each(needing('redis'))('$pair, at $at, loses and doubles nothing', dieAndGoOn)
})

kafka.describe('a crash with Kafka', () => {
  it.concurrent.each(needing('kafka'))(
    '$pair, at $at, loses nothing, and doubles nothing where that is promised',
    dieAndGoOn,
  )
})

it('is refused at a point that there is not, with those that there are', async () => {
  const place = await workplace()
  try {
    const worker = place.start(['--version'], { CONNECT_RUN_CRASH_AT: 'after-lunch' })
    await expectExit(worker, 3)
    expect(worker.output()).toContain('CONNECT_RUN_CRASH_AT is "after-lunch"')
  } finally {
    await place.close()
  }
})
