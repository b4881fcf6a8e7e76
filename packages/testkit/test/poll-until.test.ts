import { pollUntil } from '@connect-run/testkit'
import { describe, expect, it } from '@jest/globals'

describe('pollUntil', () => {
  it('returns the first answer that is neither undefined nor false', async () => {
    const answers = [undefined, false, 0]
    expect(await pollUntil(() => answers.shift(), { intervalMs: 1 })).toBe(0)
  })

  it('goes on over errors, and names the last one when the time is up', async () => {
    let calls = 0
    const ask = (): never => {
      throw new Error(`call ${++calls}`)
    }
    const error: unknown = await pollUntil(ask, { timeoutMs: 20, intervalMs: 1, what: 'the door' }).catch(
      (e: unknown) => e,
    )
    expect(error).toMatchObject({ message: 'the door: not so after 20 ms', cause: { message: `call ${calls}` } })
    expect(calls).toBeGreaterThan(1)
  })
})
