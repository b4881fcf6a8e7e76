import { describe, expect, it } from '@jest/globals'
import { fakeClock, testContext } from '../../src/conformance/index.ts'

describe('a fake clock', () => {
  it('stands still', async () => {
    const clock = fakeClock(1000)
    await new Promise((resolve) => setImmediate(resolve))
    expect([clock.now(), clock.monotonic()]).toEqual([1000, 0])
  })

  it('wakes sleepers at their time, in order, also those that sleep again', async () => {
    const clock = fakeClock(0)
    const woken: string[] = []
    const sleeper = async (name: string, ...pauses: readonly number[]): Promise<void> => {
      for (const ms of pauses) {
        await clock.sleep(ms)
        woken.push(`${name} at ${clock.now()}`)
      }
    }
    const done = Promise.all([sleeper('late', 30), sleeper('twice', 10, 10), sleeper('never', 1000)])
    await clock.advance(50)
    expect(woken).toEqual(['twice at 10', 'twice at 20', 'late at 30'])
    expect([clock.now(), clock.sleeping]).toEqual([50, 1])
    await clock.advance(950)
    await done
    expect(clock.sleeping).toBe(0)
  })

  it('ends a sleep with its signal', async () => {
    const clock = fakeClock()
    const waker = new AbortController()
    const sleep = clock.sleep(1000, waker.signal)
    waker.abort(new Error('enough'))
    await expect(sleep).rejects.toThrow('enough')
    await expect(clock.sleep(1, waker.signal)).rejects.toThrow('enough')
    expect(clock.sleeping).toBe(0)
  })
})

describe('a test context', () => {
  it('keeps what a task does with it', async () => {
    const partitions = [{ stream: 's', partition: 0 }]
    const sinkPositions = [{ ...partitions[0]!, position: { offset: 3 } }]
    const context = testContext({ config: { url: 'x' }, sinkPositions })
    context.logger.warn({ after: 3 }, 'slow')
    context.count('records')
    context.count('records', 2)
    expect(await context.assigned(partitions, [])).toBe(sinkPositions)
    await context.revoking(partitions)
    context.lost(partitions)
    expect(context.logger.entries).toEqual([{ level: 'warn', fields: { after: 3 }, message: 'slow' }])
    expect(context.counts).toEqual(new Map([['records', 3]]))
    expect(context.ownership.map(({ call }) => call)).toEqual(['assigned', 'revoking', 'lost'])
  })

  it('has the time of the machine unless given another', async () => {
    const context = testContext({ config: {} })
    expect(Math.abs(context.clock.now() - Date.now())).toBeLessThan(1000)
    const clock = fakeClock(5)
    expect(testContext({ config: {}, clock }).clock.now()).toBe(5)
  })
})
