import { describe, expect, it } from '@jest/globals'
import { unlessStuck, within } from '../../src/worker/within.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const never = (): Promise<never> => new Promise(() => undefined)

describe('within', () => {
  it('waits for the promise, but not longer than allowed, and leaves no timer', async () => {
    const clock = new VirtualClock()
    await within(() => Promise.resolve(), 1000, clock)
    expect([clock.monotonic(), clock.sleeping]).toEqual([0, 0])
    await clock.runUntil(within(never, 1000, clock))
    expect([clock.monotonic(), clock.sleeping]).toEqual([1000, 0])
  })

  it('ends with the signal, and tells the other side when the wait is over', async () => {
    const clock = new VirtualClock()
    const signal = AbortSignal.abort()
    let over: AbortSignal | undefined
    await within((ended) => ((over = ended), never()), 1000, clock, signal)
    expect([clock.monotonic(), over?.aborted]).toEqual([0, true])
  })
})

describe('unlessStuck', () => {
  it('is the call, with its result and its error', async () => {
    const clock = new VirtualClock()
    const { signal } = new AbortController()
    await expect(unlessStuck(Promise.resolve(7), clock, signal)).resolves.toBe(7)
    await expect(unlessStuck(Promise.reject(new Error('x')), clock, signal)).rejects.toThrow('x')
    expect(clock.sleeping).toBe(0)
  })

  it('gives a call 5 s to end once everything must', async () => {
    const clock = new VirtualClock()
    const slow = clock.sleep(4000).then(() => 'in time')
    await expect(clock.runUntil(unlessStuck(slow, clock, AbortSignal.abort()))).resolves.toBe('in time')
    await expect(clock.runUntil(unlessStuck(never(), clock, AbortSignal.abort()))).rejects.toThrow('within 5 s')
  })
})
