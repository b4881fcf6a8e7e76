import { describe, expect, it } from '@jest/globals'
import { systemClock } from '../../src/worker/clock.ts'

describe('the system clock', () => {
  it('sleeps at least so long', async () => {
    const before = systemClock.monotonic()
    await systemClock.sleep(20)
    expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(19)
  })

  it('wakes with the reason of the signal, also one that was given before', async () => {
    const controller = new AbortController()
    const sleeping = systemClock.sleep(60_000, controller.signal)
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(sleeping).rejects.toBe(reason)
    await expect(systemClock.sleep(60_000, controller.signal)).rejects.toBe(reason)
  })
})
