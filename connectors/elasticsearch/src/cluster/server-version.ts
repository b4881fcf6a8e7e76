import type { HttpResponse } from '@connect-run/http'
import { parseObject } from './parse-object.ts'

/** What is known of a server. */
export interface ServerVersion {
  /** `serverless` is Elastic's, whose version number says nothing. */
  readonly distribution: 'elasticsearch' | 'opensearch' | 'serverless' | 'unknown'
  /** As it says, `8.19.21`; undefined where it keeps it to itself. */
  readonly number?: string
}

export const UNKNOWN_SERVER: ServerVersion = { distribution: 'unknown' }

/** The oldest that the sink is made for. */
const OLDEST = { elasticsearch: [7, 17], opensearch: [2, 0] } as const

const names = {
  elasticsearch: 'Elasticsearch',
  opensearch: 'OpenSearch',
  serverless: 'Elasticsearch Serverless',
  unknown: 'an unknown server',
} as const

/** What an answer to `GET /` says, whatever its status. */
export function readVersion(response: HttpResponse): ServerVersion {
  const { version, tagline } = parseObject(response.body)
  const { number, distribution, build_flavor: flavor } = (version ?? {}) as Readonly<Record<string, unknown>>
  const known = typeof number === 'string' && /^\d+\.\d+/.test(number) ? { number } : {}
  if (distribution === 'opensearch') return { distribution, ...known }
  // It passes for Elasticsearch 7.10.2 where it is told to.
  if (/OpenSearch/.test(String(tagline))) return { distribution: 'opensearch' }
  if (flavor === 'serverless') return { distribution: 'serverless' }
  const isElastic = known.number !== undefined || response.headers['x-elastic-product'] === 'Elasticsearch'
  return isElastic ? { distribution: 'elasticsearch', ...known } : UNKNOWN_SERVER
}

/** Undefined where the server does not say. */
export function majorOf({ number }: ServerVersion): number | undefined {
  return number === undefined ? undefined : Number(number.split('.')[0])
}

/** Name and version for messages. */
export function nameOf({ distribution, number }: ServerVersion): string {
  return number === undefined ? names[distribution] : `${names[distribution]} ${number}`
}

/** What the sink needs instead, where the server is older than that. */
export function olderThan({ distribution, number }: ServerVersion): string | undefined {
  if (number === undefined || (distribution !== 'elasticsearch' && distribution !== 'opensearch')) return undefined
  const [major = 0, minor = 0] = number.split('.').map(Number)
  const [oldestMajor, oldestMinor] = OLDEST[distribution]
  const isOld = major < oldestMajor || (major === oldestMajor && minor < oldestMinor)
  return isOld ? `${names[distribution]} ${oldestMajor}.${oldestMinor}` : undefined
}
