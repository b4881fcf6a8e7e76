import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type FaultSwitch, during, redisFailover, redisFaults, redisRestartedEmpty } from '../../src/faults/index.ts'
import { pollUntil } from '../../src/index.ts'
import {
  type RedisSentinels,
  type RedisServer,
  redisCommand,
  startRedis,
  startRedisSentinels,
} from '../../src/services/index.ts'

let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

function fault(name: string): FaultSwitch {
  return redisFaults(redis).find((each) => each.name === name)!
}

const get = (key: string): Promise<unknown> => redis.command('GET', key)

it('redis-kill ends it, and brings it back with what it had acknowledged', async () => {
  await redis.command('SET', 'key', 'kept')
  await during(fault('redis-kill'), async () => {
    expect(redis.pid).toBeUndefined()
    await expect(get('key')).rejects.toThrow('ECONNREFUSED')
  })
  expect(await get('key')).toBe('kept')
})

it('redis-hang takes connections and does not answer', async () => {
  await during(fault('redis-hang'), () =>
    expect(redisCommand({ port: redis.port, timeoutMs: 200 }, ['PING'])).rejects.toThrow('did not answer'),
  )
  expect(await redis.command('PING')).toBe('PONG')
})

it('redis-oom refuses writes and answers reads', async () => {
  await redis.command('SET', 'key', 'before')
  await during(fault('redis-oom'), async () => {
    await expect(redis.command('SET', 'key', 'during')).rejects.toThrow('OOM')
    expect(await get('key')).toBe('before')
  })
  expect(await redis.command('SET', 'key', 'after')).toBe('OK')
})

it('redis-script-flush forgets scripts', async () => {
  const hash = String(await redis.command('SCRIPT', 'LOAD', 'return 1'))
  expect(await redis.command('EVALSHA', hash, '0')).toBe(1)
  await during(fault('redis-script-flush'), () =>
    expect(redis.command('EVALSHA', hash, '0')).rejects.toThrow('NOSCRIPT'),
  )
})

it('redis-empty brings it back without its data', async () => {
  await redis.command('SET', 'key', 'gone')
  await during(redisRestartedEmpty(redis), async () => expect(await get('key')).toBeNull())
})

describe('with sentinels', () => {
  let sentinels: RedisSentinels

  beforeAll(async () => {
    sentinels = await startRedisSentinels()
  })
  afterAll(() => sentinels?.stop())

  it('redis-failover makes the other server the primary', async () => {
    const before = await sentinels.primaryPort()
    await during(redisFailover(sentinels), () =>
      pollUntil(async () => (await sentinels.primaryPort()) !== before, { what: 'another primary' }),
    )
    // They may change their minds on a busy machine; in the end one serves the other.
    const roles = async (): Promise<string[]> =>
      Promise.all(sentinels.servers.map(async (server) => String(await server.command('ROLE')).split(',')[0]!))
    const settled = async (): Promise<boolean> => (await roles()).sort().join() === 'master,slave'
    await pollUntil(settled, { what: 'a primary and its replica', timeoutMs: 60_000 })
  })
})
