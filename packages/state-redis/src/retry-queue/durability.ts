import type { RedisStateConfig } from '@connect-run/core/runtime'
import { Cluster, type Redis } from 'ioredis'
import type { RedisClient } from '../connection.ts'

/** What makes sure that the writes before it, on the same connection, outlast a crash. */
export type Confirmation =
  | { readonly kind: 'none-needed' }
  | { readonly kind: 'wait'; readonly command: readonly string[]; readonly disk: number; readonly replicas: number }

/** Why a Redis can't be trusted with what is nowhere else. */
export interface Distrust {
  readonly kind: 'distrust'
  readonly reason: string
}

interface ServerFacts {
  readonly version: readonly [number, number]
  readonly policy: string
  readonly appends: boolean
  readonly replicas: number
  /** Undefined where this user may not ask. */
  readonly fsync: string | undefined
}

/** Finds out how the servers can confirm that what they have taken is on their disk. */
export async function confirmationOf(
  client: RedisClient,
  { mode, durability: { replicas, timeoutMs } }: Pick<RedisStateConfig, 'mode' | 'durability'>,
): Promise<Confirmation | Distrust> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client]
  const facts = await Promise.all(servers.map(factsOf))
  const flaw = facts.map(flawOf).find((found) => found !== undefined)
  if (flaw !== undefined) return { kind: 'distrust', reason: flaw }
  if (mode !== 'single' && replicas === 0 && facts.some((server) => server.replicas > 0)) {
    const reason = 'a replica may take over without what its primary has taken (state.durability.replicas is 0)'
    return { kind: 'distrust', reason }
  }
  const wait = (...command: string[]): Confirmation => {
    const disk = command[0] === 'WAITAOF' ? 1 : 0
    return { kind: 'wait', command: [...command, String(replicas), String(timeoutMs)], disk, replicas }
  }
  if (!facts.every(({ fsync }) => fsync === 'always')) return wait('WAITAOF', '1')
  return replicas > 0 ? wait('WAIT') : { kind: 'none-needed' }
}

/** Rejects where the confirmation does not come. `key` says which server of a cluster is meant. */
export async function confirm(client: RedisClient, confirmation: Confirmation, key: string): Promise<void> {
  if (confirmation.kind === 'none-needed') return
  const { command, disk, replicas } = confirmation
  const pipeline = client.pipeline()
  pipeline.exists(key)
  pipeline.call(command[0]!, ...command.slice(1))
  const [error, reply] = (await pipeline.exec())?.[1] ?? [new Error('the connection is closed')]
  if (error !== null) throw error
  const [onDisk, onReplicas] = Array.isArray(reply) ? reply.map(Number) : [0, Number(reply)]
  if (onDisk! < disk || onReplicas! < replicas) throw new Error('Redis did not confirm in time that it is on its disk')
}

async function factsOf(server: Redis): Promise<ServerFacts> {
  const info = await server.info()
  const field = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  const [major = 0, minor = 0] = field('redis_version').split('.').map(Number)
  return {
    version: [major, minor],
    policy: field('maxmemory_policy'),
    appends: field('aof_enabled') === '1',
    replicas: Number(field('connected_slaves')),
    fsync: await server.config('GET', 'appendfsync').then(
      (reply) => reply[1],
      () => undefined,
    ),
  }
}

function flawOf({ version: [major, minor], policy, appends, fsync }: ServerFacts): string | undefined {
  if (policy !== '' && policy !== 'noeviction')
    return `its maxmemory-policy is ${policy}, which forgets what it has taken`
  if (!appends) return 'it keeps no append-only file (appendonly yes)'
  if (fsync === 'always' || major > 7 || (major === 7 && minor >= 2)) return undefined
  if (fsync === undefined) return 'this user may not ask for its appendfsync (CONFIG GET), and it is older than 7.2'
  return `it answers before its disk has what it was given (appendfsync ${fsync}; always, or Redis 7.2, is needed)`
}
