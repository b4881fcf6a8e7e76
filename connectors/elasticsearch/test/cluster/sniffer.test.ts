import { afterEach, describe, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { type ClusterClient, createClusterClient } from '../../src/cluster/cluster-client.ts'
import { nodeAddresses } from '../../src/cluster/sniffer.ts'
import { type Loopback, closeAll, closes, handClock, keptLog, loopback } from '../loopback.ts'
import { sinkConfig } from '../support.ts'

afterEach(closeAll)

const { signal } = new AbortController()

const published = (...addresses: readonly string[]): Buffer =>
  Buffer.from(
    JSON.stringify({
      nodes: Object.fromEntries(addresses.map((address, i) => [i, { http: { publish_address: address } }])),
    }),
  )

describe('the addresses of the nodes', () => {
  it('are what they publish: for http the number, for https the name of the certificate', () => {
    const body = published('10.0.0.1:9200', 'es2.example/10.0.0.2:9201', '[fe80::1]:9200', 'es4/[::5]:9200')
    expect(nodeAddresses(body, 'http://es.example')).toEqual([
      'http://10.0.0.1:9200',
      'http://10.0.0.2:9201',
      'http://[fe80::1]:9200',
      'http://[::5]:9200',
    ])
    expect(nodeAddresses(body, 'https://es.example')).toEqual([
      'https://10.0.0.1:9200',
      'https://es2.example:9201',
      'https://[fe80::1]:9200',
      'https://es4:9200',
    ])
  })

  it('leave out nodes that are only there to be master', () => {
    const node = (n: number, roles?: readonly string[]): object => ({
      roles,
      http: { publish_address: `10.0.0.${n}:9200` },
    })
    const nodes = [
      node(1, ['master']),
      node(2, ['cluster_manager', 'remote_cluster_client']),
      node(3, ['master', 'data']),
      node(4, ['data_hot', 'ingest']),
      node(5, []),
      node(6),
      {},
    ]
    const found = nodeAddresses(Buffer.from(JSON.stringify({ nodes })), 'http://es')
    expect(found).toEqual([3, 4, 5, 6].map((n) => `http://10.0.0.${n}:9200`))
  })

  it('leave out the loopback of another machine', () => {
    const body = published('127.0.0.1:9200', '[::1]:9200', '10.0.0.1:9200')
    expect(nodeAddresses(body, 'http://es.example')).toEqual(['http://10.0.0.1:9200'])
    expect(nodeAddresses(body, 'http://localhost:9200')).toHaveLength(3)
  })

  it.each(['', 'null', '{}', '{"nodes":7}', '{"nodes":{"a":{"http":{"publish_address":"?"}}}}'])(
    '%j has none',
    (text) => {
      expect(nodeAddresses(Buffer.from(text), 'http://es')).toEqual([])
    },
  )
})

describe('sniffing', () => {
  const EVERY_MS = 60_000

  interface Opened {
    readonly client: ClusterClient
    readonly clock: { ms: number }
    readonly log: { readonly lines: readonly string[] }
  }

  /** A server that says that the cluster has these nodes. */
  async function knowing(...nodes: readonly (Loopback | string)[]): Promise<Loopback> {
    const body = published(
      ...nodes.map((node) => (typeof node === 'string' ? node : new URL(node.url).host)),
    ).toString()
    return loopback(({ path }) => ({ body: path.startsWith('/_nodes/http') ? body : '' }))
  }

  async function open(...nodes: readonly Loopback[]): Promise<Opened> {
    const config = sinkConfig({ url: nodes.map(({ url }) => url), sniff: '1m', timeout: '10s' })
    const [log, clock] = [keptLog(), handClock()]
    return { client: closes(await createClusterClient(config, log, clock)), clock, log }
  }

  const send = (opened: Opened): Promise<string> =>
    opened.client.request({ method: 'POST', path: '/_bulk', signal }).then(({ address }) => address, String)

  it('goes over to the nodes that the cluster has, without holding up a request', async () => {
    const [one, other] = [await loopback(), await loopback()]
    const given = await knowing(one, other)
    const opened = await open(given)
    expect(await send(opened)).toBe(given.url)
    await pollUntil(() => opened.log.lines.length > 0)
    expect([await send(opened), await send(opened)].toSorted()).toEqual([one.url, other.url].toSorted())
    expect(opened.log.lines).toEqual([
      `info the cluster has these nodes ${JSON.stringify({ addresses: [one.url, other.url] })}`,
    ])
  })

  it('looks as often as it is told to', async () => {
    const given = await knowing()
    const opened = await open(given)
    const looks = (): number => given.asked.filter((asked) => asked.includes('/_nodes')).length
    for (let i = 0; i < 5; i++) await send(opened)
    await pollUntil(() => looks() === 1)
    opened.clock.ms += EVERY_MS
    await send(opened)
    await pollUntil(() => looks() === 2)
  })

  it('looks at once where a node has died', async () => {
    const one = await loopback()
    const given = await knowing(one)
    const opened = await open(given)
    await send(opened)
    await pollUntil(() => opened.log.lines.length > 0)
    const late = await knowing()
    one.answer = ({ path }) => ({
      body: path.startsWith('/_nodes') ? published(new URL(late.url).host).toString() : '',
      status: path.startsWith('/_nodes') ? 200 : 503,
    })
    expect(await send(opened)).toBe(one.url)
    await send(opened)
    await pollUntil(() => opened.log.lines.length > 1)
    expect(await send(opened)).toBe(late.url)
  })

  it.each([
    ['none', () => knowing()],
    ['none that can be used', () => knowing('?')],
    ['an error', () => loopback(() => ({ status: 403 }))],
    ['no answer', () => loopback(({ path }) => (path.startsWith('/_nodes') ? 'cut' : {}))],
  ])('keeps the addresses given where it finds %s', async (_what, start) => {
    const given = await start()
    const opened = await open(given)
    await send(opened)
    await pollUntil(() => given.requests.length >= 2)
    expect(await send(opened)).toBe(given.url)
    expect(opened.log.lines).toEqual([])
  })

  it('goes back to the addresses given where all that it found are dead', async () => {
    const one = await loopback()
    const given = await knowing(one)
    const opened = await open(given)
    await send(opened)
    await pollUntil(() => opened.log.lines.length > 0)
    await one.down()
    given.answer = () => ({ status: 404 })
    await pollUntil(async () => (await send(opened)) === given.url)
  })

  it('looks one time after another', async () => {
    const given = await loopback(({ path }) => (path.startsWith('/_nodes') ? new Promise(() => undefined) : {}))
    const opened = await open(given)
    for (let i = 0; i < 3; i++) {
      await send(opened)
      opened.clock.ms += EVERY_MS
    }
    expect(given.asked.filter((asked) => asked.includes('/_nodes'))).toHaveLength(1)
  })

  it('keeps what is known of the nodes that stay', async () => {
    const [one, other] = [await loopback(() => ({ status: 503 })), await loopback()]
    const given = await knowing(one, other)
    const opened = await open(one, given)
    const hasFound = (): boolean => opened.log.lines.some((line) => line.includes('has these nodes'))
    await pollUntil(async () => (await send(opened), hasFound()))
    for (let i = 0; i < 3; i++) expect(await send(opened)).toBe(other.url)
  })

  it('ends with the client, without a word', async () => {
    const given = await loopback(({ path }) => (path.startsWith('/_nodes') ? new Promise(() => undefined) : {}))
    const opened = await open(given)
    await send(opened)
    await opened.client.close()
    expect(opened.log.lines).toEqual([])
  })
})
