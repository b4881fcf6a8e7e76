import { describe, expect, it } from '@jest/globals'
import type { HttpClient } from '@connect-run/http'
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS, NodePool, type Turn } from '../../src/cluster/node-pool.ts'
import { handClock } from '../loopback.ts'

interface Bench {
  readonly pool: NodePool
  readonly clock: { ms: number }
  /** The addresses of so many turns, all of them answered. */
  readonly turns: (count: number) => string
  /** Lets the node of this address fail in its next turn. */
  readonly fail: (address: string) => void
  readonly closed: string[]
  readonly client: (address: string) => HttpClient
}

function bench(...addresses: string[]): Bench {
  const clock = handClock()
  const closed: string[] = []
  const client = (address: string): HttpClient => ({
    address,
    request: () => Promise.reject(new Error('none')),
    close: () => Promise.resolve(void closed.push(address)),
  })
  const pool = new NodePool(addresses.map(client), () => clock.ms)
  const turns = (count: number): string => {
    const taken = Array.from({ length: count }, () => pool.next())
    for (const turn of taken) pool.answered(turn)
    return taken.map((turn) => turn.client.address).join(' ')
  }
  const fail = (address: string): void => {
    for (;;) {
      const turn = pool.next()
      if (turn.client.address === address) return void pool.failed(turn)
      pool.answered(turn)
    }
  }
  return { pool, clock, turns, fail, closed, client }
}

const take = (pool: NodePool, count: number): Turn[] => Array.from({ length: count }, () => pool.next())

describe('nodes', () => {
  it('take turns', () => {
    expect(bench('a', 'b', 'c').turns(7)).toBe('a b c a b c a')
  })

  it('that fail are left alone until their pause is over, and then get one request at a time', () => {
    const { pool, clock, turns, fail } = bench('a', 'b', 'c')
    fail('b')
    expect(turns(4)).toBe('c a c a')
    clock.ms += FIRST_PAUSE_MS - 1
    expect(turns(2)).toBe('c a')
    clock.ms += 1
    const trial = take(pool, 4)
    expect(trial.map(({ client }) => client.address)).toEqual(['b', 'c', 'a', 'c'])
    expect(pool.answered(trial[0]!)).toBe('revived')
    expect(turns(6)).toBe('a b c a b c')
  })

  it('are left alone twice as long with each failed trial, up to a minute', () => {
    const { pool, clock } = bench('a', 'b')
    const failA = (): void => {
      let turn = pool.next()
      while (turn.client.address !== 'a') {
        pool.answered(turn)
        turn = pool.next()
      }
      pool.failed(turn)
    }
    const pauses: number[] = []
    for (let i = 0; i < 9; i++) {
      failA()
      const from = clock.ms
      for (let isBack = false; !isBack;) {
        clock.ms += 500
        const [one, other] = take(pool, 2) as [Turn, Turn]
        isBack = [one, other].some(({ client }) => client.address === 'a')
        for (const turn of [one, other]) pool.forgotten(turn)
      }
      pauses.push(clock.ms - from)
    }
    const doubling = [1, 2, 4, 8, 16, 32].map((times) => times * FIRST_PAUSE_MS)
    expect(pauses).toEqual([...doubling, LONGEST_PAUSE_MS, LONGEST_PAUSE_MS, LONGEST_PAUSE_MS])
  })

  it('fail once, however many requests were under way', () => {
    const { pool, clock } = bench('a', 'b')
    const turns = take(pool, 10)
    const changes = turns.map((turn) => (turn.client.address === 'a' ? pool.failed(turn) : pool.answered(turn)))
    expect(changes.filter((change) => change === 'died')).toHaveLength(1)
    clock.ms += FIRST_PAUSE_MS
    expect(take(pool, 2).map(({ client }) => client.address)).toContain('a')
  })

  it('whose trial was given up get another one', () => {
    const { pool, clock, fail } = bench('a', 'b')
    fail('a')
    clock.ms += FIRST_PAUSE_MS
    const [one, other] = take(pool, 2) as [Turn, Turn]
    const trial = one.client.address === 'a' ? one : other
    pool.forgotten(trial)
    expect(take(pool, 2).map(({ client }) => client.address)).toContain('a')
  })

  it('that all have failed are asked all the same, the one first that has waited longest', () => {
    const { pool, clock, fail } = bench('a', 'b')
    fail('a')
    expect(pool.isDown).toBe(false)
    clock.ms += 10
    fail('b')
    expect(pool.isDown).toBe(true)
    const turn = pool.next()
    expect(turn.client.address).toBe('a')
    pool.failed(turn)
    expect(pool.next().client.address).toBe('b')
  })

  it('that all have failed fail once more, however many requests were sent to them all the same', () => {
    const { pool, clock, turns, fail } = bench('a', 'b')
    fail('a')
    clock.ms += 10
    fail('b')
    const sent = take(pool, 3)
    expect(sent.map(({ client }) => client.address)).toEqual(['a', 'a', 'a'])
    for (const turn of sent) pool.failed(turn)
    pool.answered(pool.next())
    clock.ms += 2 * FIRST_PAUSE_MS
    expect(turns(2)).toContain('a')
  })

  it('of which there is only one never run out, and it is back with its first answer', () => {
    const { pool, turns } = bench('a')
    for (let i = 0; i < 100; i++) pool.failed(pool.next())
    const turn = pool.next()
    expect(turn.client.address).toBe('a')
    expect(pool.answered(turn)).toBe('revived')
    expect(turns(2)).toBe('a a')
  })
})

describe('other nodes', () => {
  it('keep what is known of those that stay, and close those that go, with their last request', async () => {
    const { pool, turns, fail, closed, client } = bench('a', 'b', 'c')
    fail('b')
    const running = take(pool, 2).find((turn) => turn.client.address === 'a')!
    const kept = pool.find('b')!
    pool.replace([kept, client('d')])
    expect(closed).toEqual([])
    expect(turns(3)).toBe('d d d')
    pool.answered(running)
    expect(closed).toEqual(['a'])
    await pool.close()
    expect(closed).toEqual(['a', 'b', 'd', 'c'])
  })

  it('idle ones are closed at once', () => {
    const { pool, closed, client } = bench('a')
    pool.replace([client('b')])
    expect(closed).toEqual(['a'])
    expect(pool.addresses).toEqual(['b'])
  })
})
