import { pollUntil } from '../poll-until.ts'
import { freePort } from './free-port.ts'
import { startRedis, type RedisOptions, type RedisServer } from './redis.ts'

/** A primary, its replica, and the sentinels that fail one over to the other. */
export interface RedisSentinels {
  /** By what name clients ask for the primary. */
  readonly name: string
  /** `redis+sentinel://host:port,…/name` */
  readonly url: string
  /** The first one begins as the primary. */
  readonly servers: readonly RedisServer[]
  readonly sentinels: readonly RedisServer[]
  /** The port of the primary, by what a sentinel says now. */
  primaryPort(): Promise<number>
  stop(): Promise<void>
}

/** Three sentinels over two servers, all with the one password if there is any; a dead primary is replaced after about two seconds. */
export async function startRedisSentinels(
  options: Pick<RedisOptions, 'config' | 'password'> = {},
): Promise<RedisSentinels> {
  const name = 'state'
  const running: RedisServer[] = []
  const start = async (each: RedisOptions): Promise<RedisServer> => {
    const server = await startRedis(each)
    running.push(server)
    return server
  }
  const stop = async (): Promise<void> => void (await Promise.all(running.map((server) => server.stop())))
  try {
    const primary = await start(options)
    const replica = await start({ ...options, config: { ...options.config, replicaof: `127.0.0.1 ${primary.port}` } })
    await untilFollowing(replica, primary)
    const config = sentinelConfig(name, primary.port, options.password)
    const sentinels = await Promise.all([1, 2, 3].map(() => start({ ...options, config })))
    await Promise.all(sentinels.map((sentinel) => knowsOthers(sentinel, name)))
    const primaryPort = async (): Promise<number> => {
      const address = await sentinels[0]!.command('SENTINEL', 'get-master-addr-by-name', name)
      return Number((address as readonly string[])[1])
    }
    const url = `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${name}`
    return { name, url, servers: [primary, replica], sentinels, primaryPort, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** By the account of both: a primary sends a replica nothing for up to a second after that one calls the link up. */
export async function untilFollowing(replica: RedisServer, primary: RedisServer): Promise<void> {
  const says = async (server: RedisServer, text: string): Promise<boolean> =>
    String(await server.command('INFO', 'replication')).includes(text)
  const isLinked = async (): Promise<boolean> =>
    (await says(replica, 'master_link_status:up')) && (await says(primary, 'state=online'))
  await pollUntil(isLinked, { what: 'the replica follows' })
}

function sentinelConfig(name: string, port: number, password: string | undefined): Record<string, string> {
  const quoted = JSON.stringify(password)
  return {
    [`sentinel monitor ${name}`]: `127.0.0.1 ${port} 2`,
    [`sentinel down-after-milliseconds ${name}`]: '1000',
    [`sentinel failover-timeout ${name}`]: '6000',
    ...(password === undefined ? {} : { [`sentinel auth-pass ${name}`]: quoted, 'sentinel sentinel-pass': quoted }),
  }
}

/** Before all know each other and the replica, a failover finds no majority, or nobody to promote. */
function knowsOthers(sentinel: RedisServer, name: string): Promise<boolean> {
  const ask = async (): Promise<boolean> => {
    const state = ((await sentinel.command('SENTINEL', 'master', name)) as readonly string[]).map(String)
    const value = (key: string): string | undefined => state[state.indexOf(key) + 1]
    return value('num-other-sentinels') === '2' && value('num-slaves') === '1'
  }
  return pollUntil(ask, { what: 'the sentinels know each other' })
}

/** Nodes that share the slots, without replicas. */
export interface RedisCluster {
  /** `redis+cluster://host:port,…` */
  readonly url: string
  readonly nodes: readonly RedisServer[]
  stop(): Promise<void>
}

const SLOTS = 16_384

export async function startRedisCluster(count = 3): Promise<RedisCluster> {
  const nodes = await Promise.all(Array.from({ length: count }, startNode))
  const stop = async (): Promise<void> => void (await Promise.all(nodes.map(({ server }) => server.stop())))
  try {
    for (const [index, { server }] of nodes.entries()) {
      await server.command('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))
      await server.command('CLUSTER', 'ADDSLOTS', ...slotsOf(index, count))
    }
    const first = nodes[0]!.server
    for (const { server, busPort } of nodes.slice(1)) {
      await first.command('CLUSTER', 'MEET', '127.0.0.1', String(server.port), String(busPort))
    }
    await Promise.all(nodes.map(({ server }) => isWhole(server, count)))
  } catch (error) {
    await stop()
    throw error
  }
  const url = `redis+cluster://${nodes.map(({ server }) => `127.0.0.1:${server.port}`).join(',')}`
  return { url, nodes: nodes.map(({ server }) => server), stop }
}

async function startNode(): Promise<{ readonly server: RedisServer; readonly busPort: number }> {
  const busPort = await freePort()
  const config = { 'cluster-enabled': 'yes', 'cluster-port': String(busPort), 'cluster-node-timeout': '2000' }
  return { server: await startRedis({ config }), busPort }
}

function slotsOf(index: number, count: number): string[] {
  const begin = Math.floor((index * SLOTS) / count)
  const end = Math.floor(((index + 1) * SLOTS) / count)
  return Array.from({ length: end - begin }, (_, slot) => String(begin + slot))
}

function isWhole(node: RedisServer, count: number): Promise<boolean> {
  const ask = async (): Promise<boolean> => {
    const info = String(await node.command('CLUSTER', 'INFO'))
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${count}`)
  }
  return pollUntil(ask, { what: 'the cluster is whole' })
}
