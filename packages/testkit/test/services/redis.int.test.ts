import { pollUntil } from '@connect-run/testkit'
import {
  redisCommand,
  service,
  startRedis,
  startRedisCluster,
  startRedisSentinels,
} from '@connect-run/testkit/services'
import { expect, it } from '@jest/globals'

const redis = await service('redis')

redis.describe('Redis', () => {
  it('is shared', async () => {
    expect(await redisCommand({ port: Number(new URL(redis.address).port) }, ['PING'])).toBe('PONG')
  })

  it('keeps its data over a kill, unless it is to lose it', async () => {
    const server = await startRedis({ password: 'a secret' })
    try {
      expect(await server.command('SET', 'ключ', 'value\r\n')).toBe('OK')
      await server.kill()
      await expect(server.command('PING')).rejects.toThrow('ECONNREFUSED')
      await server.start()
      expect(await server.command('MGET', 'ключ', 'none')).toEqual(['value\r\n', null])
      await server.restart('lost')
      expect(await server.command('EXISTS', 'ключ')).toBe(0)
      await expect(server.command('NOSUCH')).rejects.toThrow('unknown command')
      await expect(redisCommand(server, ['PING'])).rejects.toThrow('NOAUTH')
    } finally {
      await server.stop()
    }
  })

  it('fails over by sentinels', async () => {
    const group = await startRedisSentinels()
    try {
      const [primary, replica] = group.servers
      expect(await group.primaryPort()).toBe(primary!.port)
      await primary!.kill()
      const isOver = async (): Promise<boolean> => (await group.primaryPort()) === replica!.port
      await pollUntil(isOver, { what: 'the failover' })
    } finally {
      await group.stop()
    }
  })

  it('shares slots in a cluster', async () => {
    const cluster = await startRedisCluster()
    try {
      const answers = cluster.nodes.map((node) => node.command('SET', 'key', 'value').catch((error: Error) => error))
      const texts = (await Promise.all(answers)).map(String)
      expect(texts.filter((text) => text === 'OK')).toHaveLength(1)
      expect(texts.filter((text) => text.includes('MOVED'))).toHaveLength(2)
    } finally {
      await cluster.stop()
    }
  })
})
