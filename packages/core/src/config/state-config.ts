import { resolve } from 'node:path'
import type { PropertySchema } from '../api/config-schema.ts'
import { type TlsConfig, isPem, tlsProperties } from '../api/tls-options.ts'
import type { Issue } from './issue.ts'
import { type RedisAddress, type StatePlace, isFlaw, parseStateUrl } from './state-url.ts'
import { isObject } from './validate.ts'

/** Where state is kept, and how. */
export type StateConfig = Exclude<StatePlace, RedisAddress> | RedisStateConfig

export interface RedisStateConfig extends Omit<RedisAddress, 'isTls'> {
  readonly tls: TlsConfig | undefined
  /** Login of the sentinels, which have users of their own. */
  readonly sentinel: StateLogin | undefined
  /** A Redis that may lose what it has confirmed is refused instead of warned of. */
  readonly strict: boolean
  /** How long a claim on a task lasts without a sign of life, in milliseconds. */
  readonly leaseMs: number
  readonly keyPrefix: string
  readonly durability: StateDurability
}

export interface StateLogin {
  readonly username?: string
  readonly password: string
}

/** What a write waits for. */
export interface StateDurability {
  /** The server's disk, where the server can tell. */
  readonly disk: boolean
  /** So many replicas have it. */
  readonly replicas: number
  /** How long, in milliseconds, before the write counts as failed. */
  readonly timeoutMs: number
}

/** `state` of a file, checked and with defaults. */
export interface StateFileConfig {
  readonly url: string
  readonly username?: string
  readonly password?: string
  readonly tls?: TlsConfig
  readonly sentinel?: StateLogin
  readonly strict: boolean
  readonly lease: number
  readonly keyPrefix: string
  readonly durability: { readonly disk: boolean; readonly replicas: number; readonly timeout: number }
}

const DEFAULT_URL = 'file:./.connect-run'
const MIN_LEASE_MS = 1000

const tls: PropertySchema = {
  type: 'object',
  description:
    'Encrypts the connection to Redis, as `rediss://` does, with certificates of your own. Paths are relative to this file.',
  properties: tlsProperties('server'),
}

const durability: PropertySchema = {
  type: 'object',
  description: 'What Redis must confirm before a position counts as stored.',
  default: {},
  properties: {
    disk: {
      type: 'boolean',
      default: true,
      description:
        'It is on the server’s disk. Redis 7.2 and later can say so (`WAITAOF`), and any with `appendfsync always`; ' +
        'where neither is so, the start says it.',
    },
    replicas: { type: 'integer', minimum: 0, default: 0, description: 'So many replicas have it.' },
    timeout: {
      type: 'string',
      format: 'duration',
      default: '2s',
      description: 'How long to wait for that. Afterwards the write has failed and is tried again.',
    },
  },
}

const sentinel: PropertySchema = {
  type: 'object',
  description:
    'How sentinels are logged in to, where they want it: user and password of the URL are the data servers’.',
  required: ['password'],
  properties: {
    username: { type: 'string', minLength: 1, description: 'User of the sentinels.' },
    password: { type: 'string', secret: true, description: 'Password of the sentinels.' },
  },
}

export const stateSchema: PropertySchema = {
  type: 'object',
  description: 'Where progress is kept for sources that do not keep it themselves, and the ledgers of all.',
  default: {},
  properties: {
    url: {
      type: 'string',
      default: DEFAULT_URL,
      description:
        '`file:<folder>`, relative to this file, for one machine; `redis://user:password@host:6379/0`, ' +
        '`redis+sentinel://h1,h2/name` or `redis+cluster://h1,h2` (with TLS: `rediss…`), shared by workers; or `memory:`.',
    },
    username: { type: 'string', minLength: 1, description: 'User of Redis, if not in the URL.' },
    password: { type: 'string', secret: true, description: 'Password of Redis, if not in the URL.' },
    tls,
    sentinel,
    strict: {
      type: 'boolean',
      default: false,
      description: 'Refuse a Redis that may lose what it has confirmed, instead of warning of it.',
    },
    lease: {
      type: 'string',
      format: 'duration',
      default: '15s',
      description:
        'How long a worker that is not heard of keeps its tasks in Redis; then another worker takes them over. ' +
        'What lives on the same machine and is provably dead does not keep them at all.',
    },
    keyPrefix: {
      type: 'string',
      pattern: '^[A-Za-z0-9._:-]+$',
      errorMessage: 'must be letters, digits, ".", "_", ":" and "-"',
      default: 'connect-run',
      description: 'Beginning of all keys in Redis.',
    },
    durability,
  },
}

/** Where the file says that state is kept, as far as it can be told before all of the file is checked. */
export function statePlace(raw: unknown, folder: string): { readonly place?: StatePlace; readonly issues: Issue[] } {
  const state = isObject(raw) && isObject(raw['state']) ? raw['state'] : {}
  const url = typeof state['url'] === 'string' ? state['url'] : DEFAULT_URL
  const place = parseStateUrl(url, folder)
  if (!isFlaw(place)) return { place, issues: [] }
  return { issues: [{ path: ['state', 'url'], message: place.message, hint: place.hint }] }
}

/** Undefined, with an issue, where the options contradict each other. Paths are relative to the folder. */
export function stateConfig(
  { place, folder }: { readonly place: StatePlace; readonly folder: string },
  file: StateFileConfig,
  issues: Issue[],
): StateConfig | undefined {
  if (place.kind !== 'redis') return place
  if (file.lease < MIN_LEASE_MS) {
    const hint =
      'A lease must outlast hiccups of the network and of this process, and is renewed three times in its course.'
    issues.push({ path: ['state', 'lease'], message: 'must be at least 1s', hint })
    return undefined
  }
  const { isTls, ...address } = place
  const { disk, replicas, timeout } = file.durability
  return {
    ...address,
    username: address.username ?? file.username,
    password: address.password ?? file.password,
    tls: file.tls === undefined ? (isTls ? { verify: true } : undefined) : inFolder(file.tls, folder),
    sentinel: file.sentinel,
    strict: file.strict,
    leaseMs: file.lease,
    keyPrefix: file.keyPrefix,
    durability: { disk, replicas, timeoutMs: timeout },
  }
}

function inFolder({ ca, cert, key, ...others }: TlsConfig, folder: string): TlsConfig {
  const found = (pem: string): string => (isPem(pem) ? pem : resolve(folder, pem))
  return {
    ...others,
    ...(ca === undefined ? {} : { ca: found(ca) }),
    ...(cert === undefined ? {} : { cert: found(cert) }),
    ...(key === undefined ? {} : { key: found(key) }),
  }
}

/** Names the place in messages and logs, without secrets. */
export function stateLocation(state: StateConfig): string {
  if (state.kind === 'memory') return 'memory:'
  if (state.kind === 'file') return `file:${state.folder}`
  const { mode, hosts, primary, database, tls: encrypted } = state
  const scheme = `redis${encrypted === undefined ? '' : 's'}${mode === 'single' ? '' : `+${mode}`}`
  const list = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',')
  const name = primary === undefined ? '' : `/${primary}`
  return `${scheme}://${list}${name}${database === 0 ? '' : `/${database}`}`
}
