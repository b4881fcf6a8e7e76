import { ConnectError, type ConnectRecord } from '@connect-run/core'
import { parseObject } from './cluster/parse-object.ts'
import { type ServerVersion, nameOf, olderThan } from './cluster/server-version.ts'
import { type BulkItem, judgeItem, judgeRequest, rulesOf } from './error-map.ts'
import { actionOf, tombstonesOf } from './operation/choices.ts'
import { IndexNames } from './operation/index-name.ts'
import type { Action } from './operation/operations.ts'
import { IndexSetup } from './resources/index-setup.ts'
import { type Resources, ask } from './resources/resource-request.ts'
import type { ElasticsearchSinkConfig } from './sink-config.ts'

export interface Probe extends Resources {
  readonly config: ElasticsearchSinkConfig
  /** What the source reads, where known: indices may be named after it. */
  readonly streams: readonly string[] | undefined
}

/**
 * Whether the cluster can be reached, lets us in, is recent enough, has the index that it must have, and lets us write
 * there. Throws the first thing that is wrong. Writes nothing, and makes nothing.
 */
export async function probeCluster(probe: Probe, signal: AbortSignal): Promise<void> {
  const { client, config } = probe
  assertRecent(await client.connect(signal), client.address)
  const names = indicesOf(probe)
  if (!config.autoCreate) await new IndexSetup(probe, config).ensure(names, () => undefined, signal)
  const targets: Target[] = []
  for (const name of names) {
    if (config.requireAlias) await assertAlias(probe, name, signal)
    const { status } = await ask(probe, 'HEAD', { path: [name], signal })
    targets.push({ name, exists: status === 200 })
  }
  if (!(await checkPrivileges(probe, targets, signal))) await tryBulk(probe, targets, signal)
}

/** An index that would be written to; one that may not be looked up is taken for missing. */
interface Target {
  readonly name: string
  readonly exists: boolean
}

function assertRecent(server: ServerVersion, address: string): void {
  const needed = olderThan(server)
  if (needed === undefined) return
  throw new ConnectError('FEATURE_MISSING', `${address} is ${nameOf(server)}, and the sink needs ${needed}`, {
    hint: 'Upgrade the server, or correct `url`.',
  })
}

async function assertAlias(probe: Probe, name: string, signal: AbortSignal): Promise<void> {
  const { status, address } = await ask(probe, 'HEAD', { path: ['_alias', name], signal })
  if (status !== 404) return
  throw new ConnectError('NOT_FOUND', `${address} has no alias \`${name}\`, and \`requireAlias\` asks for one`, {
    hint: 'Create the alias, correct `index`, or set `requireAlias: false`.',
  })
}

/** The names that records of this moment have, as far as topic and time decide alone; none where more decides. */
function indicesOf({ config, streams = [], clock }: Probe): readonly string[] {
  const names = new IndexNames(config)
  if (names.fixed !== undefined) return [names.fixed]
  if (names.varies) return []
  const timestamp = clock.now()
  return [...new Set(streams.map((stream) => names.of({ stream, timestamp } as ConnectRecord)))]
}

/** Whether the server knows of privileges. Throws where one is missing. */
async function checkPrivileges(probe: Probe, targets: readonly Target[], signal: AbortSignal): Promise<boolean> {
  const { client, config } = probe
  if (client.server.distribution === 'opensearch') return false
  const cluster = clusterPrivileges(config)
  const index = targets.map((target) => ({ names: [target.name], privileges: indexPrivileges(config, target).flat() }))
  const path = ['_security', 'user', '_has_privileges']
  const response = await ask(probe, 'POST', { path, json: { cluster, index }, signal })
  if (response.status !== 200) return false
  const granted = parseObject(response.body) as Granted
  const missing = cluster.filter((privilege) => granted.cluster?.[privilege] !== true)
  for (const target of targets) {
    const own = granted.index?.[target.name] ?? {}
    const lacking = indexPrivileges(config, target).filter(
      (anyOf) => !anyOf.some((privilege) => own[privilege] === true),
    )
    missing.push(...lacking.map((anyOf) => `${anyOf.join(' or ')} on ${target.name}`))
  }
  if (missing.length === 0) return true
  const who = typeof granted.username === 'string' ? `\`${granted.username}\`` : 'the user'
  throw new ConnectError(
    'AUTH_FAILED',
    `${client.address}: ${who} lacks the privileges ${[...new Set(missing)].join(', ')}`,
    {
      hint: 'Grant them to a role of the user, or to the API key.',
    },
  )
}

interface Granted {
  readonly username?: unknown
  readonly cluster?: Readonly<Record<string, boolean>>
  readonly index?: Readonly<Record<string, Readonly<Record<string, boolean>>>>
}

function clusterPrivileges({ mappings, sniff }: ElasticsearchSinkConfig): string[] {
  return [
    ...(mappings?.template === undefined ? [] : ['manage_index_templates']),
    ...(sniff === undefined ? [] : ['monitor']),
  ]
}

/** Of each list, one is enough. */
function indexPrivileges(config: ElasticsearchSinkConfig, { exists }: Target): readonly (readonly string[])[] {
  const { autoCreate, mappings, dataStream } = config
  const looks = !autoCreate || (mappings?.fromSchema === true && dataStream === undefined)
  const makes = looks ? ['create_index'] : ['auto_configure', 'create_index']
  return [
    [writing[actionOf(config)]],
    ...(tombstonesOf(config) === 'delete' ? [['delete']] : []),
    ...(looks ? [['view_index_metadata']] : []),
    ...(autoCreate && !exists ? [makes] : []),
  ]
}

const writing = { index: 'index', create: 'create_doc', update: 'index', delete: 'delete' } as const

/**
 * Sends operations that a server carries out for nobody, and refuses first where they are not allowed: conditions that
 * no document meets, an update of nothing. Where there is no index, one that must be an alias is not made either.
 */
async function tryBulk(probe: Probe, targets: readonly Target[], signal: AbortSignal): Promise<void> {
  const { client, config, clock } = probe
  const action = actionOf(config)
  const op = action === 'create' ? 'index' : action
  const lines = (targets.length === 0 ? [{ name: PROBE, exists: false }] : targets).flatMap(({ name, exists }) =>
    harmless(op, { _index: name, _id: PROBE, require_alias: !exists }),
  )
  const body = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const response = await client.request({ method: 'POST', path: '/_bulk', body, signal })
  const { status } = response
  if (status === 401 || status === 403 || status === 404 || status === 405 || status >= 429) {
    throw judgeRequest(response, response.address, clock.now())!
  }
  // Names that are not known may well be none of ours.
  if (targets.length === 0) return
  const { items = [] } = parseObject(response.body) as { items?: readonly Readonly<Record<string, BulkItem>>[] }
  for (const item of items.map((answer) => answer[op])) {
    if (item?.status !== 403) continue
    throw judgeItem({ item, action: op, address: response.address }, rulesOf(config))!
  }
}

const PROBE = 'connect-run-probe'
const never = { if_seq_no: Number.MAX_SAFE_INTEGER, if_primary_term: 1 }

function harmless(op: Exclude<Action, 'create'>, meta: object): readonly object[] {
  if (op === 'update') return [{ update: meta }, { doc: {} }]
  return op === 'delete' ? [{ delete: { ...meta, ...never } }] : [{ index: { ...meta, ...never } }, {}]
}
