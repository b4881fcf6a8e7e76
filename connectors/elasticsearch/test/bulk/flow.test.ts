import { describe, expect, it } from '@jest/globals'
import type { Logger } from '@connect-run/core'
import { Flow, LARGEST_BODY, type Leave, type Load, SMALLEST_BODY } from '../../src/bulk/flow.ts'
import { noLogger } from '../support.ts'

const { signal } = new AbortController()
const KIB = 1024

/** One request after another, each of as many bytes as it may have. */
async function request(flow: Flow, load: Load, bytes: number = flow.bodyBytes): Promise<void> {
  const leave = await flow.enter(bytes, signal)
  leave(load)
}

async function enterAll(flow: Flow, count: number, bytes: number): Promise<Leave[]> {
  return Promise.all(Array.from({ length: count }, () => flow.enter(bytes, signal)))
}

describe('while the cluster keeps up', () => {
  it('nothing waits', async () => {
    const flow = new Flow(noLogger)
    const leaves = await enterAll(flow, 20, 5000 * KIB)
    expect([flow.inFlight, flow.waiting, flow.bodyBytes]).toEqual([20, 0, LARGEST_BODY])
    for (const leave of leaves) leave('taken')
    expect(flow.inFlight).toBe(0)
  })
})

describe('when the cluster is overloaded', () => {
  it('half as many requests as were under way, of half the size', async () => {
    const flow = new Flow(noLogger)
    const leaves = await enterAll(flow, 8, 1024 * KIB)
    leaves[0]!('refused')
    expect([flow.requests, flow.bodyBytes]).toEqual([4, 512 * KIB])
  })

  it('only fewer requests where operations found a full queue: smaller ones would not help', async () => {
    const flow = new Flow(noLogger)
    const leaves = await enterAll(flow, 8, 1024 * KIB)
    leaves[0]!('crowded')
    expect([flow.requests, flow.bodyBytes]).toEqual([4, LARGEST_BODY])
  })

  it('what was under way at a halving is no reason for another; what was sent after it is', async () => {
    const flow = new Flow(noLogger)
    const leaves = await enterAll(flow, 8, 1024 * KIB)
    for (const leave of leaves) leave('refused')
    expect([flow.requests, flow.bodyBytes]).toEqual([4, 512 * KIB])
    await request(flow, 'refused')
    expect(flow.bodyBytes).toBe(256 * KIB)
  })

  it('never less than one request and a small body', async () => {
    const flow = new Flow(noLogger)
    for (let i = 0; i < 50; i++) await request(flow, 'refused', 1024 * KIB)
    expect([flow.requests, flow.bodyBytes]).toEqual([1, SMALLEST_BODY])
  })

  it('an answer that says nothing of the load changes nothing', async () => {
    const flow = new Flow(noLogger)
    await request(flow, 'unknown')
    expect([flow.requests, flow.bodyBytes]).toEqual([64, LARGEST_BODY])
  })

  it('grows by steps again, until it is what it was', async () => {
    const flow = new Flow(noLogger)
    const first = await enterAll(flow, 8, 1024 * KIB)
    for (const leave of first) leave('refused')
    const seen = new Map<number, number>()
    const under = await enterAll(flow, 4, flow.bodyBytes)
    for (let taken = 0; taken < 200 && flow.requests < 64; taken++) {
      seen.set(flow.requests, (seen.get(flow.requests) ?? 0) + 1)
      under.shift()!('taken')
      while (flow.inFlight < Math.min(8, flow.requests)) under.push(await flow.enter(flow.bodyBytes, signal))
    }
    // Eight times as many as there are at a time make it one more.
    expect([seen.get(4), seen.get(5)]).toEqual([32, 40])
    expect([...seen.keys()]).toEqual([4, 5, 6, 7])
    expect([flow.requests, flow.bodyBytes]).toEqual([64, LARGEST_BODY])
  })

  it('small requests, one at a time, are no proof that the cluster takes more', async () => {
    const flow = new Flow(noLogger)
    const first = await enterAll(flow, 8, 1024 * KIB)
    for (const leave of first) leave('refused')
    for (let i = 0; i < 100; i++) await request(flow, 'taken', KIB)
    expect([flow.requests, flow.bodyBytes]).toEqual([4, 512 * KIB])
  })

  it('says so once, and once when it is over', async () => {
    const said: string[] = []
    const log: Logger = {
      ...noLogger,
      warn: (_fields, message) => said.push(message),
      info: (_fields, message) => said.push(message),
    }
    const flow = new Flow(log)
    for (let i = 0; i < 20; i++) {
      await request(flow, 'crowded', 4 * KIB)
      await request(flow, 'taken', 4 * KIB)
    }
    expect(said).toEqual(['the cluster is overloaded: fewer and smaller requests until it keeps up'])
    for (let i = 0; i < 20; i++) await request(flow, 'taken', 4 * KIB)
    expect(said.slice(1)).toEqual(['the cluster keeps up again'])
  })
})

describe('waiting', () => {
  /** A flow that lets one request through, and who holds it. */
  async function narrow(): Promise<{ flow: Flow; leave: Leave }> {
    const flow = new Flow(noLogger)
    await request(flow, 'refused', KIB)
    return { flow, leave: await flow.enter(KIB, signal) }
  }

  it('goes on in the order of arrival, one for each that leaves', async () => {
    const { flow, leave } = await narrow()
    const order: number[] = []
    const waits = [1, 2, 3].map(async (n) => {
      const left = await flow.enter(KIB, signal)
      order.push(n)
      return left
    })
    expect(flow.waiting).toBe(3)
    leave('unknown')
    for (const wait of waits) {
      const next = await wait
      expect(flow.inFlight).toBe(1)
      next('unknown')
    }
    expect(order).toEqual([1, 2, 3])
    expect([flow.inFlight, flow.waiting]).toEqual([0, 0])
  })

  it('who comes late does not overtake', async () => {
    const { flow, leave } = await narrow()
    const order: string[] = []
    const enter = async (name: string): Promise<void> => {
      const left = await flow.enter(KIB, signal)
      order.push(name)
      left('unknown')
    }
    const first = enter('first')
    leave('unknown')
    await Promise.all([first, enter('late')])
    expect(order).toEqual(['first', 'late'])
  })

  it('who gave up after having waited disturbs nobody who still waits', async () => {
    const { flow, leave } = await narrow()
    const over = new AbortController()
    const first = flow.enter(KIB, over.signal)
    const second = flow.enter(KIB, signal)
    leave('unknown')
    const left = await first
    over.abort(new Error('given up'))
    expect(flow.waiting).toBe(1)
    left('unknown')
    ;(await second)('unknown')
    expect([flow.inFlight, flow.waiting]).toEqual([0, 0])
  })

  it('ends with the signal’s reason, and takes nobody’s place', async () => {
    const { flow, leave } = await narrow()
    const over = new AbortController()
    const given = flow.enter(KIB, over.signal)
    const other = flow.enter(KIB, signal)
    over.abort(new Error('given up'))
    await expect(given).rejects.toThrow('given up')
    expect(flow.waiting).toBe(1)
    leave('unknown')
    const left = await other
    left('unknown')
    expect([flow.inFlight, flow.waiting]).toEqual([0, 0])
    await expect(flow.enter(KIB, over.signal)).rejects.toThrow('given up')
    expect(flow.inFlight).toBe(0)
  })
})
