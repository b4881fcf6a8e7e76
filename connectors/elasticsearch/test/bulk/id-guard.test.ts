import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from '@jest/globals'
import { IdGuard } from '../../src/bulk/id-guard.ts'

const { signal } = new AbortController()

/** Takes ids, and writes down who had them when. */
function watched(guard: IdGuard): {
  log: string[]
  readonly take: (name: string, ids: readonly string[], over?: AbortSignal) => Promise<() => void>
} {
  const log: string[] = []
  return {
    log,
    take: async (name, ids, over = signal) => {
      const release = await guard.take(ids, over)
      log.push(`+${name}`)
      return () => {
        log.push(`-${name}`)
        release()
      }
    },
  }
}

describe('ids in flight', () => {
  it('different ids do not wait for each other; the same one waits', async () => {
    const { log, take } = watched(new IdGuard())
    const first = await take('a', ['1', '2'])
    const second = await take('b', ['3'])
    const third = take('c', ['2', '4'])
    await nextTurn()
    expect(log).toEqual(['+a', '+b'])
    second()
    await nextTurn()
    expect(log).toEqual(['+a', '+b', '-b'])
    first()
    ;(await third)()
    expect(log).toEqual(['+a', '+b', '-b', '-a', '+c', '-c'])
  })

  it('in the order of asking, also where one waits for several', async () => {
    const { log, take } = watched(new IdGuard())
    const first = await take('a', ['1'])
    const second = await take('b', ['2'])
    const waits = [take('c', ['1', '2']), take('d', ['2', '1']), take('e', ['2'])]
    second()
    await nextTurn()
    expect(log).toEqual(['+a', '+b', '-b'])
    first()
    for (const wait of waits) (await wait)()
    expect(log.slice(3)).toEqual(['-a', '+c', '-c', '+d', '-d', '+e', '-e'])
  })

  it('an id that stands twice in one batch does not wait for itself', async () => {
    const guard = new IdGuard()
    const release = await guard.take(['1', '1', '2'], signal)
    release()
    expect(guard.size).toBe(0)
  })

  it('frees its memory', async () => {
    const guard = new IdGuard()
    const first = await guard.take(['1', '2'], signal)
    const waiting = guard.take(['2', '3'], signal)
    expect(guard.size).toBe(3)
    first()
    const second = await waiting
    expect(guard.size).toBe(2)
    second()
    expect(guard.size).toBe(0)
  })
})

describe('giving up', () => {
  it('who gives up waiting is passed over, and who waits behind still waits for those in front', async () => {
    const guard = new IdGuard()
    const { log, take } = watched(guard)
    const first = await take('a', ['1'])
    const over = new AbortController()
    const given = take('b', ['1', '2'], over.signal)
    const behind = take('c', ['2'])
    const last = take('d', ['1'])
    over.abort(new Error('given up'))
    await expect(given).rejects.toThrow('given up')
    await nextTurn()
    expect(log).toEqual(['+a'])
    first()
    ;(await behind)()
    ;(await last)()
    expect(log[1]).toBe('-a')
    expect(guard.size).toBe(0)
  })

  it('who was given up before asks for nothing', async () => {
    const guard = new IdGuard()
    await expect(guard.take(['1'], AbortSignal.abort(new Error('given up')))).rejects.toThrow('given up')
    expect(guard.size).toBe(0)
  })
})
