import { afterEach, describe, expect, it } from '@jest/globals'
import { createClusterClient } from '../src/cluster/cluster-client.ts'
import { probeCluster } from '../src/probe.ts'
import { type Loopback, type LoopbackAnswer, closeAll, closes, handClock, keptLog, loopback } from './loopback.ts'
import { sinkConfig, thrownBy } from './support.ts'

afterEach(closeAll)

const { signal } = new AbortController()
const version = (number: string, more: object = {}): LoopbackAnswer => ({ body: { version: { number, ...more } } })
const opensearch = version('2.19.1', { distribution: 'opensearch' })
const privileges = 'POST /_security/user/_has_privileges'

interface Bench {
  readonly server: Loopback
  /** What the probe throws. */
  readonly probe: () => Promise<string>
  /** The lines of the only bulk request. */
  readonly bulk: () => readonly unknown[]
}

async function bench(
  options: Readonly<Record<string, unknown>>,
  answers: Readonly<Record<string, LoopbackAnswer>> = {},
  streams: readonly string[] | undefined = ['Topic'],
): Promise<Bench> {
  const all: Readonly<Record<string, LoopbackAnswer>> = {
    'HEAD /gone': { status: 404 },
    'GET / ': version('8.19.21'),
    ...answers,
  }
  const server = await loopback(({ method, path }) => {
    const known = Object.entries(all).find(([start]) => `${method} ${path} `.startsWith(start))
    return known?.[1] ?? (method === 'HEAD' ? {} : { status: 400 })
  })
  const [logger, clock] = [keptLog(), handClock()]
  const config = sinkConfig({ url: server.url, index: 'i', ...options })
  const client = closes(await createClusterClient(config, logger, clock))
  return {
    server,
    probe: () => thrownBy(probeCluster({ client, config, logger, clock, streams }, signal)),
    bulk: () => {
      const sent = server.requests.filter(({ path }) => path.startsWith('/_bulk'))
      expect(sent).toHaveLength(1)
      return sent[0]!.body
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown)
    },
  }
}

/** All that is asked for is granted, but for what is listed. */
const granting = (...lacking: readonly string[]): LoopbackAnswer => {
  const known = ['index', 'create_doc', 'delete', 'auto_configure', 'create_index', 'view_index_metadata']
  const own = Object.fromEntries(known.map((name) => [name, !lacking.includes(name)]))
  const cluster = {
    manage_index_templates: !lacking.includes('manage_index_templates'),
    monitor: !lacking.includes('monitor'),
  }
  return { body: { username: 'me', has_all_requested: false, cluster, index: { i: own, gone: own } } }
}

describe('the server', () => {
  it('that is not there', async () => {
    const { probe, server } = await bench({})
    await server.down()
    expect(await probe()).toMatch(/^retriable UNREACHABLE/)
  })

  it('that does not know us', async () => {
    const { probe } = await bench({}, { 'GET / ': { status: 401 } })
    expect(await probe()).toMatch(/^fatal AUTH_FAILED/)
  })

  it.each([
    [version('7.10.2'), 'Elasticsearch 7.10.2, and the sink needs Elasticsearch 7.17'],
    [version('1.3.0', { distribution: 'opensearch' }), 'OpenSearch 1.3.0, and the sink needs OpenSearch 2.0'],
  ])('that is too old', async (said, words) => {
    const { probe, server } = await bench({}, { 'GET / ': said })
    expect(await probe()).toBe(`fatal FEATURE_MISSING: ${server.url} is ${words}`)
  })

  it('that keeps its version to itself is fine', async () => {
    const { probe } = await bench({}, { 'GET / ': { status: 405 }, 'POST /_bulk': { body: { items: [] } } })
    expect(await probe()).toBe('nothing')
  })
})

describe('the index', () => {
  it.each([
    [{ autoCreate: false, index: 'gone' }, /^fatal NOT_FOUND: .*`gone`/],
    [{ autoCreate: false, index: 'gone-${topic}-${time:yyyy}' }, /^fatal NOT_FOUND: .*`gone-topic-2023`/],
    [{ autoCreate: false, index: 'i' }, /^nothing$/],
    [{ autoCreate: false, index: 'gone-${value.a}' }, /^nothing$/],
    [{ index: 'gone' }, /^nothing$/],
  ])('must be there where none may be made: %j', async (options, said) => {
    const { probe } = await bench(options, { 'GET / ': opensearch, 'POST /_bulk': { body: { items: [] } } })
    expect(await probe()).toMatch(said)
  })
})

it.each([
  [200, /^nothing$/],
  [403, /^nothing$/],
  [404, /^fatal NOT_FOUND: .* has no alias `i`/],
])('the alias must be there where one is required: %d', async (status, said) => {
  const answers = { 'HEAD /_alias/i': { status }, 'POST /_bulk': { body: { items: [] } } }
  expect(await (await bench({ requireAlias: true }, answers)).probe()).toMatch(said)
})

describe('privileges', () => {
  it.each([
    [{}, []],
    [{}, ['delete', 'create_doc', 'view_index_metadata', 'create_index', 'auto_configure', 'monitor']],
    [{ index: 'gone' }, ['create_index']],
    [{ index: 'gone' }, ['auto_configure']],
    [{ action: 'create' }, ['index']],
    [{ autoCreate: false }, ['create_index', 'auto_configure']],
  ] as const)('of %j do without %j', async (options, lacking) => {
    const { probe, server } = await bench(options, { [privileges]: granting(...lacking) })
    expect(await probe()).toBe('nothing')
    expect(server.asked.filter((asked) => asked.includes('_bulk'))).toEqual([])
  })

  it.each([
    [{}, 'index', 'index on i'],
    [{ action: 'create' }, 'create_doc', 'create_doc on i'],
    [{ action: 'update', id: 'key' }, 'index', 'index on i'],
    [{ id: 'key' }, 'delete', 'delete on i'],
    [{ action: 'delete', id: 'key' }, 'delete', 'delete on i'],
    [{ autoCreate: false }, 'view_index_metadata', 'view_index_metadata on i'],
    [{ mappings: { fromSchema: true }, index: 'gone' }, 'create_index', 'create_index on gone'],
    [{ mappings: { template: { name: 't', patterns: ['a'] } } }, 'manage_index_templates', 'manage_index_templates'],
    [{ sniff: '1m' }, 'monitor', 'monitor'],
  ])('of %j are missed: %s', async (options, lacking, said) => {
    const { probe, server } = await bench(options, { [privileges]: granting(lacking) })
    expect(await probe()).toBe(`fatal AUTH_FAILED: ${server.url}: \`me\` lacks the privileges ${said}`)
  })

  it('of which one is enough are named both', async () => {
    const { probe } = await bench({ index: 'gone' }, { [privileges]: granting('create_index', 'auto_configure') })
    expect(await probe()).toContain('lacks the privileges auto_configure or create_index on gone')
  })
})

describe('where privileges are not known', () => {
  const never = { if_seq_no: Number.MAX_SAFE_INTEGER, if_primary_term: 1 }
  const meta = { _index: 'i', _id: 'connect-run-probe', require_alias: false }

  it.each([
    ['index', [{ index: { ...meta, ...never } }, {}]],
    ['create', [{ index: { ...meta, ...never } }, {}]],
    ['update', [{ update: meta }, { doc: {} }]],
    ['delete', [{ delete: { ...meta, ...never } }]],
  ])('%s is tried in a way that changes nothing', async (action, lines) => {
    const { probe, bulk } = await bench({ action, id: 'key' }, { 'POST /_bulk': { body: { items: [] } } })
    expect(await probe()).toBe('nothing')
    expect(bulk()).toEqual(lines)
  })

  it('an index that is missing is not made by it', async () => {
    const { probe, bulk } = await bench({ index: 'gone' }, { 'POST /_bulk': { body: { items: [] } } })
    expect(await probe()).toBe('nothing')
    expect(bulk()[0]).toMatchObject({ index: { _index: 'gone', require_alias: true } })
  })

  it('OpenSearch is not asked for them', async () => {
    const { probe, server } = await bench({}, { 'GET / ': opensearch, 'POST /_bulk': { body: { items: [] } } })
    await probe()
    expect(server.asked).toEqual(['GET /', 'HEAD /i', 'POST /_bulk'])
  })

  const item = (status: number, type: string): LoopbackAnswer => ({
    body: { items: [{ index: { status, error: { type, reason: 'no' } } }] },
  })
  it.each([
    ['the request', { status: 403 }, /^fatal AUTH_FAILED/],
    ['the way', { status: 404 }, /^fatal NOT_FOUND/],
    ['the time', { status: 429 }, /^retriable THROTTLED/],
    ['the operation', item(403, 'security_exception'), /^fatal AUTH_FAILED: .*security_exception: no/],
    ['a blocked index', item(403, 'cluster_block_exception'), /^fatal REQUEST_REJECTED/],
    ['nothing: no document meets the condition', item(409, 'version_conflict_engine_exception'), /^nothing$/],
    ['nothing: it is no alias', item(404, 'index_not_found_exception'), /^nothing$/],
  ])('the server may refuse %s', async (_what, answer, said) => {
    const { probe } = await bench({}, { 'POST /_bulk': answer })
    expect(await probe()).toMatch(said)
  })

  it('a name that only records know is not held against us', async () => {
    const { probe, bulk } = await bench({ index: '${value.a}' }, { 'POST /_bulk': item(403, 'security_exception') })
    expect(await probe()).toBe('nothing')
    expect(bulk()[0]).toMatchObject({ index: { _index: 'connect-run-probe', require_alias: true } })
  })
})
