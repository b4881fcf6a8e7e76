import {
  type RedisServer,
  service,
  startRedis,
  startRedisCluster,
  startRedisSentinels,
} from '@connect-run/testkit/services'
import { pollUntil } from '@connect-run/testkit'
import { afterEach, expect, it } from '@jest/globals'
import { Redis } from 'ioredis'
import { type OpenLot, jobsIn, lookInto, openLot, parked, stateIn } from './lots.ts'

const redis = await service('redis')
/** The id of the record 1. */
const JOB_1 = 'orders~3~1~1700000000001'

redis.describe('the retry queue in Redis', () => {
  const servers: RedisServer[] = []
  const lots: OpenLot[] = []

  afterEach(async () => {
    await Promise.all(lots.splice(0).map(({ space }) => space.close()))
    await Promise.all(servers.splice(0).map((started) => started.stop()))
  })

  async function server(config: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
    const started = await startRedis({ config })
    servers.push(started)
    return started
  }

  function open(...given: Parameters<typeof openLot>): OpenLot {
    const lot = openLot(...given)
    lots.push(lot)
    return lot
  }

  /** Parks as soon as there is a connection. */
  function park({ space }: OpenLot, ...records: Parameters<OpenLot['space']['park']>[0]): Promise<number> {
    return pollUntil(async () => (await space.park(records)) + 1, { what: 'a place to park' }).then((n) => n - 1)
  }

  async function emptied(port: number): Promise<void> {
    await pollUntil(async () => (await jobsIn(port)) === 0, { what: 'all jobs are done' })
  }

  it('hands a record out as it was given, once it is due, and forgets it when it is done', async () => {
    const { port } = await server()
    const lot = open(stateIn(port), undefined, { initialDelayMs: 1000, maxDelayMs: 1000 })
    const given = [
      parked(1),
      parked(2, { key: null, value: null, headers: [], timestamp: -1 }),
      parked(3, { stream: 'C:\\logs/ключ 50%~1', value: Buffer.alloc(0) }),
    ]
    expect(await park(lot, ...given)).toBe(3)
    const since = Date.now()
    lot.space.start()
    await pollUntil(() => lot.tried.length === 3)
    expect(Date.now() - since).toBeGreaterThan(300)
    expect(lot.handed.toSorted((one, other) => one.offset - other.offset)).toEqual(given)
    await emptied(port)
  })

  it('tries what is refused again, with growing pauses, and counts', async () => {
    const { port } = await server()
    const lot = open(stateIn(port), ({ retries }) => (retries < 3 ? 'refused' : 'done'))
    await park(lot, parked(1))
    lot.space.start()
    await emptied(port)
    expect(lot.handed.map(({ retries }) => retries)).toEqual([0, 1, 2, 3])
  })

  it('does not count what was not tried', async () => {
    const { port } = await server()
    const lot = open(stateIn(port), () => (lot.tried.length < 4 ? 'untried' : 'done'))
    await park(lot, parked(1))
    lot.space.start()
    await emptied(port)
    expect(lot.handed.map(({ retries }) => retries)).toEqual([0, 0, 0, 0])
  })

  it('hands records out together', async () => {
    const { port } = await server()
    const lot = open(stateIn(port))
    await park(lot, ...Array.from({ length: 300 }, (_, n) => parked(n)))
    lot.space.start()
    await emptied(port)
    expect(new Set(lot.tried).size).toBe(300)
    expect(lot.batches.length).toBeLessThan(60)
    expect(Math.max(...lot.batches)).toBeLessThanOrEqual(100)
  })

  it('keeps a record once, however often it is parked', async () => {
    const { port } = await server()
    const lot = open(stateIn(port))
    await park(lot, parked(1), parked(1), parked(2))
    expect(await lot.space.park([parked(2), parked(1)])).toBe(2)
    expect(await jobsIn(port)).toBe(2)
    // Another record at the same place: the topic was made anew.
    await lot.space.park([parked(1, { timestamp: 1_800_000_000_000 })])
    expect(await jobsIn(port)).toBe(3)
  })

  it('takes a record again whose job is retained, done or failed', async () => {
    const { port } = await server()
    const lot = open(stateIn(port))
    await park(lot, parked(1), parked(2))
    await lookInto(port, async (queue) => {
      const client = new Redis(port, '127.0.0.1')
      const root = `connect-run:{w-p}:retry`
      for (const [offset, state] of [
        [1, 'completed'],
        [2, 'failed'],
      ] as const) {
        const id = `orders~3~${offset}~${1_700_000_000_000 + offset}`
        await client.zrem(`${root}:delayed`, id)
        await client.zadd(`${root}:${state}`, Date.now(), id)
      }
      client.disconnect()
      expect(await queue.getJobCounts('completed', 'failed', 'delayed')).toEqual({
        completed: 1,
        failed: 1,
        delayed: 0,
      })
    })
    expect(await lot.space.park([parked(1), parked(2)])).toBe(2)
    lot.space.start()
    await pollUntil(() => lot.tried.includes(1) && lot.tried.includes(2))
    await emptied(port)
  })

  it('tries jobs again that BullMQ has given up', async () => {
    const { port } = await server()
    const lot = open(stateIn(port))
    await park(lot, parked(1))
    const client = new Redis(port, '127.0.0.1')
    await client.zrem('connect-run:{w-p}:retry:delayed', JOB_1)
    await client.zadd('connect-run:{w-p}:retry:failed', Date.now() - 1000, JOB_1)
    client.disconnect()
    lot.space.start()
    await emptied(port)
    expect(lot.tried).toEqual([1])
  })

  it('takes no more records than it may, nor more bytes, and gives the room back', async () => {
    const { port } = await server()
    const lot = open(stateIn(port), undefined, { maxRecords: 5 })
    const records = Array.from({ length: 8 }, (_, n) => parked(n))
    expect(await park(lot, ...records)).toBe(5)
    expect(await lot.space.park(records.slice(5))).toBe(0)
    // What is there already needs no room.
    expect(await lot.space.park(records.slice(0, 3))).toBe(3)
    lot.space.start()
    await emptied(port)
    await pollUntil(async () => (await lot.space.park(records.slice(5))) === 3, { what: 'room' })
    const large = open(stateIn(port), undefined, { maxBytes: 2500 }, 'w-bytes')
    const bytes = Array.from({ length: 4 }, (_, n) => parked(n, { value: Buffer.alloc(600) }))
    expect(await park(large, ...bytes)).toBe(2)
  })

  it('finds room that a crash has left taken up without a job', async () => {
    const { port } = await server()
    const lot = open(stateIn(port), undefined, { maxRecords: 2 })
    await park(lot, parked(1))
    await lookInto(port, async (queue) => {
      await queue.remove(JOB_1)
    })
    lot.space.start()
    await pollUntil(async () => (await lot.space.park([parked(2), parked(3)])) === 2, { what: 'room' })
  })

  it('goes on with what an earlier run has parked, and with nothing of other pipelines', async () => {
    const { port } = await server()
    const first = open(stateIn(port))
    await park(first, parked(1), parked(2))
    const neighbour = open(stateIn(port), undefined, {}, 'w-other')
    neighbour.space.start()
    await first.space.close()
    const second = open(stateIn(port))
    second.space.start()
    await emptied(port)
    expect(second.tried.toSorted((one, other) => one - other)).toEqual([1, 2])
    expect(neighbour.tried).toEqual([])
  })

  it('shares the records of a pipeline among its workers', async () => {
    const { port } = await server()
    const seen: number[] = []
    const answer = async (record: { offset: number }): Promise<'done'> => {
      seen.push(record.offset)
      return 'done'
    }
    const workers = [open(stateIn(port), answer), open(stateIn(port), answer)]
    await park(workers[0]!, ...Array.from({ length: 200 }, (_, n) => parked(n)))
    for (const { space } of workers) space.start()
    await emptied(port)
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n))
  })

  it('hands records back when it is closed, and ends', async () => {
    const { port } = await server()
    let stop: (fate: 'untried') => void = () => undefined
    const stopped = new Promise<'untried'>((resolve) => (stop = resolve))
    const lot = open(stateIn(port), () => stopped)
    await park(lot, parked(1))
    lot.space.start()
    await pollUntil(() => lot.tried.length === 1)
    const closing = lot.space.close()
    stop('untried')
    await closing
    expect(await lookInto(port, (queue) => queue.getJobCounts('delayed', 'active'))).toEqual({ delayed: 1, active: 0 })
  })

  it('has another worker try what a worker had in hand that is not heard of any more', async () => {
    const { port } = await server()
    const dead = open(stateIn(port), () => new Promise(() => undefined))
    await park(dead, parked(1))
    dead.space.start()
    await pollUntil(() => dead.tried.length === 1)
    // Its connections are cut and stay so, as if its host had gone: nothing renews its lock.
    const next = open(stateIn(port))
    next.space.start()
    const client = new Redis(port, '127.0.0.1')
    await client.del(`connect-run:{w-p}:retry:${JOB_1}:lock`)
    client.disconnect()
    await pollUntil(() => next.tried.length > 0 || dead.tried.length > 1, { what: 'the second attempt' })
  })

  it('loses nothing that it has taken when Redis is killed, and goes on by itself', async () => {
    const started = await server()
    const lot = open(stateIn(started.port), undefined, { initialDelayMs: 200, maxDelayMs: 200 })
    await park(lot, ...Array.from({ length: 50 }, (_, n) => parked(n)))
    lot.space.start()
    await started.kill()
    await expect(lot.space.park([parked(100)])).rejects.toMatchObject({
      code: 'PARKING_UNAVAILABLE',
      kind: 'retriable',
    })
    await started.start()
    await pollUntil(() => new Set(lot.tried).size >= 50, { what: 'all 50 records' })
    await emptied(started.port)
    expect(await park(lot, parked(101))).toBe(1)
  })

  it('says at once, and never waits, where Redis is not there', async () => {
    const started = await server()
    await started.kill()
    const lot = open(stateIn(started.port))
    lot.space.start()
    const began = Date.now()
    await expect(lot.space.park([parked(1)])).rejects.toMatchObject({ code: 'PARKING_UNAVAILABLE' })
    expect(Date.now() - began).toBeLessThan(500)
    await started.start()
    expect(await park(lot, parked(1))).toBe(1)
    await emptied(started.port)
  })

  it('gives up on a Redis that hangs, and closes nevertheless', async () => {
    const started = await server()
    const lot = open(stateIn(started.port, { durability: { disk: true, replicas: 0, timeoutMs: 0 } }))
    await park(lot, parked(1))
    lot.space.start()
    await started.pause()
    const began = Date.now()
    await expect(lot.space.park([parked(2)])).rejects.toMatchObject({ code: 'PARKING_UNAVAILABLE' })
    expect(Date.now() - began).toBeLessThan(8000)
    await lot.space.close()
    expect(Date.now() - began).toBeLessThan(25_000)
    await started.resume()
  }, 60_000)

  it('takes nothing where Redis has no memory left, and still works off what it has', async () => {
    const started = await server()
    const lot = open(stateIn(started.port), undefined, { maxRecords: 100_000, maxBytes: 1 << 30 })
    const records = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) => parked(from + n, { value: Buffer.alloc(2000, 'x') }))
    await park(lot, ...records(0, 100))
    await started.command('CONFIG', 'SET', 'maxmemory', '1')
    await expect(lot.space.park(records(1000, 10))).rejects.toMatchObject({
      code: 'PARKING_UNAVAILABLE',
      message: expect.stringContaining('OOM'),
    })
    lot.space.start()
    await pollUntil(() => new Set(lot.tried).size === 100, { what: 'attempts without memory' })
    await started.command('CONFIG', 'SET', 'maxmemory', '0')
    await emptied(started.port)
    expect(await lot.space.park(records(1000, 10))).toBe(10)
  })

  it('parks nothing where Redis may lose it, and says so once', async () => {
    const cases: [Readonly<Record<string, string>>, string][] = [
      [{ appendonly: 'no' }, 'append-only file'],
      [{ appendfsync: 'everysec' }, 'appendfsync everysec'],
      [{ 'maxmemory-policy': 'allkeys-lru' }, 'allkeys-lru'],
    ]
    for (const [config, reason] of cases) {
      const started = await server(config)
      const lot = open(stateIn(started.port))
      await pollUntil(() => lot.warnings.length > 0, { what: 'the warning' })
      expect(lot.warnings).toEqual([expect.stringContaining(reason)])
      await expect(lot.space.park([parked(1)])).rejects.toThrow(reason)
      await started.restart()
      await pollUntil(() =>
        lot.space.park([parked(1)]).then(
          () => false,
          (error: Error) => error.message.includes(reason),
        ),
      )
      expect(lot.warnings).toHaveLength(1)
      expect(await jobsIn(started.port)).toBe(0)
    }
  })

  it('takes nothing for parked that replicas do not confirm', async () => {
    const { port } = await server()
    const lot = open(stateIn(port, { durability: { disk: true, replicas: 1, timeoutMs: 50 } }))
    await pollUntil(() =>
      lot.space.park([parked(1)]).then(
        () => false,
        (error: Error) => error.message.includes('did not confirm in time'),
      ),
    )
  })

  it('works in a cluster', async () => {
    const cluster = await startRedisCluster()
    try {
      const hosts = cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
      const config = stateIn(hosts[0]!.port, { mode: 'cluster', hosts })
      const answer = ({ retries }: { retries: number }) => (retries === 0 ? ('refused' as const) : ('done' as const))
      const inCluster = ['w-p', 'w-q', 'w-r'].map((task) => open(config, answer, {}, task))
      for (const lot of inCluster) {
        expect(await park(lot, ...Array.from({ length: 20 }, (_, n) => parked(n)))).toBe(20)
        lot.space.start()
      }
      await pollUntil(() => inCluster.every(({ tried }) => tried.length === 40), { what: 'two attempts each' })
      await Promise.all(lots.splice(0).map(({ space }) => space.close()))
    } finally {
      await cluster.stop()
    }
  })

  it('goes on after a failover by sentinels', async () => {
    const group = await startRedisSentinels()
    try {
      const hosts = group.sentinels.map(({ port }) => ({ host: '127.0.0.1', port }))
      const durability = { disk: true, replicas: 1, timeoutMs: 2000 }
      const config = stateIn(0, { mode: 'sentinel', hosts, primary: group.name, durability })
      const careless = open({ ...config, durability: { ...durability, replicas: 0 } }, undefined, {}, 'w-careless')
      await pollUntil(() => careless.warnings.length > 0, { what: 'the warning' })
      expect(careless.warnings).toEqual([expect.stringContaining('a replica may take over')])
      const lot = open(config, undefined, { initialDelayMs: 500, maxDelayMs: 500 })
      expect(await park(lot, ...Array.from({ length: 20 }, (_, n) => parked(n)))).toBe(20)
      lot.space.start()
      await group.servers[0]!.kill()
      await pollUntil(() => new Set(lot.tried).size === 20, {
        what: 'all records from the new primary',
        timeoutMs: 60_000,
      })
      await Promise.all(lots.splice(0).map(({ space }) => space.close()))
    } finally {
      await group.stop()
    }
  })

  it('trusts a server again that comes back with other settings', async () => {
    const started = await server({ appendfsync: 'everysec' })
    const lot = open(stateIn(started.port))
    await expect(lot.space.park([parked(1)])).rejects.toMatchObject({ code: 'PARKING_UNAVAILABLE' })
    await started.command('CONFIG', 'SET', 'appendfsync', 'always')
    await started.command('CLIENT', 'KILL', 'TYPE', 'normal')
    expect(await park(lot, parked(1))).toBe(1)
  })
})
