import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import type { RedisStateConfig } from '@connect-run/core/runtime'
import { type RedisServer, service, startRedis } from '@connect-run/testkit/services'
import { probeRedisState } from '../src/index.ts'
import { connectRedis } from '../src/connection.ts'
import { Stores, at, configOf } from './support.ts'

const redis = await service('redis', { own: true })
const { signal } = new AbortController()

redis.describe('a probe of Redis', () => {
  let server: RedisServer
  let config: RedisStateConfig
  const stores = new Stores()

  beforeAll(async () => {
    server = await startRedis()
    config = configOf(server.url)
  })

  afterAll(() => server.stop())

  /** The only answer to a command. */
  async function ask(...command: readonly [string, ...string[]]): Promise<unknown> {
    const client = connectRedis(config)
    try {
      return await client.call(...command)
    } finally {
      client.disconnect()
    }
  }

  it('finds the version, disturbs no claim and writes nothing', async () => {
    expect(await probeRedisState(config, ['task'], signal)).toEqual([expect.stringMatching(/^Redis \d+\.\d+\.\d+$/)])
    expect(await ask('DBSIZE')).toBe(0)
    const { store } = stores.open(config)
    const state = await store.open('task')
    await probeRedisState(config, ['task'], signal)
    await state.write({ positions: at(5) })
    await stores.close()
  })

  it('tells of a server that may lose state, and refuses it under strict', async () => {
    await ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    try {
      const [, caution] = await probeRedisState(config, [], signal)
      expect(caution).toMatch(/^may lose state: .*allkeys-lru/)
      await expect(probeRedisState({ ...config, strict: true }, [], signal)).rejects.toMatchObject({
        code: 'STATE_UNSAFE',
      })
    } finally {
      await ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    }
  })

  it('asks for no more rights than a worker has', async () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
    const rights = /^ACL SETUSER orders on >secret (~[^`]+)/m.exec(readme)![1]!.trim().split(/\s+/)
    // Redis knows it from 7.2 on.
    const known = rights.filter((right) => right !== '+waitaof')
    await ask('ACL', 'SETUSER', 'orders', 'on', '>secret', ...known)
    const user = { ...config, keyPrefix: 'connect-run', username: 'orders', password: 'secret' }
    await expect(probeRedisState(user, ['task'], signal)).resolves.toHaveLength(1)
  })

  it('finds a user that may not look at the keys, and a wrong password, without showing it', async () => {
    const username = `u-${randomUUID()}`
    await ask('ACL', 'SETUSER', username, 'on', '>right-secret', '+@all', '~elsewhere*')
    const user = { ...config, username, password: 'right-secret' }
    await expect(probeRedisState(user, ['task'], signal)).rejects.toMatchObject({
      code: 'STATE_UNWRITABLE',
      message: expect.stringMatching(/does not let this user in: .*NOPERM|No permissions/),
      hint: expect.stringContaining('rights of the user'),
    })
    const refused = probeRedisState({ ...user, password: 'wrong-secret' }, ['task'], signal)
    await expect(refused).rejects.toMatchObject({ message: expect.stringMatching(/WRONGPASS/) })
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('wrong-secret') })
  })

  it('finds a key that holds something else', async () => {
    const other = configOf(server.url)
    const { store } = stores.open(other)
    await (await store.open('task')).close()
    const [key] = (await ask('KEYS', `${other.keyPrefix}:*[^names]`)) as string[]
    await ask('SET', key!, 'something else')
    await expect(probeRedisState(other, ['task'], signal)).rejects.toMatchObject({ code: 'STATE_UNREADABLE' })
    await stores.close()
  })

  it('ends as soon as its signal aborts', async () => {
    await server.pause()
    try {
      const started = performance.now()
      await expect(probeRedisState(config, ['task'], AbortSignal.timeout(50))).rejects.toThrow(/timeout/)
      expect(performance.now() - started).toBeLessThan(500)
    } finally {
      await server.resume()
    }
  })
})
