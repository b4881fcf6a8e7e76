import { beforeEach, describe, expect, it } from '@jest/globals'
import { packRecords } from '@connect-run/core'
import { pollUntil } from '@connect-run/testkit'
import type { PackedFailure, Producer } from '../src/client.ts'
import { packedSend } from '../src/client/packed-send.ts'
import type { OutgoingRecords } from '../src/client/producer-client.ts'
import { outgoing } from '../src/outgoing.ts'
import { compileTopic } from '../src/topic-template.ts'

const never = new AbortController().signal

function recordsOf(count: number): OutgoingRecords {
  const row = { stream: 'in', partition: 0, timestamp: -1, key: null, value: Buffer.from('x') }
  const batch = packRecords(Array.from({ length: count }, (_, offset) => ({ ...row, offset })))
  return outgoing(batch, compileTopic('t')).topics[0]!.records
}

/** A client with room for so many records, which are settled when the test says so. */
class FakeNative {
  room = 5
  offered: [from: number, taken: number][] = []
  open: { from: number; to: number; done: (failed: PackedFailure[] | null) => void }[] = []

  producePacked(...[, , records, range, done]: Parameters<Producer['producePacked']>): number {
    const { from = 0, to = records.n } = range
    const taken = Math.min(this.room, to - from)
    this.offered.push([from, taken])
    this.room -= taken
    if (taken > 0) this.open.push({ from, to: from + taken, done })
    return taken
  }

  settle(failed: PackedFailure[] | null = null): void {
    const { from, to, done } = this.open.shift()!
    this.room += to - from
    done(failed)
  }
}

describe('sending in packed batches', () => {
  let native: FakeNative
  let send: ReturnType<typeof packedSend>

  beforeEach(() => {
    native = new FakeNative()
    send = packedSend(native as unknown as Producer)
  })

  it('hands over what there is room for, in order, and goes on when some are settled', async () => {
    const sent = send('t', recordsOf(12), never)
    const until = (from: number): Promise<unknown> => pollUntil(() => native.open.some((part) => part.from === from))
    await until(0)
    native.settle()
    await until(5)
    native.settle([
      { index: 8, code: -192 },
      { index: 6, code: 87 },
    ])
    await until(10)
    native.settle()
    const failures = await sent
    expect(failures.map(({ index, error }) => [index, error.code])).toEqual([
      [6, 87],
      [8, -192],
    ])
    expect(native.offered.filter(([, taken]) => taken > 0)).toEqual([
      [0, 5],
      [5, 5],
      [10, 2],
    ])
  })

  it('does not spin while there is no room', async () => {
    native.room = 0
    const given = new AbortController()
    const sent = send('t', recordsOf(3), given.signal)
    const began = performance.now()
    await pollUntil(() => performance.now() - began > 350)
    given.abort()
    await sent
    expect(native.offered.length).toBeLessThan(8)
  })

  it('fails what the client does not take at all', async () => {
    native.producePacked = () => {
      throw Object.assign(new Error('Local: Unknown topic'), { code: -188 })
    }
    const failures = await send('t', recordsOf(2), never)
    expect(failures.map(({ index, error }) => [index, error.code])).toEqual([
      [0, -188],
      [1, -188],
    ])
  })
})
