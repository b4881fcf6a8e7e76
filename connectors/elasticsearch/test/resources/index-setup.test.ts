import { afterEach, describe, expect, it } from '@jest/globals'
import type { Schema } from '@connect-run/core'
import { type ClusterClient, createClusterClient } from '../../src/cluster/cluster-client.ts'
import { IndexSetup, MOST_KNOWN } from '../../src/resources/index-setup.ts'
import { type Loopback, type LoopbackAnswer, closeAll, closes, handClock, keptLog, loopback } from '../loopback.ts'
import { sinkConfig, thrownBy } from '../support.ts'

afterEach(closeAll)

const { signal } = new AbortController()
const schema: Schema = {
  type: 'struct',
  optional: false,
  fields: [{ field: 'n', schema: { type: 'int8', optional: false } }],
}

interface Bench {
  readonly server: Loopback
  readonly setup: IndexSetup
  readonly lines: readonly string[]
  /** What `ensure` throws for these indices, whose records have the schema. */
  readonly ensure: (...indices: string[]) => Promise<string>
}

/** Answers by method and the beginning of the path; the first that fits. Any other request is a 404. */
async function bench(
  options: Readonly<Record<string, unknown>>,
  answers: Readonly<Record<string, LoopbackAnswer>> = {},
): Promise<Bench> {
  const server = await loopback(({ method, path }) => {
    const known = Object.entries(answers).find(([start]) => `${method} ${path}`.startsWith(start))
    return known?.[1] ?? { status: 404 }
  })
  const [logger, clock] = [keptLog(), handClock()]
  const config = sinkConfig({ url: server.url, ...options })
  const client = closes(await createClusterClient(config, logger, clock))
  const setup = new IndexSetup({ client, logger, clock }, config)
  return {
    server,
    setup,
    lines: logger.lines,
    ensure: (...indices) => thrownBy(setup.ensure(indices, () => schema, signal)),
  }
}

const exists = { 'HEAD /': {} }
const refusal = (type: string, reason: string, status = 400): LoopbackAnswer => ({
  status,
  body: { error: { type, reason }, status },
})

describe('nothing is asked of the server', () => {
  it.each([
    ['by default', {}],
    ['for a template', { mappings: { template: { name: 't', patterns: ['a'] } } }],
    ['for an alias', { requireAlias: true }],
  ])('%s', async (_when, options) => {
    const { ensure, server } = await bench(options)
    expect(await ensure('a', 'b')).toBe('nothing')
    expect(server.asked).toEqual([])
  })

  it('of an index whose records have no schema', async () => {
    const { setup, server } = await bench({ mappings: { fromSchema: true } }, { 'PUT /': {} })
    await setup.ensure(['a'], () => undefined, signal)
    expect(server.asked).toEqual([])
    await setup.ensure(['a'], (index) => (index === 'a' ? schema : undefined), signal)
    expect(server.asked).toEqual(['HEAD /a', 'PUT /a'])
  })

  it('twice', async () => {
    const { ensure, server } = await bench({ autoCreate: false }, exists)
    for (let i = 0; i < 3; i++) await ensure('a', 'b')
    expect(server.asked).toEqual(['HEAD /a', 'HEAD /b'])
  })

  it('at start, where there is no template', async () => {
    const { setup, server } = await bench({ mappings: { fromSchema: true } })
    await setup.start(signal)
    expect(server.asked).toEqual([])
  })
})

it('forgets what it learned first where there are too many names', async () => {
  let asked = 0
  const answer = { status: 200, headers: {}, body: Buffer.alloc(0), address: 'a' }
  const client = { request: () => Promise.resolve((asked++, answer)) } as unknown as ClusterClient
  const setup = new IndexSetup({ client, logger: keptLog(), clock: handClock() }, sinkConfig({ autoCreate: false }))
  const names = Array.from({ length: MOST_KNOWN + 1 }, (_, i) => `i${i}`)
  await setup.ensure(names, () => undefined, signal)
  await setup.ensure(names.slice(1), () => undefined, signal)
  expect(asked).toBe(MOST_KNOWN + 1)
  await setup.ensure(names.slice(0, 1), () => undefined, signal)
  expect(asked).toBe(MOST_KNOWN + 2)
})

describe('an index', () => {
  it('is made with the mapping of its records', async () => {
    const { ensure, server } = await bench({ mappings: { fromSchema: true } }, { 'PUT /': {} })
    expect(await ensure('a')).toBe('nothing')
    expect(JSON.parse(server.requests[1]!.body)).toEqual({ mappings: { properties: { n: { type: 'byte' } } } })
    expect(server.requests[1]!.headers['content-type']).toBe('application/json')
  })

  it('that somebody else makes meanwhile is there', async () => {
    const { ensure } = await bench(
      { mappings: { fromSchema: true } },
      { 'PUT /': refusal('resource_already_exists_exception', '') },
    )
    expect(await ensure('a')).toBe('nothing')
  })

  it.each([
    ['autoCreate is off', { autoCreate: false, mappings: { fromSchema: true } }],
    ['it must be an alias', { requireAlias: true, mappings: { fromSchema: true } }],
  ])('is not made where %s, and is looked for each time', async (_why, options) => {
    const { ensure, server } = await bench(options)
    for (let i = 0; i < 2; i++) expect(await ensure('a')).toMatch(/^fatal NOT_FOUND: .* has no index or alias `a`/)
    expect(server.asked).toEqual(['HEAD /a', 'HEAD /a'])
  })

  it.each([
    [
      'may not be looked up',
      { 'HEAD /': { status: 403 } },
      /^fatal AUTH_FAILED: .*does not let the index `a` be looked up$/,
    ],
    [
      'may not be made',
      { 'PUT /': refusal('security_exception', 'no', 403) },
      /^fatal AUTH_FAILED: the index `a` can't be created: .*answered 403: security_exception: no/,
    ],
    [
      'is refused',
      { 'PUT /': refusal('mapper_parsing_exception', 'no') },
      /^fatal REQUEST_REJECTED: the index `a` can't be created: .*mapper_parsing_exception: no/,
    ],
    ['the server has no time for', { 'HEAD /': { status: 429 } }, /^retriable THROTTLED/],
    ['the server can not make now', { 'PUT /': { status: 503 } }, /^retriable SERVER_ERROR/],
  ] as const)('that %s', async (_what, answers, said) => {
    const { ensure, server } = await bench({ mappings: { fromSchema: true } }, answers)
    expect(await ensure('a')).toMatch(said)
    const asked = server.asked.length
    await ensure('a')
    expect(server.asked).toHaveLength(2 * asked)
  })

  it('is asked for by its name, whatever is in it', async () => {
    const { ensure, server } = await bench({ autoCreate: false }, exists)
    await ensure('a/b%é')
    expect(server.asked).toEqual(['HEAD /a%2Fb%25%C3%A9'])
  })
})

describe('an index template', () => {
  const template = { name: 't', patterns: ['a*'], settings: { number_of_shards: 1 } }
  const found = (meta?: object): LoopbackAnswer => ({
    body: { index_templates: [{ index_template: { _meta: meta } }] },
  })
  const putBy = async (mappings: object, answer: LoopbackAnswer, more: object = {}): Promise<Bench> => {
    const made = await bench(
      { mappings: { template: mappings }, ...more },
      { 'GET /_index_template/t': answer, 'PUT /': {} },
    )
    await made.setup.start(signal)
    return made
  }
  const bodyOf = ({ server }: Bench): Record<string, unknown> =>
    JSON.parse(server.requests[1]!.body) as Record<string, unknown>

  it('is put in place where there is none', async () => {
    const made = await putBy({ ...template, priority: 5, mappings: { dynamic: 'strict' } }, { status: 404 })
    const { _meta: meta, ...body } = bodyOf(made)
    expect(body).toEqual({
      index_patterns: ['a*'],
      priority: 5,
      template: { settings: { number_of_shards: 1 }, mappings: { dynamic: 'strict' } },
    })
    expect(meta).toEqual({ managed_by: 'connect-run', digest: expect.stringMatching(/^[0-9a-f]{64}$/) })
  })

  it('is for data streams where the sink writes to one', async () => {
    const dataStream = { type: 'logs', dataset: 'a', namespace: 'b' }
    expect(bodyOf(await putBy(template, { status: 404 }, { dataStream }))).toMatchObject({ data_stream: {} })
  })

  it('that says the same is left as it is; an older one of ours is replaced', async () => {
    const { _meta: meta } = bodyOf(await putBy(template, { status: 404 }))
    expect((await putBy(template, found(meta as object))).server.requests).toHaveLength(1)
    expect((await putBy({ ...template, settings: {} }, found(meta as object))).server.requests).toHaveLength(2)
  })

  it.each([undefined, {}, { managed_by: 'fleet', digest: 'x' }])(
    'of somebody else (%j) is left alone, with a warning',
    async (meta) => {
      const { server, lines } = await putBy(template, found(meta))
      expect(server.asked).toEqual(['GET /_index_template/t'])
      expect(lines).toEqual([expect.stringMatching(/^warn somebody else .*"template":"t"/)])
    },
  )

  it('that is refused stops the task', async () => {
    const { setup } = await bench({ mappings: { template } }, { 'PUT /': refusal('illegal_argument_exception', 'bad') })
    expect(await thrownBy(setup.start(signal))).toMatch(
      /^fatal REQUEST_REJECTED: the index template `t` can't be put in place: .*bad$/,
    )
  })
})

describe('a data stream', () => {
  const dataStream = { type: 'logs', dataset: 'a', namespace: 'b' }
  const name = 'logs-a-b'
  const resolve = `GET /_resolve/index/${name}`
  const simulate = `POST /_index_template/_simulate_index/${name}`
  const put = `PUT /_data_stream/${name}`
  const none: LoopbackAnswer = { body: { indices: [], aliases: [], data_streams: [] } }

  it('that is there is only looked up', async () => {
    const { ensure, server } = await bench({ dataStream }, { [resolve]: { body: { data_streams: [{ name }] } } })
    for (let i = 0; i < 2; i++) expect(await ensure(name)).toBe('nothing')
    expect(server.asked).toEqual([resolve])
  })

  it.each([
    ['where the server says so', none],
    ['where the server knows no such name', { status: 404 }],
  ])('that is missing is made, %s', async (_how, said) => {
    const { ensure, server } = await bench(
      { dataStream },
      { [resolve]: said, [simulate]: { body: { template: {} } }, [put]: {} },
    )
    expect(await ensure(name)).toBe('nothing')
    expect(server.asked).toEqual([resolve, simulate, put])
  })

  it('gets a template of its own where none matches', async () => {
    const options = { dataStream, mappings: { fromSchema: true } }
    const { ensure, server } = await bench(options, { [simulate]: { body: {} }, 'PUT /': {} })
    expect(await ensure(name)).toBe('nothing')
    const own = `/_index_template/connect-run-${name}`
    expect(server.asked).toEqual([resolve, simulate, `GET ${own}`, `PUT ${own}`, put])
    expect(JSON.parse(server.requests[3]!.body)).toMatchObject({
      index_patterns: [name],
      priority: 1,
      data_stream: {},
      template: { mappings: { properties: { n: { type: 'byte' } } } },
    })
  })

  it.each([
    ['who may not look at it', { [resolve]: { status: 403 } }, 1],
    ['who may not look at templates, or make it', { [simulate]: { status: 403 }, [put]: { status: 403 } }, 3],
    ['which can make it in no other way', { [simulate]: { body: { template: {} } }, [put]: { status: 405 } }, 3],
    [
      'where another task was faster',
      { [simulate]: { body: { template: {} } }, [put]: refusal('resource_already_exists_exception', '') },
      3,
    ],
  ] as const)('is left to the server, %s', async (_who, answers, requests) => {
    const { ensure, server } = await bench({ dataStream }, answers)
    for (let i = 0; i < 2; i++) expect(await ensure(name)).toBe('nothing')
    expect(server.requests).toHaveLength(requests)
  })

  it.each([
    ['is missing and may not be made', { autoCreate: false }, {}, /^fatal NOT_FOUND: .* has no data stream `logs-a-b`/],
    [
      'may not be looked up',
      { autoCreate: false },
      { [resolve]: { status: 403 } },
      /^fatal AUTH_FAILED: the data stream/,
    ],
    [
      'is an alias',
      {},
      { [resolve]: { body: { aliases: [{}] } } },
      /^fatal REQUEST_REJECTED: .*`logs-a-b` is an alias, not a data stream/,
    ],
    [
      'is refused',
      {},
      {
        [simulate]: { body: { template: {} } },
        [put]: refusal('illegal_argument_exception', 'has no data stream template'),
      },
      /^fatal REQUEST_REJECTED: the data stream `logs-a-b` can't be created: .*has no data stream template/,
    ],
  ] as const)('that %s stops the task', async (_what, options, answers, said) => {
    const { ensure } = await bench({ dataStream, ...options }, answers)
    expect(await ensure(name)).toMatch(said)
  })
})
