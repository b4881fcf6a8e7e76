import { resolve } from 'node:path'

/** Where state is kept, by its URL. */
export type StatePlace = { readonly kind: 'memory' } | { readonly kind: 'file'; readonly folder: string } | RedisAddress

export interface RedisAddress {
  readonly kind: 'redis'
  readonly mode: RedisMode
  /** The server, the sentinels, or some nodes of the cluster. */
  readonly hosts: readonly HostPort[]
  /** The name that the sentinels know the primary by. */
  readonly primary: string | undefined
  readonly database: number
  readonly username: string | undefined
  readonly password: string | undefined
  readonly isTls: boolean
}

export type RedisMode = 'single' | 'sentinel' | 'cluster'

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** What is wrong with a URL, without its secrets. */
export interface StateUrlFlaw {
  readonly message: string
  readonly hint: string
}

const PORTS: Readonly<Record<RedisMode, number>> = { single: 6379, sentinel: 26_379, cluster: 6379 }
const SHAPE = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/

const FORMS =
  'such as file:./.connect-run, memory:, redis://host:6379, redis+sentinel://h1,h2/name or redis+cluster://h1,h2'
const REDIS_FORMS: Readonly<Record<RedisMode, string>> = {
  single: 'redis://user:password@host:6379/0',
  sentinel: 'redis+sentinel://h1:26379,h2:26379/name',
  cluster: 'redis+cluster://h1:6379,h2:6379',
}

/** Folders are relative to the folder given. */
export function parseStateUrl(url: string, folder: string): StatePlace | StateUrlFlaw {
  if (url === 'memory:') return { kind: 'memory' }
  if (url.startsWith('file:') && url !== 'file:') {
    return { kind: 'file', folder: resolve(folder, url.slice('file:'.length).replace(/^\/\/(?=\/)/, '')) }
  }
  if (/^rediss?[:+]/.test(url)) return parseRedisUrl(url)
  return { message: 'is no place for state', hint: `Write a URL, ${FORMS}.` }
}

export function isFlaw(place: StatePlace | StateUrlFlaw): place is StateUrlFlaw {
  return 'message' in place
}

function parseRedisUrl(url: string): RedisAddress | StateUrlFlaw {
  const match = SHAPE.exec(url)
  const [, scheme, variant, user, hosts = '', path = ''] = match ?? []
  const mode = (variant ?? 'single') as RedisMode
  const flaw = (message: string): StateUrlFlaw => ({ message, hint: `Write it as ${REDIS_FORMS[mode]}.` })
  if (match === null) {
    const hint = `Write it as ${REDIS_FORMS.single}; special characters of the password as %XX, or the password as \`state.password\`.`
    return { message: 'is no Redis URL', hint }
  }
  const list = hosts.split(',').map((text) => parseHost(text, PORTS[mode]))
  if (list.includes(undefined) || (mode === 'single' && list.length > 1)) return flaw('has no host and port')
  const target = parsePath(mode, path)
  if (target === undefined) return flaw(mode === 'sentinel' ? 'does not name the primary' : 'has no database number')
  const login = parseLogin(user)
  if (login === undefined) return flaw('has a user or password that is not percent-encoded')
  return { kind: 'redis', mode, hosts: list as HostPort[], ...target, ...login, isTls: scheme === 'rediss' }
}

function parseHost(text: string, standard: number): HostPort | undefined {
  const match = /^(\[[\da-fA-F:.]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/.exec(text)
  const port = Number(match?.[2] ?? standard)
  if (match === null || port < 1 || port > 65_535) return undefined
  return { host: match[1]!.replaceAll(/[[\]]/g, ''), port }
}

/** `/0`, and among sentinels `/name` or `/name/0`. A cluster has but one database. */
function parsePath(mode: RedisMode, path: string): Pick<RedisAddress, 'primary' | 'database'> | undefined {
  const [first = '', second = '', ...rest] = mode === 'sentinel' ? path.split('/') : ['', ...path.split('/')]
  const isNumber = /^\d{0,4}$/.test(second) && (mode !== 'cluster' || Number(second) === 0)
  if (rest.length > 0 || !isNumber || (mode === 'sentinel' && first === '')) return undefined
  return { primary: mode === 'sentinel' ? first : undefined, database: Number(second) }
}

/** `user:password`, `:password` or `user`. */
function parseLogin(text: string | undefined): Pick<RedisAddress, 'username' | 'password'> | undefined {
  if (text === undefined) return { username: undefined, password: undefined }
  const [user = '', ...rest] = text.split(':')
  try {
    return { username: decoded(user), password: decoded(rest.join(':')) }
  } catch {
    return undefined
  }
}

function decoded(part: string): string | undefined {
  return part === '' ? undefined : decodeURIComponent(part)
}
