import type { ConfigIssue } from '@connect-run/core'
import { urlProblem } from '@connect-run/http'
import { actionOf, idsRepeat, tombstonesOf } from './operation/choices.ts'
import type { ElasticsearchSinkConfig } from './sink-config.ts'
import { checkTemplates } from './template-check.ts'

type Config = ElasticsearchSinkConfig
type Path = ConfigIssue['path']

/** What the schema can't say. */
export function checkSink(config: Config): readonly ConfigIssue[] {
  return [
    ...checkAddresses(config),
    ...checkCredentials(config),
    ...checkHeaders(config),
    ...checkTarget(config),
    ...checkAction(config),
    ...checkUpdate(config),
    ...checkVersion(config),
    ...checkTombstones(config),
    ...checkMetadata(config),
    ...checkTemplates(config),
  ]
}

function checkAddresses({ url, tls }: Config): ConfigIssue[] {
  const urls = typeof url === 'string' ? [url] : url
  const issues = urls.flatMap((address, i) => {
    const problem = urlProblem(address)
    const path: Path = typeof url === 'string' ? ['url'] : ['url', i]
    return problem === undefined ? [] : [issue(path, problem, 'Use `username` and `password`, or `apiKey`.')]
  })
  if (tls !== undefined && urls.every((address) => address.startsWith('http:'))) {
    issues.push(issue(['tls'], 'no address is `https`', 'Write `https://…` in `url`, or remove `tls`.'))
  }
  return issues
}

function checkCredentials(config: Config): ConfigIssue[] {
  const { username, password } = config
  const given = (['username', 'apiKey', 'token'] as const).filter((name) => config[name] !== undefined)
  const issues: ConfigIssue[] = []
  if (given.length > 1) {
    const names = given.map((name) => `\`${name}\``).join(' and ')
    issues.push(issue([given[1]!], `${names} exclude each other`, 'Keep one of them.'))
  }
  if (username !== undefined && password === undefined) {
    issues.push(issue(['username'], 'a `username` needs a `password`', 'Add `password: ${ES_PASSWORD}`, say.'))
  }
  if (password !== undefined && username === undefined) {
    issues.push(issue(['password'], 'a `password` needs a `username`', 'Add `username`.'))
  }
  return issues
}

/** Headers that the sink or the connection sets. */
const reserved = new Set(['accept', 'connection', 'content-encoding', 'content-length', 'content-type', 'host'])

function checkHeaders(config: Config): ConfigIssue[] {
  const hasCredentials = config.username !== undefined || config.apiKey !== undefined || config.token !== undefined
  return Object.keys(config.headers ?? {}).flatMap((name) => {
    const path = ['headers', name]
    if (reserved.has(name.toLowerCase())) return [issue(path, 'the sink sets this header itself', 'Remove it.')]
    if (name.toLowerCase() !== 'authorization' || !hasCredentials) return []
    return [issue(path, 'it excludes `username`, `apiKey` and `token`, which make this header', 'Keep one of them.')]
  })
}

function checkTarget({ index, dataStream, requireAlias }: Config): ConfigIssue[] {
  if (dataStream === undefined) return []
  const issues: ConfigIssue[] = []
  if (index !== undefined) {
    issues.push(issue(['dataStream'], '`index` and `dataStream` exclude each other', 'Keep one of them.'))
  }
  if (requireAlias) {
    issues.push(issue(['requireAlias'], 'a data stream is no alias', 'Remove `requireAlias`.'))
  }
  return issues
}

function checkAction(config: Config): ConfigIssue[] {
  const action = actionOf(config)
  const { dataStream, pipeline, id } = config
  if (dataStream !== undefined && action !== 'create') {
    return [issue(['action'], `a data stream takes \`create\` only, not \`${action}\``, 'Remove `action`.')]
  }
  const changes = action === 'update' || action === 'delete'
  const issues: ConfigIssue[] = []
  if (changes && !idsRepeat(config)) {
    const hint = 'Set `id: key`, or a template such as `${value.id}`.'
    issues.push(issue(['id'], `\`id: ${id}\` names no document that \`action: ${action}\` could find`, hint))
  }
  if (changes && pipeline !== undefined) {
    issues.push(issue(['pipeline'], `\`action: ${action}\` passes through no pipeline`, 'Remove `pipeline`.'))
  }
  return issues
}

function checkUpdate(config: Config): ConfigIssue[] {
  const { update } = config
  if (update === undefined) return []
  if (actionOf(config) !== 'update') {
    return [issue(['update'], 'it belongs to `action: update`', 'Set `action: update`, or remove `update`.')]
  }
  const { script, scriptedUpsert = false, upsert = true } = update
  const issues: ConfigIssue[] = []
  if (scriptedUpsert && script === undefined) {
    issues.push(issue(['update', 'scriptedUpsert'], 'it needs `script`', 'Add `script`, or remove it.'))
  }
  if (scriptedUpsert && !upsert) {
    issues.push(issue(['update', 'scriptedUpsert'], '`upsert: false` rules it out', 'Remove one of them.'))
  }
  if (script === undefined) return issues
  if ((script.source === undefined) === (script.id === undefined)) {
    const message = 'a script has either `source` or `id`'
    issues.push(issue(['update', 'script'], message, 'Write the script as `source`, or name a stored one by `id`.'))
  }
  if (script.id !== undefined && script.lang !== undefined) {
    issues.push(issue(['update', 'script', 'lang'], 'a stored script has its own language', 'Remove `lang`.'))
  }
  return issues
}

function checkVersion(config: Config): ConfigIssue[] {
  const { version, id } = config
  if (version === 'none') return []
  const action = actionOf(config)
  if (action === 'create' || action === 'update') {
    const hint = 'Remove `version`, or use `action: index`.'
    return [issue(['version'], `\`action: ${action}\` takes no version`, hint)]
  }
  if (idsRepeat(config)) return []
  const message = `with \`id: ${id}\` no document is written twice, and none has an older version`
  return [issue(['version'], message, 'Set `id: key`, or a template, or remove `version`.')]
}

function checkTombstones(config: Config): ConfigIssue[] {
  const { id, dataStream, tombstones } = config
  if (tombstonesOf(config) !== 'delete' || actionOf(config) === 'delete') return []
  if (dataStream !== undefined) {
    return [issue(['tombstones'], 'a data stream takes no deletes', 'Set `tombstones: skip`, or `deadLetter`.')]
  }
  if (!idsRepeat(config)) {
    const hint = 'Set `id: key`, or `tombstones: skip`.'
    return [issue(['tombstones'], `\`id: ${id}\` names no document that a tombstone could delete`, hint)]
  }
  if (tombstones === undefined || !id.includes('${value.')) return []
  const message = 'a tombstone has no value, of which `id` is made'
  return [issue(['tombstones'], message, 'Make `id` of key and headers, or set `tombstones: skip`.')]
}

/** Fields that the servers keep for themselves: a document that has one is refused. */
const serversOwn = new Set([
  '_doc_count',
  '_field_names',
  '_id',
  '_ignored',
  '_ignored_source',
  '_index',
  '_nested_path',
  '_routing',
  '_seq_no',
  '_size',
  '_source',
  '_tier',
  '_type',
  '_version',
])

function checkMetadata(config: Config): ConfigIssue[] {
  const { metadata } = config
  if (metadata === undefined) return []
  if (actionOf(config) === 'delete') {
    return [issue(['metadata'], '`action: delete` writes no document', 'Remove `metadata`.')]
  }
  if (!serversOwn.has(metadata) && metadata !== '@timestamp') return []
  return [issue(['metadata'], `\`${metadata}\` is a field of the server’s own`, 'Name it `_record`, say.')]
}

function issue(path: Path, message: string, hint: string): ConfigIssue {
  return { path, message, hint }
}
