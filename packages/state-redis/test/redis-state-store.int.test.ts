import type { ConnectError } from '@connect-run/core'
import type { RedisStateConfig, TaskState } from '@connect-run/core/runtime'
import { pollUntil } from '@connect-run/testkit'
import { fakeClock } from '@connect-run/testkit/conformance'
import { type RedisServer, service, startRedis } from '@connect-run/testkit/services'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { Stores, at, configOf } from './support.ts'

const redis = await service('redis', { own: true })

redis.describe('the Redis store', () => {
  let server: RedisServer
  let config: RedisStateConfig
  const stores = new Stores()

  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  beforeEach(() => {
    config = configOf(server.url)
  })
  afterEach(async () => {
    await stores.close()
    await server.start()
    await server.resume()
    await server.command('FLUSHALL')
  })

  async function failure(promise: Promise<unknown>): Promise<ConnectError> {
    return promise.then(
      () => {
        throw new Error('it did not fail')
      },
      (error: ConnectError) => error,
    )
  }

  async function stored(): Promise<number | undefined> {
    const [state] = await stores.open(config).store.read('task')
    return state?.positions[0]?.position.offset
  }

  /** As another worker: not of this process, so that only the lease counts. */
  async function disown(): Promise<void> {
    const holder = { host: 'elsewhere', pid: 1, boot: 'b', started: '1', space: 's' }
    await server.command('HSET', stateKey(), 'holder', JSON.stringify(holder))
  }

  function stateKey(name = ''): string {
    return `${config.keyPrefix}:{task}${name}`
  }

  it('keeps one hash a task, and everything of a task in one slot of a cluster', async () => {
    const { store } = stores.open(config)
    for (const task of ['task', 'task@0', 'a{b}c']) await (await store.open(task)).write({ positions: at(1) })
    const keys = ((await server.command('KEYS', `${config.keyPrefix}:*`)) as string[]).sort()
    const own = ['{a%7Bb%7Dc}', '{a%7Bb%7Dc}:names', '{task}', '{task}:names', '{task}@0']
    expect(keys).toEqual(own.map((key) => `${config.keyPrefix}:${key}`))
    expect(await server.command('TTL', stateKey())).toBe(-1)
  })

  it('fences the former holder before the next one reads, and refuses its writes', async () => {
    const zombie = await stores.open({ ...config, leaseMs: 1000 }, fakeClock()).store.open('task')
    await zombie.write({ positions: at(1) })
    await disown()
    const { store } = stores.open(config)
    const next = await pollUntil(() => store.open('task').catch(() => undefined), { what: 'the take-over' })
    expect(next.positions).toEqual(at(1))
    const error = await failure(zombie.write({ positions: at(99) }))
    expect(error).toMatchObject({ code: 'STATE_FENCED', message: expect.stringMatching(/^the state of task has been/) })
    expect(zombie.lost.reason).toBe(error)
    expect(await failure(zombie.confirm!())).toBe(error)
    expect(await failure(zombie.write({ positions: at(99) }))).toBe(error)
    await next.write({ positions: at(2) })
    expect(await stored()).toBe(2)
  })

  it('keeps its claim by signs of life, and stops others for as long', async () => {
    const state = await stores.open(config).store.open('task')
    await disown()
    const other = stores.open(config).store
    const until = Date.now() + 1.5 * config.leaseMs
    while (Date.now() < until) {
      const error = await failure(other.open('task'))
      expect(error).toMatchObject({
        code: 'STATE_LOCKED',
        message: expect.stringMatching(/process 1 on host elsewhere/),
      })
      expect(error).toHaveProperty('retryAfterMs', expect.any(Number))
      expect((error as unknown as { retryAfterMs: number }).retryAfterMs).toBeLessThanOrEqual(config.leaseMs / 5)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    await state.write({ positions: at(1) })
  })

  it('asks again whether its claim holds when its clock says that the lease has run out', async () => {
    const clock = fakeClock()
    const state = await stores.open(config, clock).store.open('task')
    await state.confirm!()
    await server.command('HSET', stateKey(), 'owner', 'somebody', 'epoch', '99999999999999')
    await state.confirm!()
    await clock.advance(config.leaseMs / 3)
    await pollUntil(() => state.lost.aborted, { what: 'the sign of life finds it out' })
  })

  it('takes over at once from a process of this machine that is dead', async () => {
    const state = await stores.open({ ...config, leaseMs: 60_000 }, fakeClock()).store.open('task')
    const raw = await server.command('HGET', stateKey(), 'holder')
    const holder = JSON.parse(raw as string) as { started: string }
    await server.command('HSET', stateKey(), 'holder', JSON.stringify({ ...holder, started: '1' }))
    const next = await stores.open(config).store.open('task')
    expect(next.positions).toEqual([])
    expect(await failure(state.write({ positions: [] }))).toMatchObject({ code: 'STATE_FENCED' })
  })

  it('is claimed by one of many that ask at once, also within one process', async () => {
    const asked = Array.from({ length: 10 }, () => stores.open(config).store.open('task'))
    const outcomes = await Promise.allSettled(asked)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('takes over a claim of its own whose answer was lost', async () => {
    const { store } = stores.open({ ...config, leaseMs: 60_000 })
    await store.open('other')
    await server.pause()
    await expect(store.open('task')).rejects.toMatchObject({ code: 'STATE_UNWRITABLE' })
    await server.resume()
    await pollUntil(async () => (await server.command('EXISTS', stateKey())) === 1, { what: 'the claim is there' })
    await store.open('task')
  })

  it('gives its claim back when it is closed', async () => {
    const state = await stores.open(config).store.open('task')
    await disown()
    await state.close()
    await stores.open(config).store.open('task')
  })

  it('writes everything again, and says so, when Redis was emptied under it', async () => {
    const { store, logger } = stores.open(config)
    const state = await store.open('task')
    await state.write({ positions: [...at(1), ...at(2, 1)] })
    await server.command('FLUSHALL')
    await state.write({ positions: at(3) })
    const [after] = await stores.open(config).store.read('task')
    expect(after?.positions).toEqual(expect.arrayContaining([...at(3), ...at(2, 1)]))
    const said = logger.entries.filter(({ message }) => message.includes('has lost state of task'))
    expect(said).toHaveLength(1)
  })

  it('notices that Redis was emptied also when there is nothing to write', async () => {
    const state = await stores.open({ ...config, leaseMs: 1000 }).store.open('task')
    await state.write({ positions: at(5) })
    await server.command('FLUSHALL')
    await pollUntil(async () => (await stored()) === 5, { what: 'the position is back' })
  })

  it('writes everything again when a failover has taken it back', async () => {
    const { store, logger } = stores.open(config)
    const state = await store.open('task')
    await state.write({ positions: [...at(1), ...at(1, 1)] })
    const before = (await server.command('DUMP', stateKey())) as string
    expect(before).toBeTruthy()
    const fields = (await server.command('HGETALL', stateKey())) as string[]
    await state.write({ positions: at(2) })
    await state.write({ positions: at(2, 1) })
    await server.command('DEL', stateKey())
    await server.command('HSET', stateKey(), ...fields)
    await state.write({ positions: at(3) })
    const [after] = await stores.open(config).store.read('task')
    expect(after?.positions).toEqual(expect.arrayContaining([...at(3), ...at(2, 1)]))
    expect(logger.entries.some(({ message }) => message.includes('has lost state'))).toBe(true)
  })

  it('gives a holder time to write its claim again before somebody who stood by takes it', async () => {
    const clock = fakeClock()
    const holder = await stores.open(config, clock).store.open('task')
    await holder.write({ positions: at(4) })
    await disown()
    const { store } = stores.open({ ...config, leaseMs: 60_000 })
    expect(await failure(store.open('task'))).toMatchObject({ code: 'STATE_LOCKED' })
    await server.command('FLUSHALL')
    expect(await failure(store.open('task'))).toMatchObject({
      code: 'STATE_LOCKED',
      message: expect.stringContaining('has lost the claim on task'),
    })
    await clock.advance(config.leaseMs / 3)
    await pollUntil(async () => (await stored()) === 4, { what: 'the holder has written it again' })
  })

  it('takes a state that stays lost after a lease', async () => {
    await stores.open(config, fakeClock()).store.open('task')
    await disown()
    const clock = fakeClock()
    const { store } = stores.open(config, clock)
    await failure(store.open('task'))
    await server.command('FLUSHALL')
    await failure(store.open('task'))
    await clock.advance(config.leaseMs)
    expect((await store.open('task')).positions).toEqual([])
  })

  it('does not mind that scripts are forgotten', async () => {
    const state = await stores.open(config).store.open('task')
    await server.command('SCRIPT', 'FLUSH')
    await state.write({ positions: at(1) })
    expect(await stored()).toBe(1)
  })

  it('refuses, while Redis is down, without delay, and goes on by itself', async () => {
    const { store } = stores.open(config)
    const state = await store.open('task')
    await state.write({ positions: at(1) })
    await server.kill()
    const began = Date.now()
    const error = await failure(
      pollUntil(
        async () => {
          await state.write({ positions: at(2) })
          return false
        },
        { timeoutMs: 0 },
      ).catch((late: Error) => Promise.reject(late.cause as Error)),
    )
    expect(error).toMatchObject({ code: 'STATE_UNWRITABLE', kind: 'retriable' })
    expect(error.message).toContain(`can't reach Redis at ${server.url}`)
    expect(state.positions).toEqual(at(1))
    expect(Date.now() - began).toBeLessThan(1000)
    await server.start()
    await pollUntil(() => state.write({ positions: at(3) }).then(() => true), { what: 'Redis is back' })
    expect(await stored()).toBe(3)
  })

  it('writes its state again to a Redis that has come back empty', async () => {
    const state = await stores.open(config).store.open('task')
    await state.write({ positions: at(6) })
    await server.restart('lost')
    await pollUntil(async () => (await stored()) === 6, { what: 'the position is back' })
    await state.write({ positions: at(7) })
  })

  it('never takes a write for done whose answer it has not got', async () => {
    const state = await stores.open({ ...config, leaseMs: 1000 }).store.open('task')
    await state.write({ positions: at(1) })
    await server.pause()
    const lost = await failure(state.write({ positions: at(2, 7) }))
    expect(lost).toMatchObject({ code: 'STATE_UNWRITABLE', message: expect.stringContaining('timed out') })
    expect(state.positions).toEqual(at(1))
    await server.resume()
    await pollUntil(() => state.write({ positions: at(3) }).then(() => true), { what: 'Redis answers' })
    const [after] = await stores.open(config).store.read('task')
    expect(after?.positions).toEqual(at(3))
  })

  it.each(['kill', 'pause'] as const)('pauses where its claim can no longer be known to hold (%s)', async (how) => {
    const state = await stores.open({ ...config, leaseMs: 1000 }).store.open('task')
    await state.confirm!()
    await server[how]()
    const unknown = await pollUntil(() =>
      state.confirm!().then(
        () => false as const,
        (error: ConnectError) => error,
      ),
    )
    expect(unknown).toMatchObject({ code: 'STATE_UNWRITABLE', kind: 'retriable' })
    await server.start()
    await server.resume()
    await pollUntil(() => state.confirm!().then(() => true), { what: 'it holds' })
    expect(state.lost.aborted).toBe(false)
  })

  it('changes nothing while Redis is out of memory, and goes on after', async () => {
    const state = await stores.open(config).store.open('task')
    await state.write({ positions: at(1) })
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    const error = await failure(state.write({ positions: at(2) }))
    expect(error).toMatchObject({ code: 'STATE_UNWRITABLE', kind: 'retriable' })
    expect(error.message).toContain('is out of memory')
    expect(error.hint).toContain('maxmemory')
    expect(await stored()).toBe(1)
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    await state.write({ positions: at(3) })
    expect(await stored()).toBe(3)
  })

  it.each([
    ['a key that holds something else', ['SET', 'x'], 'a key of it holds something else'],
    ['a newer format', ['HSET', 'format', '2'], 'it has format 2'],
    ['an odd position', ['HSET', 'format', '1', 'p:0 s', '{"offset":"1"}'], 'the position in "p:0 s" is not in order'],
    ['an odd ledger', ['HSET', 'format', '1', 'l:0 s', '{'], 'the ledger in "l:0 s" is not in order'],
  ])('never takes %s for no state', async (_name, [verb, ...words], reason) => {
    await server.command(verb!, stateKey(), ...words)
    const error = await failure(stores.open(config).store.open('task'))
    expect(error).toMatchObject({ code: 'STATE_UNREADABLE', kind: 'fatal' })
    expect(error.message).toContain(reason)
  })

  it('holds many tasks over one connection', async () => {
    const { store } = stores.open(config)
    const states: TaskState[] = await Promise.all(Array.from({ length: 50 }, (_, n) => store.open(`task@${n}`)))
    await Promise.all(states.map((state, n) => state.write({ positions: at(n) })))
    expect(await stores.open(config).store.read('task')).toHaveLength(50)
  })
})
