import type { RedisServer, RedisSentinels } from '../services/index.ts'
import type { FaultSwitch } from './fault-switch.ts'

/** What can happen to a Redis without losing its data. */
export function redisFaults(redis: RedisServer): readonly FaultSwitch[] {
  return [redisKill(redis), redisHang(redis), redisOutOfMemory(redis), redisScriptFlush(redis)]
}

function redisKill(redis: RedisServer): FaultSwitch {
  return {
    name: 'redis-kill',
    does: 'kills Redis with kill -9; it comes back with the data that it had synced',
    on: () => redis.kill(),
    off: () => redis.start(),
  }
}

function redisHang(redis: RedisServer): FaultSwitch {
  return {
    name: 'redis-hang',
    does: 'suspends Redis: connections stay open and nothing is answered',
    on: () => redis.pause(),
    off: () => redis.resume(),
  }
}

function redisOutOfMemory(redis: RedisServer): FaultSwitch {
  return {
    name: 'redis-oom',
    does: 'sets maxmemory to a byte without eviction: every write is refused with OOM',
    on: async () => {
      await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
      await redis.command('CONFIG', 'SET', 'maxmemory', '1')
    },
    off: async () => void (await redis.command('CONFIG', 'SET', 'maxmemory', '0')),
  }
}

function redisScriptFlush(redis: RedisServer): FaultSwitch {
  return {
    name: 'redis-script-flush',
    does: 'forgets all scripts, so that EVALSHA answers NOSCRIPT once',
    on: async () => void (await redis.command('SCRIPT', 'FLUSH')),
    off: async () => {},
  }
}

/** Loses everything that is in it, as a Redis without persistence does; it stays reachable but for a moment. */
export function redisRestartedEmpty(redis: RedisServer): FaultSwitch {
  return {
    name: 'redis-empty',
    does: 'kills Redis and starts it without its data',
    on: () => redis.restart('lost'),
    off: async () => {},
  }
}

/** Kills the primary; the sentinels promote the replica, and the old one comes back as its replica. */
export function redisFailover(sentinels: RedisSentinels): FaultSwitch {
  let dead: RedisServer | undefined
  return {
    name: 'redis-failover',
    does: 'kills the primary of two servers, so that the sentinels make the other one the primary',
    on: async () => {
      const port = await sentinels.primaryPort()
      dead = sentinels.servers.find((server) => server.port === port)
      await dead?.kill()
    },
    off: async () => {
      await dead?.start()
      dead = undefined
    },
  }
}
