import { describe, expect, it } from '@jest/globals'
import { isRetriable } from '@connect-run/core'
import { fakeClock } from '@connect-run/testkit/conformance'
import type { TransactionCalls } from '../src/client/producer-client.ts'
import { KafkaError } from '../src/kafka-error.ts'
import { Transactions } from '../src/transactions.ts'

const clock = fakeClock()
const nothing = (): Promise<void> => Promise.resolve()

function kafkaError(code: number, { retriable = false, fatal = false } = {}): KafkaError {
  return Object.assign(new KafkaError(code, `code ${code}`, fatal), { retriable })
}

/** Transactions of a client whose calls fail in turn as they are told, and what was called. */
function transactions(failing: Partial<Record<keyof TransactionCalls, unknown[]>> = {}) {
  const called: string[] = []
  const call = (name: keyof TransactionCalls) => async (): Promise<void> => {
    called.push(name)
    const error = failing[name]?.shift()
    if (error === 'hangs') return new Promise(() => undefined)
    if (error !== undefined) throw error
  }
  const calls: TransactionCalls = {
    init: call('init'),
    begin: call('begin'),
    sendOffsets: call('sendOffsets'),
    commit: call('commit'),
    abort: call('abort'),
  }
  return { called, of: new Transactions(calls, clock, new AbortController().signal) }
}

/** Lets time pass until the promise is settled. */
async function inTime<T>(promise: Promise<T>): Promise<T> {
  const ended = new AbortController()
  const settled = promise.finally(() => ended.abort())
  settled.catch(() => undefined)
  for (let i = 0; i < 1000 && !ended.signal.aborted; i++) await clock.advance(100)
  return settled
}

const failed = (code: number) => async () => [{ index: 0, error: kafkaError(code) }]

describe('the transactions of a producer', () => {
  it('are opened when there is something to write, and one at a time', async () => {
    const { called, of } = transactions()
    await Promise.all([of.send('t', async () => []), of.send('t', async () => [])])
    await of.commit(nothing)
    await of.commit(nothing)
    expect(called).toEqual(['begin', 'commit', 'begin', 'commit'])
  })

  it('are committed again where that did not end in time, and not otherwise', async () => {
    const passing = kafkaError(-185, { retriable: true })
    const { called, of } = transactions({ commit: [passing, passing] })
    await inTime(of.commit(nothing))
    expect(called).toEqual(['begin', 'commit', 'commit', 'commit'])
    const other = transactions({ commit: [kafkaError(-185)] })
    await expect(inTime(other.of.commit(nothing))).rejects.toMatchObject({ code: 'TIMEOUT', kind: 'fatal' })
  })

  it('are not waited for without end', async () => {
    const passing = Array.from({ length: 10_000 }, () => kafkaError(-185, { retriable: true }))
    await expect(inTime(transactions({ commit: passing }).of.commit(nothing))).rejects.toMatchObject({ kind: 'fatal' })
    const hanging = transactions({ commit: ['hangs'] }).of.commit(nothing)
    await expect(inTime(hanging)).rejects.toMatchObject({ code: 'TIMEOUT', kind: 'fatal' })
  })

  it.each([-192, 7, 19, 10])('end with a record that was not delivered (%i): nothing follows', async (code) => {
    const { called, of } = transactions()
    const failure: unknown = await of.send('t', failed(code)).catch((error: unknown) => error)
    expect(failure).toMatchObject({ kind: 'fatal', message: expect.stringContaining("can't write to t") })
    expect(isRetriable(failure)).toBe(false)
    await expect(of.send('t', async () => [])).rejects.toBe(failure)
    await expect(of.commit(nothing)).rejects.toBe(failure)
    expect(called).toEqual(['begin'])
  })

  it('end with a call that was cut short: its records may have arrived', async () => {
    const { called, of } = transactions()
    const cut = (): Promise<never> => Promise.reject(new Error('took too long'))
    await expect(of.send('t', cut)).rejects.toMatchObject({
      kind: 'fatal',
      message: expect.stringContaining('took too long'),
    })
    await expect(of.commit(nothing)).rejects.toMatchObject({ kind: 'fatal' })
    expect(called).toEqual(['begin'])
  })

  it('say what is behind records that the client gave up', async () => {
    const { of } = transactions({ abort: [kafkaError(-144, { fatal: true })] })
    await expect(of.send('t', failed(-152))).rejects.toMatchObject({
      code: 'FENCED',
      message: "can't write to t: another worker has taken over this pipeline",
    })
  })

  it.each([22, 25, 27, 82])('end when the group does not know the member any more (%i)', async (code) => {
    const { called, of } = transactions()
    const offsets = (): Promise<void> => of.addOffsets(() => Promise.reject(kafkaError(code)))
    await expect(of.commit(offsets)).rejects.toMatchObject({
      code: 'FENCED',
      message: expect.stringContaining('the group has given its partitions anew meanwhile'),
    })
    expect(called).toEqual(['begin'])
  })

  it('are aborted where one is open, once', async () => {
    const { called, of } = transactions()
    await of.abort()
    await of.send('t', async () => [])
    await of.abort()
    await of.abort()
    expect(called).toEqual(['begin', 'abort'])
  })

  it('may be tried again by another task while the coordinator is away at the start', async () => {
    const { of } = transactions({ init: [kafkaError(16)] })
    await expect(of.init()).rejects.toMatchObject({ kind: 'retriable' })
  })

  it('shut out their predecessor until that was done, and not again', async () => {
    const { called, of } = transactions({ init: [kafkaError(16)] })
    await expect(of.init()).rejects.toMatchObject({ kind: 'retriable' })
    await of.init()
    await of.init()
    expect(called).toEqual(['init', 'init'])
  })
})
