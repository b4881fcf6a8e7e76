import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from '@jest/globals'
import type { HttpRequest } from '@connect-run/http'
import { type ClusterClient, createClusterClient } from '../../src/cluster/cluster-client.ts'
import { FIRST_PAUSE_MS } from '../../src/cluster/node-pool.ts'
import { type Loopback, closeAll, closes, handClock, keptLog, loopback } from '../loopback.ts'
import { sinkConfig, thrownBy } from '../support.ts'

afterEach(closeAll)

const { signal } = new AbortController()
const bulk: HttpRequest = { method: 'POST', path: '/_bulk?filter_path=errors', body: Buffer.from('{}\n'), signal }

interface Opened {
  readonly client: ClusterClient
  readonly clock: { ms: number }
  readonly log: { readonly lines: readonly string[] }
}

async function open(options: Readonly<Record<string, unknown>>): Promise<Opened> {
  const clock = handClock()
  const log = keptLog()
  return { client: closes(await createClusterClient(sinkConfig(options), log, clock)), clock, log }
}

/** Who answered to so many requests, and what kept the others from being answered. */
async function answers({ client }: Opened, count: number): Promise<string[]> {
  const found: string[] = []
  for (let i = 0; i < count; i++) {
    found.push(
      await client.request(bulk).then(
        ({ address, status }) => `${status} ${address}`,
        (error: Error) => error.message,
      ),
    )
  }
  return found
}

const elasticsearch = (number: string): object => ({ body: { version: { number, build_flavor: 'default' } } })

describe('several nodes', () => {
  it('take turns, and say who answered', async () => {
    const [one, other] = [await loopback(), await loopback()]
    const opened = await open({ url: [one.url, other.url] })
    expect(opened.client.address).toBe(`${one.url} (+1)`)
    expect(await answers(opened, 4)).toEqual([one, other, one, other].map(({ url }) => `200 ${url}`))
  })

  it('of which one is gone: one request fails, which is not sent again, and the others go elsewhere', async () => {
    const [one, other] = [await loopback(), await loopback()]
    await one.down()
    const opened = await open({ url: [one.url, other.url] })
    const [first, ...rest] = await answers(opened, 5)
    expect(first).toBe(`cannot reach ${one.url}: the connection was refused`)
    expect(rest).toEqual(Array(4).fill(`200 ${other.url}`))
    expect(other.requests).toHaveLength(4)
    expect(opened.log.lines).toEqual([
      `warn a node fails: the others get its requests ${JSON.stringify({ address: one.url, reason: first })}`,
    ])
    await one.up()
    opened.clock.ms += FIRST_PAUSE_MS
    expect(await answers(opened, 2)).toContain(`200 ${one.url}`)
    expect(opened.log.lines[1]).toBe(`info a node is back ${JSON.stringify({ address: one.url })}`)
  })

  it.each([
    ['a lost connection', '10s', () => 'cut' as const],
    ['502', '10s', () => ({ status: 502 })],
    ['503', '10s', () => ({ status: 503 })],
    ['504', '10s', () => ({ status: 504 })],
    ['no answer in time', '1s', () => new Promise<never>(() => undefined)],
  ])('a node is taken for dead after %s', async (_what, timeout, answer) => {
    const [one, other] = [await loopback(answer), await loopback()]
    const opened = await open({ url: [one.url, other.url], timeout })
    const [first, ...rest] = await answers(opened, 4)
    expect(first).toContain(one.url)
    expect(rest).toEqual(Array(3).fill(`200 ${other.url}`))
    expect(one.requests).toHaveLength(1)
  })

  it.each([400, 401, 403, 404, 413, 429, 500])('a node that answers %d is well', async (status) => {
    const [one, other] = [await loopback(() => ({ status })), await loopback()]
    const opened = await open({ url: [one.url, other.url] })
    await answers(opened, 4)
    expect([one.requests.length, other.requests.length]).toEqual([2, 2])
  })

  it('a request that is given up says nothing about its node', async () => {
    const [one, other] = [await loopback(() => new Promise(() => undefined)), await loopback()]
    const opened = await open({ url: [one.url, other.url] })
    const giveUp = new AbortController()
    const asked = opened.client.request({ ...bulk, signal: giveUp.signal })
    giveUp.abort(new Error('enough'))
    await expect(asked).rejects.toThrow('enough')
    one.answer = () => ({})
    expect(await answers(opened, 2)).toEqual([`200 ${other.url}`, `200 ${one.url}`])
    expect(opened.log.lines).toEqual([])
  })
})

it('an only node is asked again at once, and the runtime is left to say what is wrong', async () => {
  const only = await loopback()
  await only.down()
  const opened = await open({ url: only.url })
  expect(opened.client.address).toBe(only.url)
  for (const said of await answers(opened, 3)) expect(said).toContain('refused')
  await only.up()
  expect(await answers(opened, 1)).toEqual([`200 ${only.url}`])
  expect(opened.log.lines).toEqual([])
})

describe('the version', () => {
  const headersFor = async (said: object): Promise<unknown> => {
    const server = await loopback(() => said)
    const { client } = await open({ url: server.url })
    await client.connect(signal)
    await client.request(bulk)
    await client.request({ ...bulk, path: '/i/_mapping' })
    await client.request({ method: 'HEAD', path: '/i', signal })
    return server.requests.slice(1).map(({ headers }) => [headers['content-type'], headers.accept])
  }
  const plain = [
    ['application/x-ndjson', 'application/json'],
    ['application/json', 'application/json'],
    [undefined, 'application/json'],
  ]
  const compatible = (name: string): string => `application/vnd.elasticsearch+${name};compatible-with=8`

  it.each([
    ['Elasticsearch 7.17', elasticsearch('7.17.29')],
    ['Elasticsearch 8', elasticsearch('8.19.21')],
    ['Elasticsearch 10', elasticsearch('10.0.0')],
    ['OpenSearch 2', { body: { version: { distribution: 'opensearch', number: '2.19.1' } } }],
    ['OpenSearch 9', { body: { version: { distribution: 'opensearch', number: '9.0.0' } } }],
    ['a server that says nothing', { status: 405, headers: { 'x-elastic-product': 'Elasticsearch' } }],
  ])('%s gets plain JSON', async (_name, said) => {
    expect(await headersFor(said)).toEqual(plain)
  })

  it('Elasticsearch 9 gets what 8 understands', async () => {
    expect(await headersFor(elasticsearch('9.1.0'))).toEqual([
      [compatible('x-ndjson'), compatible('json')],
      [compatible('json'), compatible('json')],
      [undefined, compatible('json')],
    ])
  })

  it('Serverless gets its version of the interface', async () => {
    const server = await loopback(() => ({ body: { version: { number: '9.0.0', build_flavor: 'serverless' } } }))
    const { client } = await open({ url: server.url })
    expect(await client.connect(signal)).toEqual({ distribution: 'serverless' })
    await client.request(bulk)
    const { 'content-type': type, 'elastic-api-version': version } = server.requests[1]!.headers
    expect([type, version]).toEqual(['application/x-ndjson', '2023-10-31'])
  })

  it.each([403, 404, 405, 400, 500])('need not be told: %d is fine', async (status) => {
    const server = await loopback(() => ({ status }))
    const { client } = await open({ url: server.url })
    expect(await client.connect(signal)).toEqual({ distribution: 'unknown' })
  })

  it.each([
    [401, 'fatal AUTH_FAILED'],
    [429, 'retriable THROTTLED'],
    [503, 'retriable SERVER_ERROR'],
  ])('%d is not: nothing else would work either', async (status, error) => {
    const server = await loopback(() => ({ status }))
    const { client } = await open({ url: server.url })
    expect(await thrownBy(client.connect(signal))).toBe(`${error}: ${server.url} answered ${status}`)
  })

  it('is warned of where it is older than what the sink is made for', async () => {
    const server = await loopback(() => elasticsearch('7.10.2'))
    const { client, log } = await open({ url: server.url })
    await client.connect(signal)
    expect(log.lines).toEqual([expect.stringMatching(/^warn .*older than Elasticsearch 7\.17.*7\.10\.2/)])
  })
})

describe('secrets', () => {
  const secrets = {
    basic: { username: 'elastic', password: 'pass-3141' },
    key: { apiKey: 'id-3141:pass-3141' },
    token: { token: 'pass-3141' },
    headers: { headers: { 'X-Proxy-Token': 'pass-3141' } },
  }
  const hidden = [
    '3141',
    Buffer.from('elastic:pass-3141').toString('base64'),
    Buffer.from('id-3141:pass-3141').toString('base64'),
  ]

  it.each(Object.entries(secrets))(
    'of %s are in no log and in no error, whatever goes wrong',
    async (_name, options) => {
      const [one, other] = [await loopback(() => ({ status: 401 })), await loopback()]
      const { client, log, clock } = await open({
        url: [one.url, other.url],
        ...options,
        sniff: '1ms',
        timeout: '200ms',
      })
      const errors: unknown[] = []
      const attempt = async (): Promise<void> => {
        clock.ms += 100_000
        for (let i = 0; i < 2; i++) await client.request(bulk).catch((error: unknown) => errors.push(error))
      }
      await client.connect(signal).catch((error: unknown) => errors.push(error))
      for (const said of ['cut', { status: 503 }, { status: 401 }, { body: 'no JSON' }] as const) {
        one.answer = () => said
        other.answer = () => said
        await attempt()
      }
      one.answer = () => new Promise(() => undefined)
      await other.down()
      await attempt()
      await client.close()
      await attempt()
      expect(errors.length).toBeGreaterThan(5)
      const told = inspect([errors, log.lines, client], { depth: Infinity, showHidden: false })
      const sent = JSON.stringify(one.requests)
      expect(hidden.some((secret) => sent.includes(secret))).toBe(true)
      expect(hidden.filter((secret) => told.includes(secret))).toEqual([])
    },
  )
})

describe('addresses', () => {
  it('given twice are one node', async () => {
    const only: Loopback = await loopback()
    const { client } = await open({ url: [only.url, only.url] })
    expect(client.address).toBe(only.url)
  })
})
