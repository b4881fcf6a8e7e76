import { describe, expect, it } from '@jest/globals'
import { fakeClock } from '@connect-run/testkit/conformance'
import { closeInTime } from '../../src/client/close-in-time.ts'

describe('closeInTime', () => {
  it('waits for a client that closes, or fails to', async () => {
    const clock = fakeClock()
    expect(await closeInTime({ disconnect: async () => undefined }, 1000, clock)).toBe(true)
    const failing = { disconnect: () => Promise.reject(new Error('no')) }
    await expect(closeInTime(failing, 1000, clock)).rejects.toThrow('no')
  })

  it('leaves one that hangs', async () => {
    const clock = fakeClock()
    const closed = closeInTime({ disconnect: () => new Promise<void>(() => undefined) }, 1000, clock)
    await clock.advance(1000)
    expect(await closed).toBe(false)
  })
})
