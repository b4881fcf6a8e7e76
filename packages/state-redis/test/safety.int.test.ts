import type { ConnectError } from '@connect-run/core'
import type { RedisStateConfig } from '@connect-run/core/runtime'
import { pollUntil } from '@connect-run/testkit'
import { type RedisOptions, type RedisServer, service, startRedis, untilFollowing } from '@connect-run/testkit/services'
import { afterEach, expect, it } from '@jest/globals'
import { Stores, at, configOf } from './support.ts'

const redis = await service('redis', { own: true })

redis.describe('a Redis store at its start', () => {
  const stores = new Stores()
  const servers: RedisServer[] = []

  afterEach(async () => {
    await stores.close()
    await Promise.all(servers.splice(0).map((server) => server.stop()))
  })

  async function start(options: RedisOptions = {}): Promise<RedisServer> {
    const server = await startRedis(options)
    servers.push(server)
    return server
  }

  async function warnings(config: RedisStateConfig): Promise<string[]> {
    const { store, logger } = stores.open(config)
    await store.open('task').catch(() => undefined)
    return logger.entries.filter(({ level }) => level === 'warn').map(({ message }) => message)
  }

  function refusal(config: RedisStateConfig): Promise<ConnectError> {
    return stores
      .open({ ...config, strict: true })
      .store.open('task')
      .then(
        () => {
          throw new Error('it was not refused')
        },
        (error: ConnectError) => error,
      )
  }

  it('says nothing of a safe one, and takes it under strict', async () => {
    const config = configOf((await start()).url)
    expect(await warnings(config)).toEqual([])
    await stores.open({ ...config, strict: true, keyPrefix: 'strict' }).store.open('task')
  })

  it.each([
    [
      'evicts',
      { 'maxmemory-policy': 'allkeys-lru' },
      'maxmemory-policy allkeys-lru',
      'Set `maxmemory-policy noeviction`',
    ],
    ['keeps nothing', { appendonly: 'no' }, 'it keeps nothing on disk', 'Set `appendonly yes`'],
    ['syncs later', { appendfsync: 'everysec' }, 'appendfsync everysec', '`appendfsync always`'],
  ])('names one that %s, once, and refuses it under strict', async (_name, settings, message, hint) => {
    const server = await start({ config: settings })
    const config = configOf(server.url)
    expect(await warnings(config)).toEqual([expect.stringContaining(message)])
    const error = await refusal(config)
    expect(error).toMatchObject({ code: 'STATE_UNSAFE', kind: 'fatal' })
    expect(error.message).toContain(message)
    expect(error.message).toContain(server.url)
    expect(error.hint).toContain(hint)
    await expect(stores.open({ ...config, strict: true }).store.check!()).rejects.toMatchObject({
      code: 'STATE_UNSAFE',
    })
    await stores.open(config).store.check!()
  })

  it('does not refuse one that can not be asked', async () => {
    const server = await start()
    await server.kill()
    await stores.open(configOf(server.url, { strict: true, leaseMs: 1000 })).store.check!()
  })

  it('names a read-only replica, and waits for it to become the primary', async () => {
    const primary = await start()
    const replica = await start({ config: { replicaof: `127.0.0.1 ${primary.port}` } })
    const config = configOf(replica.url)
    expect(await warnings(config)).toEqual([expect.stringContaining('it is a read-only replica')])
    expect(await refusal(config)).toMatchObject({ code: 'STATE_UNSAFE' })
    const { store } = stores.open(config)
    await expect(store.open('task')).rejects.toMatchObject({ code: 'STATE_UNWRITABLE', kind: 'retriable' })
    await replica.command('REPLICAOF', 'NO', 'ONE')
    await pollUntil(() => store.open('task').catch(() => undefined), { what: 'it takes writes' })
  })

  it('looks again when it has connected again', async () => {
    const server = await start()
    const { store, logger } = stores.open(configOf(server.url))
    await store.open('task')
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal')
    await pollUntil(() => logger.entries.some(({ message }) => message.includes('allkeys-lru')), {
      what: 'the warning',
    })
  })

  it('waits for replicas, and stores nothing that they have not got', async () => {
    const primary = await start()
    const replica = await start({ config: { replicaof: `127.0.0.1 ${primary.port}` } })
    await untilFollowing(replica, primary)
    const durability = { disk: true, replicas: 1, timeoutMs: 2000 }
    const state = await stores.open(configOf(primary.url, { durability })).store.open('task')
    await state.write({ positions: at(1) })
    await replica.pause()
    await expect(state.write({ positions: at(2) })).rejects.toMatchObject({
      code: 'STATE_UNWRITABLE',
      message: expect.stringContaining('0 of 1 replicas had it'),
    })
    expect(state.positions).toEqual(at(1))
    await replica.resume()
    await pollUntil(() => state.write({ positions: at(3) }).then(() => true), { what: 'the replica answers' })
  })

  it('waits as long as it takes for a Redis that is not there yet', async () => {
    const server = await start()
    await server.kill()
    const { store } = stores.open(configOf(server.url, { leaseMs: 1000 }))
    const error = await store.open('task').catch((reason: ConnectError) => reason)
    expect(error).toMatchObject({ code: 'STATE_UNWRITABLE', kind: 'retriable' })
    expect((error as ConnectError).message).toContain(`can't reach Redis at ${server.url}: connect ECONNREFUSED`)
    await server.start()
    await pollUntil(() => store.open('task').catch(() => undefined), { what: 'it is there' })
  })

  it('logs in, over TLS, and shows no password', async () => {
    const server = await start({ password: 'hush me', secured: true })
    const { port, certificates } = server.tls!
    const tls = { ca: certificates.caFile, verify: true }
    const config = configOf(`redis://127.0.0.1:${port}`, { tls })
    for (const password of [undefined, 'hush nobody']) {
      const { store, logger } = stores.open({ ...config, password })
      const error = (await store.open('task').catch((reason: unknown) => reason)) as ConnectError
      expect(error).toMatchObject({ code: 'STATE_UNWRITABLE' })
      expect(error.message).toMatch(/does not let this user in: (NOAUTH|WRONGPASS)/)
      expect(JSON.stringify([error, error.cause, error.stack, logger.entries])).not.toContain('hush')
    }
    const { store } = stores.open({ ...config, password: 'hush me' })
    await (await store.open('task')).write({ positions: at(1) })
    const distrusted = stores.open({ ...config, password: 'hush me', tls: { verify: true } }).store
    await expect(distrusted.open('task')).rejects.toMatchObject({ message: expect.stringContaining('certificate') })
  })

  it('needs no more rights than the README says', async () => {
    const server = await start()
    const rights = ['~app:*', '+eval', '+hgetall', '+smembers', '+info', '+ping', '+select']
    const inside = ['+time', '+hmget', '+hset', '+hget', '+hdel', '+sadd', '+del']
    await server.command('ACL', 'SETUSER', 'worker', 'on', '>secret', ...rights, ...inside)
    const login = { username: 'worker', password: 'secret' }
    const { store, logger } = stores.open(configOf(server.url, { ...login, keyPrefix: 'app' }))
    const state = await store.open('task')
    await state.write({ positions: [...at(1), { stream: 's', partition: 1, position: { offset: 1, ended: true } }] })
    await server.command('DEL', 'app:{task}')
    await state.write({ positions: at(2) })
    expect(await store.read('task')).toHaveLength(1)
    await state.close()
    expect(logger.entries.map(({ message }) => message)).toEqual([
      expect.stringContaining('it confirms writes that may be written later'),
      expect.stringContaining('has lost state of task'),
    ])
  })
})
