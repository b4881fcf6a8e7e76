import { getEventListeners } from 'node:events'
import { describe, expect, it } from '@jest/globals'
import { unlessAborted } from '@connect-run/core'

const endless = new Promise<never>(() => undefined)

describe('unlessAborted', () => {
  it('gives what the work comes to, and no longer listens', async () => {
    const { signal } = new AbortController()
    await expect(unlessAborted(Promise.resolve(7), signal)).resolves.toBe(7)
    await expect(unlessAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no')
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('rejects with the reason when the signal aborts, and when it has aborted before', async () => {
    const over = new AbortController()
    const waiting = unlessAborted(endless, over.signal)
    over.abort(new Error('stopped'))
    await expect(waiting).rejects.toThrow('stopped')
    await expect(unlessAborted(endless, over.signal)).rejects.toThrow('stopped')
  })

  it('takes care of work that fails after all', async () => {
    let fail!: (error: Error) => void
    const work = new Promise<never>((_, reject) => (fail = reject))
    await expect(unlessAborted(work, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped')
    fail(new Error('nobody waits for this'))
    await new Promise((resolve) => setImmediate(resolve))
  })
})
