import type { Clock, Positions, RecordBatch } from '@connect-run/core'
import { fakeClock, testContext } from '@connect-run/testkit/conformance'
import { describe, expect, it } from '@jest/globals'
import type { GeneratorConfig } from '../src/source-config.ts'
import { GeneratorSourceTask } from '../src/source-task.ts'

const defaults: GeneratorConfig = {
  fields: { n: { type: 'sequence' }, x: { type: 'number', min: 0, max: 10, decimals: 1 } },
  count: 0,
  rate: 0,
  seed: 1,
  stream: 'generator',
}

const limits = { maxRecords: 1000, maxBytes: 1 << 20, maxWaitMs: 200 }
const signal = new AbortController().signal

interface Started {
  readonly config?: Partial<GeneratorConfig>
  readonly clock?: Clock
  readonly once?: boolean
  readonly positions?: Positions
}

async function started({ config, ...options }: Started = {}): Promise<GeneratorSourceTask> {
  const whole = { ...defaults, ...config }
  const task = new GeneratorSourceTask(whole)
  await task.start(testContext({ config: whole, ...options }))
  return task
}

function values(batch: RecordBatch): unknown[] {
  return Array.from(batch, (record) => record.value)
}

describe('the generator', () => {
  it('makes the same record n for the same seed, wherever it begins', async () => {
    const all = values(await (await started()).poll(limits, signal))
    const positions = [{ stream: 'generator', partition: 0, position: { offset: 400 } }]
    const resumed = await (await started({ positions })).poll({ ...limits, maxRecords: 600 }, signal)
    expect(values(resumed)).toEqual(all.slice(400))
    expect(resumed.at(0)).toMatchObject({ stream: 'generator', partition: 0, offset: 400 })
    expect(resumed.positions).toEqual([{ stream: 'generator', partition: 0, position: { offset: 1000 } }])
    const other = values(await (await started({ config: { seed: 2 } })).poll(limits, signal))
    expect(other).not.toEqual(all)
  })

  it('leaves the other fields as they were when one is added', async () => {
    const config = { fields: { y: { type: 'integer' }, ...defaults.fields } } as const
    const more = values(await (await started({ config })).poll(limits, signal))
    const before = values(await (await started()).poll(limits, signal))
    expect(more).toMatchObject(before)
    expect(more[0]).toHaveProperty('y')
  })

  it('ends after count records', async () => {
    const task = await started({ config: { count: 5 }, once: true })
    expect(await task.endPositions()).toEqual([{ stream: 'generator', partition: 0, position: { offset: 5 } }])
    expect((await task.poll({ ...limits, maxRecords: 3 }, signal)).length).toBe(3)
    expect((await task.poll(limits, signal)).length).toBe(2)
    await expect(task.poll(limits, signal)).rejects.toMatchObject({ code: 'END_OF_SOURCE' })
  })

  it('refuses to run once without an end', async () => {
    await expect(started({ once: true })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: expect.stringContaining('count'),
    })
  })

  it('keeps about to maxBytes, but always makes one', async () => {
    const task = await started()
    const batch = await task.poll({ ...limits, maxBytes: 200 }, signal)
    const bytes = values(batch).reduce<number>((sum, value) => sum + JSON.stringify(value).length, 0)
    expect(batch.length).toBeGreaterThan(5)
    expect(bytes).toBeLessThan(260)
    expect((await task.poll({ ...limits, maxBytes: 1 }, signal)).length).toBe(1)
  })

  it('keeps to its rate, and sleeps in between', async () => {
    const clock = fakeClock()
    const task = await started({ config: { rate: 100 }, clock })
    let made = (await task.poll(limits, signal)).length
    expect(made).toBe(1)
    for (let ms = 0; ms < 1000; ms += 5) {
      const polling = task.poll(limits, signal)
      while (clock.sleeping > 0) await clock.advance(5)
      made += (await polling).length
      expect(made).toBeLessThanOrEqual(1 + clock.monotonic() / 10)
      expect(made).toBeGreaterThanOrEqual(clock.monotonic() / 10 - 1)
    }
    await clock.advance(1000)
    const burst = await task.poll(limits, signal)
    expect(burst.length).toBe(100)
  })

  it('returns nothing after maxWaitMs at a low rate, and when it is told to', async () => {
    const clock = fakeClock()
    const task = await started({ config: { rate: 0.1 }, clock })
    await task.poll(limits, signal)
    const waiting = task.poll(limits, signal)
    await clock.advance(200)
    expect((await waiting).length).toBe(0)
    const controller = new AbortController()
    const interrupted = task.poll(limits, controller.signal)
    controller.abort()
    expect((await interrupted).length).toBe(0)
  })

  it('takes time from the clock', async () => {
    const fields = {
      iso: { type: 'time' },
      ms: { type: 'time', format: 'ms' },
      s: { type: 'time', format: 's' },
    } as const
    const clock = fakeClock(1_700_000_000_123)
    const batch = await (await started({ config: { fields }, clock })).poll({ ...limits, maxRecords: 1 }, signal)
    expect(values(batch)).toEqual([{ iso: '2023-11-14T22:13:20.123Z', ms: 1_700_000_000_123, s: 1_700_000_000 }])
    expect(batch.timestamp(0)).toBe(1_700_000_000_123)
  })

  it('takes the key from a field', async () => {
    const batch = await (await started({ config: { keyField: 'n' } })).poll({ ...limits, maxRecords: 3 }, signal)
    expect(Array.from(batch, (record) => record.key)).toEqual([0, 1, 2])
  })
})
