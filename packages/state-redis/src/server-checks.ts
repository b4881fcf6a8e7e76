import { ConnectError } from '@connect-run/core'
import type { RedisStateConfig, StateDurability } from '@connect-run/core/runtime'
import type { Redis } from 'ioredis'
import type { StateConnection } from './connection.ts'
import type { Wait } from './wait.ts'

const OLDEST: Version = [6, 2]
const WITH_WAITAOF: Version = [7, 2]

type Version = readonly [major: number, minor: number]

/** What a server says about itself. */
export interface ServerFacts {
  readonly version: string
  readonly isReplica: boolean
  readonly hasAppendOnlyFile: boolean
  /** `always`, `everysec`, `no`; undefined where it may not be asked for. */
  readonly appendFsync: string | undefined
  /** When snapshots are taken, empty: never; undefined where it may not be asked for. */
  readonly save: string | undefined
  readonly evictionPolicy: string
}

/** Why a server may lose what it has confirmed. */
export interface Finding {
  readonly message: string
  readonly hint: string
}

export async function serverFacts(server: Redis): Promise<ServerFacts> {
  const info = await server.info()
  const fact = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
  const settings = await settingsOf(server)
  return {
    version: fact('redis_version'),
    isReplica: fact('role') === 'slave',
    hasAppendOnlyFile: fact('aof_enabled') === '1',
    evictionPolicy: fact('maxmemory_policy'),
    appendFsync: settings?.get('appendfsync'),
    save: settings?.get('save'),
  }
}

/** Undefined where this user, or the provider of the service, does not allow it. */
async function settingsOf(server: Redis): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const settings = new Map<string, string>()
    for (const name of ['appendfsync', 'save']) {
      const [, value = ''] = (await server.call('CONFIG', 'GET', name)) as readonly string[]
      settings.set(name, value)
    }
    return settings
  } catch (error) {
    if (/^(NOPERM|ERR)/.test((error as Error).message)) return undefined
    throw error
  }
}

export function findings(facts: ServerFacts, durability: StateDurability): Finding[] {
  return [age(facts), role(facts), eviction(facts), persistence(facts, durability)].filter((one) => one !== undefined)
}

function age({ version }: ServerFacts): Finding | undefined {
  if (isAtLeast(version, OLDEST)) return undefined
  return { message: `it is version ${version}, which is too old`, hint: `Update it to ${OLDEST.join('.')} or later.` }
}

function role({ isReplica }: ServerFacts): Finding | undefined {
  if (!isReplica) return undefined
  const hint = 'Let `state.url` name the primary, or the sentinels that know which one it is.'
  return { message: 'it is a read-only replica', hint }
}

function eviction({ evictionPolicy }: ServerFacts): Finding | undefined {
  if (!evictionPolicy.startsWith('allkeys')) return undefined
  const message = `it removes any key when memory runs out (maxmemory-policy ${evictionPolicy})`
  return { message, hint: 'Set `maxmemory-policy noeviction`.' }
}

function persistence(facts: ServerFacts, durability: StateDurability): Finding | undefined {
  const { hasAppendOnlyFile, appendFsync, save } = facts
  if (!hasAppendOnlyFile) {
    const hint = 'Set `appendonly yes`.'
    if (save === '') return { message: 'it keeps nothing on disk (no persistence)', hint }
    return { message: 'it has no append-only file: a crash takes it back to its last snapshot, if any', hint }
  }
  if (!durability.disk || appendFsync === 'always' || hasWaitAof(facts)) return undefined
  const often = appendFsync === undefined ? 'may be written later' : `are written later (appendfsync ${appendFsync})`
  return {
    message: `it confirms writes that ${often}: a crash may take back the last second`,
    hint: 'Set `appendfsync always`, or update to 7.2 or later; `state.durability.disk: false` accepts it.',
  }
}

/** Why nothing is kept there where `state.strict` asks for safety. */
export function unsafe(location: string, found: readonly Finding[]): ConnectError {
  const all = found.map(({ message }) => message).join('; ')
  return new ConnectError('STATE_UNSAFE', `Redis at ${location} may lose state: ${all}`, {
    hint: found.map(({ hint }) => hint).join(' '),
  })
}

/** What makes writes to all of these servers durable, as configured; undefined: nothing needs to be waited for. */
export function durableBy(
  servers: readonly ServerFacts[],
  { disk, replicas, timeoutMs }: StateDurability,
): Wait | undefined {
  const onDisk = disk && servers.every((facts) => facts.hasAppendOnlyFile && hasWaitAof(facts))
  const isLocal = onDisk && servers.some(({ appendFsync }) => appendFsync !== 'always')
  const wanted = { disk: isLocal ? 1 : 0, replicas }
  const timeout = String(timeoutMs)
  if (isLocal) return { command: ['WAITAOF', '1', String(replicas), timeout], wanted }
  return replicas === 0 ? undefined : { command: ['WAIT', String(replicas), timeout], wanted }
}

function hasWaitAof({ version }: ServerFacts): boolean {
  return isAtLeast(version, WITH_WAITAOF)
}

function isAtLeast(version: string, [major, minor]: Version): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map(Number)
  return ownMajor > major || (ownMajor === major && ownMinor >= minor)
}

export interface Checked {
  readonly findings: readonly Finding[]
  readonly wait: Wait | undefined
}

/** Looks at all servers that take writes. */
export async function checkServers(connection: StateConnection, { durability }: RedisStateConfig): Promise<Checked> {
  const servers = await connection.onEach(serverFacts)
  return { findings: allFindings(servers, durability), wait: durableBy(servers, durability) }
}

/** Of several servers, each said once. */
export function allFindings(servers: readonly ServerFacts[], durability: StateDurability): Finding[] {
  const all = servers.flatMap((facts) => findings(facts, durability))
  return [...new Map(all.map((finding) => [finding.message, finding])).values()]
}
