import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import type { Schema } from '@connect-run/core'
import { type SearchApi, type ServiceName, searchAt, service } from '@connect-run/testkit/services'
import { type ClusterClient, createClusterClient } from '../../src/cluster/cluster-client.ts'
import { probeCluster } from '../../src/probe.ts'
import { IndexSetup } from '../../src/resources/index-setup.ts'
import { closeAll, closes, keptLog, loopback } from '../loopback.ts'
import { realClock, sinkConfig, thrownBy } from '../support.ts'

const { signal } = new AbortController()
const flavors = ['opensearch', 'elasticsearch7', 'elasticsearch8'] as const satisfies readonly ServiceName[]

const field = (
  name: string,
  type: Schema['type'],
  more: Partial<Schema> = {},
): NonNullable<Schema['fields']>[number] => ({
  field: name,
  schema: { type, optional: false, ...more },
})
const logical = (name: string): Partial<Schema> => ({ name: `org.apache.kafka.connect.data.${name}` })
const readings: Schema = {
  type: 'struct',
  optional: false,
  fields: [
    field('id', 'int64'),
    field('price', 'bytes', { ...logical('Decimal'), parameters: { scale: '2' } }),
    field('day', 'int32', logical('Date')),
    field('at', 'int64', logical('Timestamp')),
    field('raw', 'bytes'),
    field('ok', 'boolean'),
    field('note', 'string'),
    field('tags', 'array', { items: { type: 'string', optional: false } }),
    field('labels', 'map', { keys: { type: 'string', optional: false }, values: { type: 'int32', optional: false } }),
    field('place', 'struct', { fields: [field('lat', 'double'), field('floor', 'int8')] }),
  ],
}
const document = `{"id":9223372036854775807,"price":"12345678901234567.89","day":"2024-05-01T00:00:00.000Z","at":"2024-05-01T12:00:00.000Z","raw":"AAE=","ok":true,"note":"7","tags":["a","b"],"labels":{"x":1},"place":{"lat":0.5,"floor":-1}}`

for (const flavor of flavors) {
  const server = await service(flavor)

  server.describe(flavor, () => {
    let api: SearchApi
    let name: string
    const log = keptLog()

    beforeEach(() => {
      api = searchAt(server.address)
      name = `e4-${randomUUID().slice(0, 8)}`
    })
    afterEach(async () => {
      await closeAll()
      for (const made of ['', '-race', '-plain']) await remove(`${name}${made}`)
      for (const template of [`${name}-template`, `connect-run-${name}`]) {
        await api.request('DELETE', `/_index_template/${template}`).catch(() => undefined)
      }
    })

    /** An index, or a data stream, which the smallest Elasticsearch 8 can't delete; it goes with the server. */
    async function remove(index: string): Promise<void> {
      await api.deleteIndex(index).catch(() => api.request('DELETE', `/_data_stream/${index}`).catch(() => undefined))
    }

    async function connect(url: string | readonly string[] = server.address): Promise<ClusterClient> {
      const client = closes(await createClusterClient(sinkConfig({ url, timeout: '10s' }), log, realClock))
      await client.connect(signal)
      return client
    }

    async function setup(options: Readonly<Record<string, unknown>>): Promise<IndexSetup> {
      const made = new IndexSetup({ client: await connect(), logger: log, clock: realClock }, sinkConfig(options))
      await made.start(signal)
      return made
    }

    const write = async (client: ClusterClient, index: string, json: string, action = 'index'): Promise<unknown> => {
      const lines = `{"${action}":{"_index":"${index}","_id":"1"}}\n${json}\n`
      const path = '/_bulk?refresh=true&filter_path=items.*.status,items.*.error.type'
      const { body } = await client.request({ method: 'POST', path, body: Buffer.from(lines), signal })
      return (JSON.parse(body.toString()) as { items: readonly object[] }).items[0]
    }

    const propertiesOf = async (index: string): Promise<unknown> => {
      const all = await api.request<Record<string, { mappings: { properties: unknown } }>>('GET', `/${index}/_mapping`)
      return Object.values(all)[0]!.mappings.properties
    }

    it('is recognised, or is fine without', async () => {
      const { distribution } = (await connect()).server
      expect(distribution).toBe(flavor === 'opensearch' ? 'opensearch' : 'elasticsearch')
    })

    it('maps an index by the schema of its records, and keeps every digit', async () => {
      const made = await setup({ mappings: { fromSchema: true } })
      await made.ensure([name], () => readings, signal)
      expect(await write(await connect(), name, document)).toEqual({ index: { status: 201 } })
      const text = { type: 'text', fields: { keyword: { type: 'keyword', ignore_above: 256 } } }
      const date = { type: 'date', format: 'strict_date_optional_time||epoch_millis' }
      const { labels, day, at, ...properties } = (await propertiesOf(name)) as Record<string, object>
      expect(properties).toEqual({
        id: { type: 'long' },
        price: { type: 'keyword' },
        raw: { type: 'binary' },
        ok: { type: 'boolean' },
        note: text,
        tags: text,
        place: { properties: { lat: { type: 'double' }, floor: { type: 'byte' } } },
      })
      expect(labels).toEqual({ properties: { x: { type: 'long' } } })
      for (const time of [day, at]) expect(date).toMatchObject(time!)
      const exact = { query: { term: { id: '9223372036854775807' } } }
      const found = await api.text('POST', `/${name}/_search?filter_path=hits.hits._source`, exact)
      expect(found).toContain(document)
      const price = { query: { term: { price: '12345678901234567.89' } } }
      expect(await api.text('POST', `/${name}/_search`, price)).toContain('"_id":"1"')
    })

    it('takes an index, an alias and a race for what is there', async () => {
      await api.createIndex(name, { aliases: { [`${name}-alias`]: {} } })
      const made = await setup({ mappings: { fromSchema: true } })
      await made.ensure([name, `${name}-alias`], () => readings, signal)
      expect(await propertiesOf(name)).toBeUndefined()
      const racing = await Promise.all([1, 2, 3].map(() => setup({ mappings: { fromSchema: true } })))
      await Promise.all(racing.map((one) => one.ensure([`${name}-race`], () => readings, signal)))
      expect(await propertiesOf(`${name}-race`)).toMatchObject({ id: { type: 'long' } })
    })

    it('stops where an index is missing and may not be made, and makes none', async () => {
      const made = await setup({ autoCreate: false })
      expect(await thrownBy(made.ensure([name], () => undefined, signal))).toBe(
        `fatal NOT_FOUND: ${server.address} has no index or alias \`${name}\`, and none may be made`,
      )
      await api.createIndex(name)
      await made.ensure([name], () => undefined, signal)
    })

    it('says what the server has against an index', async () => {
      const made = await setup({ mappings: { fromSchema: true } })
      const said = await thrownBy(made.ensure([`${name}#`], () => readings, signal))
      expect(said).toMatch(
        /^fatal REQUEST_REJECTED: the index `.*` can't be created: .* answered 400: invalid_index_name/,
      )
    })

    it('puts an index template in place, again when the config changes, and leaves that of others alone', async () => {
      const template = (shards: number): Readonly<Record<string, unknown>> => ({
        mappings: {
          template: {
            name: `${name}-template`,
            patterns: [`${name}*`],
            priority: 7,
            settings: { number_of_shards: shards, number_of_replicas: 0 },
            mappings: { properties: { n: { type: 'integer' } } },
          },
        },
      })
      const shardsNow = async (): Promise<unknown> => {
        const path = `/_index_template/${name}-template?filter_path=index_templates.index_template.template.settings`
        return JSON.parse(await api.text('GET', path)).index_templates[0].index_template.template.settings.index
          .number_of_shards
      }
      await setup(template(1))
      expect(await shardsNow()).toBe('1')
      await setup(template(2))
      expect(await shardsNow()).toBe('2')
      await write(await connect(), name, '{"n":1}')
      expect(await propertiesOf(name)).toEqual({ n: { type: 'integer' } })
      const theirs = { index_patterns: [`${name}*`], priority: 7, template: { settings: { number_of_shards: 3 } } }
      await api.request('PUT', `/_index_template/${name}-template`, theirs)
      await setup(template(2))
      expect(await shardsNow()).toBe('3')
      expect(log.lines.join()).toContain('somebody else has put an index template')
    })

    it('fails the probe without its index and passes it with one, and nothing is written', async () => {
      const client = await connect()
      const probe = (options: Readonly<Record<string, unknown>>): Promise<void> => {
        const config = sinkConfig({ index: name, ...options })
        return probeCluster({ client, config, logger: log, clock: realClock, streams: ['oceanic'] }, signal)
      }
      expect(await thrownBy(probe({ autoCreate: false }))).toContain('fatal NOT_FOUND')
      const actions = ['index', 'create', 'update', 'delete']
      for (const action of actions) await probe({ action, id: 'key' })
      expect(await thrownBy(probe({ requireAlias: true }))).toContain(`has no alias \`${name}\``)
      await expect(api.text('GET', `/${name}`)).rejects.toThrow('404')
      await api.createIndex(name)
      for (const action of actions) await probe({ action, id: 'key', autoCreate: false })
      const { _all } = await api.request<{ _all: { primaries: { indexing: object } } }>(
        'GET',
        `/${name}/_stats/indexing`,
      )
      expect(_all.primaries.indexing).toMatchObject({ index_total: 0, delete_total: 0 })
      expect(await propertiesOf(name)).toBeUndefined()
      await api.request('PUT', `/${name}/_settings`, { 'index.blocks.write': true })
      expect(await thrownBy(probe({}))).toContain('REQUEST_REJECTED')
    })

    it('goes on with the nodes that are left', async () => {
      const dead = await loopback()
      await dead.down()
      const client = await connect([server.address, dead.url])
      const answered: string[] = []
      for (let i = 0; i < 6; i++) {
        const { address } = await client
          .request({ method: 'HEAD', path: `/${name}`, signal })
          .catch(() => ({ address: '-' }))
        answered.push(address)
      }
      expect(answered.filter((address) => address === '-')).toHaveLength(1)
      expect(answered.filter((address) => address === server.address)).toHaveLength(5)
    })

    it('finds its nodes by itself', async () => {
      const config = sinkConfig({ url: server.address.replace('127.0.0.1', 'localhost'), sniff: '1h' })
      const client = closes(await createClusterClient(config, log, realClock))
      const ask = (): Promise<string> =>
        client.request({ method: 'HEAD', path: `/${name}`, signal }).then(({ address }) => address)
      for (let i = 0; i < 200 && (await ask()) !== server.address; i++);
      expect(await ask()).toBe(server.address)
    })

    const withoutStreams = flavor === 'elasticsearch7'
    const dataStream = { type: 'logs', dataset: 'x', namespace: 'y' }

    if (withoutStreams) {
      it('says that it has no data streams', async () => {
        const made = await setup({ dataStream })
        expect(await thrownBy(made.ensure([name], () => readings, signal))).toMatch(
          /^fatal REQUEST_REJECTED: the index template .*unknown field \[data_stream\]/,
        )
      })
      return
    }

    it('makes a data stream, with a template where none matches', async () => {
      const made = await setup({ dataStream, mappings: { fromSchema: true } })
      await made.ensure([name], () => readings, signal)
      const own = `{"@timestamp":"2024-05-01T12:00:00.000Z",${document.slice(1)}`
      expect(await write(await connect(), name, own, 'create')).toEqual({ create: { status: 201 } })
      expect(await propertiesOf(name)).toMatchObject({ '@timestamp': { type: 'date' }, price: { type: 'keyword' } })
      const { data_streams: streams } = await api.request<{ data_streams: object[] }>('GET', `/_resolve/index/${name}`)
      expect(streams).toHaveLength(1)
      const another = await setup({ dataStream, autoCreate: false })
      await another.ensure([name], () => undefined, signal)
      expect(await thrownBy(another.ensure([`${name}-none`], () => undefined, signal))).toBe(
        `fatal NOT_FOUND: ${server.address} has no data stream \`${name}-none\`, and none may be made`,
      )
    })

    it('makes a data stream by the template that is there', async () => {
      const mappings = { properties: { n: { type: 'byte' } } }
      const template = { name: `${name}-template`, patterns: [`${name}*`], mappings }
      const made = await setup({ dataStream, mappings: { fromSchema: true, template } })
      await made.ensure([name], () => readings, signal)
      expect(log.lines.join()).toContain('has no say in it')
      await write(await connect(), name, '{"@timestamp":"2024-05-01T12:00:00.000Z","n":1}', 'create')
      expect(await propertiesOf(name)).toMatchObject({ n: { type: 'byte' } })
      await expect(api.text('GET', `/_index_template/connect-run-${name}`)).rejects.toThrow('404')
    })

    it('knows an index of its name for what it is', async () => {
      await api.createIndex(`${name}-plain`)
      const made = await setup({ dataStream })
      expect(await thrownBy(made.ensure([`${name}-plain`], () => undefined, signal))).toBe(
        `fatal REQUEST_REJECTED: ${server.address}: \`${name}-plain\` is an index, not a data stream`,
      )
    })
  })
}
