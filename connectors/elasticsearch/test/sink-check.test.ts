import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { type LoadOptions, loadWorkerConfig, registryOf } from '@connect-run/core/runtime'
import plugin from '../src/plugin.ts'
import { checkSink } from '../src/sink-check.ts'
import { sinkConfig } from './support.ts'

type Options = Readonly<Record<string, unknown>>

/** `path: message` of each issue. */
function issuesOf(options: Options): string[] {
  const issues = checkSink(sinkConfig(options))
  for (const { hint } of issues) if (hint !== undefined) expect(hint).toMatch(/\.$/)
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

function hintOf(options: Options): string | undefined {
  return checkSink(sinkConfig(options))[0]?.hint
}

describe('a config that can work', () => {
  it.each<Options>([
    {},
    { url: ['http://a:9200', 'https://b:9200'], username: 'u', password: 'p', tls: { verify: false } },
    { apiKey: 'k', headers: { 'x-proxy': 'y' } },
    { headers: { Authorization: 'x' } },
    { index: 'oceanic-${time:yyyy.MM.dd}' },
    { index: '.hidden-${topic}' },
    { index: '${header.a}_${value.b}-${key}' },
    { dataStream: {} },
    { dataStream: { dataset: '${topic}', namespace: '${value.site}' }, action: 'create', tombstones: 'deadLetter' },
    { id: 'key', version: 'offset', tombstones: 'delete' },
    { id: '${key}-${header.a}', version: '${header.v}', tombstones: 'delete' },
    { id: '${value.id}' },
    { id: '${value.id}', action: 'delete' },
    { id: 'key', action: 'update', update: { script: { source: 'x', lang: 'painless', params: { a: '${value}' } } } },
    { id: 'key', action: 'update', update: { script: { id: 's' }, scriptedUpsert: true } },
    { metadata: '_record' },
    { action: 'create', pipeline: 'p', requireAlias: true },
  ])('%j', (options) => {
    expect(issuesOf(options)).toEqual([])
  })
})

describe('a config that can’t', () => {
  it.each<[Options, string]>([
    [{ url: 'http://u:p@a:9200' }, 'url: credentials in an address end up in logs'],
    [{ url: ['http://a:9200', 'http://b:9200/?x=1'] }, 'url.1: the address has a query or a fragment'],
    [{ tls: { verify: false } }, 'tls: no address is `https`'],
    [{ username: 'u', password: 'p', apiKey: 'k' }, 'apiKey: `username` and `apiKey` exclude each other'],
    [{ apiKey: 'k', token: 't' }, 'token: `apiKey` and `token` exclude each other'],
    [{ username: 'u' }, 'username: a `username` needs a `password`'],
    [{ password: 'p' }, 'password: a `password` needs a `username`'],
    [{ headers: { 'Content-Type': 'x' } }, 'headers.Content-Type: the sink sets this header itself'],
    [{ headers: { Authorization: 'x' }, token: 't' }, 'headers.Authorization: it excludes `username`'],
    [{ index: 'a', dataStream: {} }, 'dataStream: `index` and `dataStream` exclude each other'],
    [{ dataStream: {}, requireAlias: true }, 'requireAlias: a data stream is no alias'],
    [{ dataStream: {}, action: 'index' }, 'action: a data stream takes `create` only, not `index`'],
    [{ dataStream: {}, action: 'update', id: 'key' }, 'action: a data stream takes `create` only, not `update`'],
    [{ dataStream: {}, action: 'delete', id: 'key' }, 'action: a data stream takes `create` only, not `delete`'],
    [{ dataStream: {}, version: 'offset', id: 'key' }, 'version: `action: create` takes no version'],
    [{ dataStream: {}, id: 'key', tombstones: 'delete' }, 'tombstones: a data stream takes no deletes'],
    [{ action: 'update' }, 'id: `id: coordinates` names no document that `action: update` could find'],
    [{ action: 'delete', id: 'auto' }, 'id: `id: auto` names no document that `action: delete` could find'],
    [{ action: 'update', id: 'key', pipeline: 'p' }, 'pipeline: `action: update` passes through no pipeline'],
    [{ update: {} }, 'update: it belongs to `action: update`'],
    [{ action: 'update', id: 'key', update: { scriptedUpsert: true } }, 'update.scriptedUpsert: it needs `script`'],
    [
      { action: 'update', id: 'key', update: { scriptedUpsert: true, upsert: false, script: { id: 's' } } },
      'update.scriptedUpsert: `upsert: false` rules it out',
    ],
    [{ action: 'update', id: 'key', update: { script: {} } }, 'update.script: a script has either `source` or `id`'],
    [
      { action: 'update', id: 'key', update: { script: { source: 'x', id: 's' } } },
      'update.script: a script has either `source` or `id`',
    ],
    [
      { action: 'update', id: 'key', update: { script: { id: 's', lang: 'painless' } } },
      'update.script.lang: a stored script has its own language',
    ],
    [{ id: 'key', action: 'update', version: 'offset' }, 'version: `action: update` takes no version'],
    [{ id: 'key', action: 'create', version: 'offset' }, 'version: `action: create` takes no version'],
    [{ version: 'offset' }, 'version: with `id: coordinates` no document is written twice'],
    [{ id: 'auto', version: 'offset' }, 'version: with `id: auto` no document is written twice'],
    [{ tombstones: 'delete' }, 'tombstones: `id: coordinates` names no document that a tombstone could delete'],
    [{ id: '${value.a}', tombstones: 'delete' }, 'tombstones: a tombstone has no value, of which `id` is made'],
    [{ metadata: '_source' }, 'metadata: `_source` is a field of the server’s own'],
    [{ metadata: '@timestamp' }, 'metadata: `@timestamp` is a field of the server’s own'],
    [{ metadata: 'm', action: 'delete', id: 'key' }, 'metadata: `action: delete` writes no document'],
    [{ index: 'Oceanic' }, 'index: `Oceanic` is no name that the server takes'],
    [{ index: '_x' }, 'index: `_x` is no name that the server takes'],
    [{ index: 'a b-${topic}' }, 'index: `a b-${topic}` is no name that the server takes'],
    [{ index: '-' }, 'index: `-` leaves nothing for an index name'],
    [{ index: 'x'.repeat(256) }, 'index: `' + 'x'.repeat(80) + '…` has 256 bytes'],
    [{ dataStream: { type: 'my-logs' } }, 'dataStream.type: `my-logs` is no name that the server takes'],
    [{ dataStream: { namespace: 'A' } }, 'dataStream.namespace: `A` is no name that the server takes'],
    [{ index: '${topik}' }, 'index: ${topik} is neither ${topic}, ${key}, ${value.…}, ${header.…} nor ${time:…}'],
    [{ index: 'i-${time:YYYY.MM.dd}' }, 'index: ${time:YYYY.MM.dd}: `YYYY` is no part of a time, write `yyyy`'],
    [{ routing: '${value}' }, 'routing: ${value} is neither'],
    [{ id: '${user' }, 'id: a `${` is not closed'],
    [{ id: 'keys' }, 'id: `keys` would be the id of many records'],
    [{ id: '${topic}-${time:dd}' }, 'id: `${topic}-${time:dd}` would be the id of many records'],
    [{ id: 'key', version: '5' }, 'version: `5` would be the version of every record'],
    [{ dataStream: { dataset: '${a' } }, 'dataStream.dataset: a `${` is not closed'],
    [
      { action: 'update', id: 'key', update: { script: { id: 's', params: { a: '${b}', n: 1 } } } },
      'update.script.params.a: ${b} is neither',
    ],
  ])('%j', (options, issue) => {
    const issues = issuesOf(options)
    expect(issues).toHaveLength(1)
    expect(issues[0]).toContain(issue)
  })

  it('gets the word that was meant', () => {
    expect(hintOf({ index: 'i-${region}' })).toBe(
      'Write `${value.region}` for a field, `${header.region}` for a header.',
    )
    expect(hintOf({ index: 'My Index' })).toBe('Write `my_index`.')
    expect(hintOf({ index: '_A ${topic}.B-${time:yyyy}' })).toBe('Write `a_${topic}.b-${time:yyyy}`.')
    expect(hintOf({ index: 'i-${value}' })).toBeUndefined()
  })
})

it('keeps all that lets somebody in out of what is shown of a config', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'connect-run-elasticsearch-'))
  const file = join(folder, 'secrets.yaml')
  const options = 'password: s1, apiKey: s2, token: s3, headers: {x-proxy: s4}, tls: {key: s5, keyPassword: s6}'
  writeFileSync(
    file,
    `name: secrets
pipelines:
  p:
    source: {connector: elasticsearch}
    sink: {connector: elasticsearch, url: 'http://127.0.0.1:1', timeout: s7, ${options}}
`,
  )
  try {
    const findConnectors: LoadOptions['findConnectors'] = () => ({ registry: registryOf([plugin]), problems: [] })
    const { diagnostics = [] } = await loadWorkerConfig(file, { env: {}, findConnectors })
    const shown = diagnostics.map((diagnostic) => JSON.stringify(diagnostic)).join()
    expect(shown).toContain('s7')
    for (const secret of ['s1', 's2', 's3', 's4', 's5', 's6']) expect(shown).not.toContain(secret)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

describe('traits', () => {
  const traitsOf = (options: Options): object => plugin.sink!.traits!(sinkConfig(options) as never)

  it('ask for order only where two records may be about one document', () => {
    expect(traitsOf({})).toMatchObject({ ordered: false, idempotent: true, reads: 'source', concurrency: 5 })
    expect(traitsOf({ id: 'auto' })).toMatchObject({ ordered: false, idempotent: false })
    expect(traitsOf({ id: 'key' })).toMatchObject({ ordered: true, idempotent: true })
    expect(traitsOf({ id: '${value.a}' })).toMatchObject({ ordered: true, idempotent: true })
  })

  it('say what may show twice, and what may be missing', () => {
    const script = { action: 'update', id: 'key', update: { script: { id: 's' } } }
    expect(traitsOf(script)).toMatchObject({ idempotent: false, caveats: [{ option: 'update.script' }] })
    expect(traitsOf({ id: 'auto' })).toMatchObject({ caveats: [{ option: 'id: auto' }] })
    expect(traitsOf({ dataStream: {} })).toMatchObject({ idempotent: true, caveats: [{ option: 'dataStream' }] })
    expect(traitsOf({ id: 'key', version: 'offset' })).toMatchObject({ caveats: [{ option: 'version: offset' }] })
    expect(traitsOf({})).toMatchObject({ caveats: [] })
  })

  it('ask for decoded values only where several placeholders may look into one', () => {
    const script = { action: 'update', id: 'key', update: { script: { id: 's', params: { a: '${value}' } } } }
    const templates = [{ id: '${value.a}' }, { index: '${value.a}' }, { routing: '${value.a}' }, script]
    for (const options of templates) expect(traitsOf(options)).toMatchObject({ reads: 'values' })
    const others = [{ id: '${key}-${header.a}' }, { action: 'update', id: 'key' }, { dataStream: {} }]
    for (const options of others) expect(traitsOf(options)).toMatchObject({ reads: 'source' })
  })

  it('leave tombstones to the runtime only where they are skipped', () => {
    expect(traitsOf({})).toMatchObject({ tombstones: 'skip' })
    expect(traitsOf({ id: 'key' })).toMatchObject({ tombstones: 'write' })
    expect(traitsOf({ tombstones: 'deadLetter' })).toMatchObject({ tombstones: 'write' })
  })
})
