import { pollUntil } from '@connect-run/testkit'
import { service, startRedisCluster, startRedisSentinels } from '@connect-run/testkit/services'
import { afterEach, expect, it } from '@jest/globals'
import { Stores, at, configOf } from './support.ts'

const redis = await service('redis', { own: true })

redis.describe('the Redis store on several servers', () => {
  const stores = new Stores()
  afterEach(() => stores.close())

  it('goes on after a failover by sentinels, and refuses who is fenced there too', async () => {
    const group = await startRedisSentinels()
    try {
      const durability = { disk: true, replicas: 0, timeoutMs: 500 }
      const config = configOf(group.url, { durability })
      const state = await stores.open(config).store.open('task')
      await state.write({ positions: at(1) })
      const [primary, replica] = group.servers
      await primary!.kill()
      await pollUntil(() => state.write({ positions: at(2) }).then(() => true), { what: 'the failover' })
      expect(await group.primaryPort()).toBe(replica!.port)
      expect(state.lost.aborted).toBe(false)
      await primary!.start()
      await state.write({ positions: at(3) })
      const [after] = await stores.open(config).store.read('task')
      expect(after?.positions).toEqual(at(3))
      await expect(stores.open(config).store.open('task')).rejects.toMatchObject({ code: 'STATE_LOCKED' })
    } finally {
      await stores.close()
      await group.stop()
    }
  })

  it('logs in to sentinels and to the server that they name', async () => {
    const password = 'a secret'
    const group = await startRedisSentinels({ password })
    try {
      const config = configOf(group.url, { password, sentinel: { password } })
      await (await stores.open(config).store.open('task')).write({ positions: at(1) })
      const stranger = stores.open({ ...config, sentinel: undefined, leaseMs: 1000 }).store
      await expect(stranger.open('task')).rejects.toMatchObject({
        code: 'STATE_UNWRITABLE',
        message: expect.stringContaining('NOAUTH'),
      })
    } finally {
      await stores.close()
      await group.stop()
    }
  })

  it('goes on in a cluster of which a node is killed and comes back', async () => {
    const cluster = await startRedisCluster()
    try {
      const { store } = stores.open(configOf(cluster.url))
      const tasks = ['a', 'b', 'c', 'd', 'e', 'f']
      const states = await Promise.all(tasks.map((task) => store.open(task)))
      const writeAll = (offset: number): Promise<PromiseSettledResult<void>[]> =>
        Promise.allSettled(states.map((state) => state.write({ positions: at(offset) })))
      expect((await writeAll(1)).every(({ status }) => status === 'fulfilled')).toBe(true)
      await cluster.nodes[1]!.kill()
      const during = await writeAll(2)
      const failed = during.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
      expect(failed.length).toBeGreaterThan(0)
      for (const reason of failed) expect(reason).toMatchObject({ code: 'STATE_UNWRITABLE', kind: 'retriable' })
      await cluster.nodes[1]!.start()
      const isBack = async (): Promise<boolean> => (await writeAll(3)).every(({ status }) => status === 'fulfilled')
      await pollUntil(isBack, { what: 'the node is back' })
      expect(states.map(({ positions }) => positions)).toEqual(tasks.map(() => at(3)))
    } finally {
      await stores.close()
      await cluster.stop()
    }
  })
})
