import type { SearchApi, SearchFlavor, SearchOptions, SearchServer } from '@connect-run/testkit/services'
import { freePort, searchAt, service, startSearch } from '@connect-run/testkit/services'
import { expect, it } from '@jest/globals'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const FLAVORS: readonly SearchFlavor[] = ['opensearch', 'elasticsearch7', 'elasticsearch8']

for (const flavor of FLAVORS) {
  const own = await service(flavor, { own: true })

  own.describe(flavor, () => {
    it('keeps its data and port over kill, shutdown and pause', async () => {
      await withServer({ flavor }, async (server) => {
        await server.createIndex('readings')
        await server.bulk([{ index: { _index: 'readings', _id: '1' } }, { n: 1 }])
        await server.kill()
        await expect(server.count('readings')).rejects.toThrow('fetch failed')
        await server.start()
        expect(await server.count('readings')).toBe(1)
        await server.shutdown()
        expect(server.pid).toBeUndefined()
        await server.start()
        await server.pause()
        const counted = server.count('readings')
        await server.resume()
        expect(await counted).toBe(1)
      })
    })

    it('rejects single items when its queue is full, and bodies over its limit', async () => {
      const queue = { 'thread_pool.write.size': 1, 'thread_pool.write.queue_size': 1 }
      await withServer({ flavor, settings: { ...queue, 'http.max_content_length': '64kb' } }, async (server) => {
        await server.createIndex('wide', { settings: { number_of_shards: 20, number_of_replicas: 0 } })
        const statuses = await statusesOfBulk(server, 200)
        expect(statuses.filter((status) => status === 429)).not.toHaveLength(0)
        expect(await server.count('wide')).toBe(statuses.filter((status) => status === 201).length)
        const large = `{"index":{"_index":"wide"}}\n{"text":"${'x'.repeat(70_000)}"}\n`
        await expect(server.request('POST', '/_bulk', large)).rejects.toThrow('answered 413 to POST /_bulk')
      })
    })
  })
}

const opensearch = await service('opensearch')

opensearch.describe('a search server that can not start', () => {
  it('says why and leaves no folder behind', async () => {
    const port = await freePort()
    const started = startSearch({ flavor: 'opensearch', port, settings: { 'no.such.setting': 1 } })
    await expect(started).rejects.toThrow('unknown setting [no.such.setting]')
    const folders = readdirSync(tmpdir()).filter((name) => name.startsWith('connect-run-opensearch-'))
    const configs = folders
      .map((name) => join(tmpdir(), name, 'conf', 'opensearch.yml'))
      .filter((file) => existsSync(file))
    expect(configs.filter((file) => readFileSync(file, 'utf8').includes(`http.port: ${port}\n`))).toEqual([])
  })
})

opensearch.describe('what tests do with a search server', () => {
  const api = searchAt(opensearch.address)

  it('reads documents of more than one page', async () => {
    await withIndex(api, 'pages', async (index) => {
      const ids = Array.from({ length: 12_000 }, (_, id) => String(id))
      await api.bulk(ids.flatMap((id) => [{ index: { _index: index, _id: id, routing: 'r' } }, { n: Number(id) }]))
      const documents = await api.documents(index)
      expect(new Set(documents.map(({ id }) => id))).toEqual(new Set(ids))
      expect(documents.find(({ id }) => id === '7')).toMatchObject({
        index,
        version: 1,
        routing: 'r',
        source: { n: 7 },
      })
      expect(await api.documents(index, { ids: { values: ['11999'] } })).toHaveLength(1)
    })
  })

  it('tells what the server refused', async () => {
    await withIndex(api, 'refusals', async (index) => {
      const twice = { create: { _index: index, _id: 'same' } }
      await expect(api.bulk([twice, { n: 1 }, twice, { n: 2 }])).rejects.toThrow('version_conflict_engine_exception')
      await expect(api.createIndex(index)).rejects.toThrow('resource_already_exists_exception')
    })
    await api.deleteIndex('there-is-none')
  })

  it('leaves integers of 64 bits as the server wrote them', async () => {
    await withIndex(api, 'digits', async (index) => {
      await api.request('PUT', `/${index}/_doc/1?refresh=true`, '{"n":9223372036854775807}')
      expect(await api.text('GET', `/${index}/_doc/1`)).toContain('{"n":9223372036854775807}')
    })
  })

  it('updates by scripts', async () => {
    await withIndex(api, 'scripts', async (index) => {
      const script = { source: 'ctx._source.n += params.by', lang: 'painless', params: { by: 2 } }
      await api.bulk([{ index: { _index: index, _id: '1' } }, { n: 40 }])
      await api.bulk([{ update: { _index: index, _id: '1' } }, { script }])
      expect((await api.documents(index)).map(({ source }) => source)).toEqual([{ n: 42 }])
    })
  })

  it('has pipelines that fail and drop', async () => {
    await withIndex(api, 'pipelines', async (index) => {
      const pipelines = { fail: { fail: { message: 'not this one' } }, drop: { drop: {} } }
      for (const [name, processor] of Object.entries(pipelines)) {
        await api.request('PUT', `/_ingest/pipeline/testkit-${name}`, { processors: [processor] })
      }
      const line = (name: string): object[] => [{ index: { _index: index, pipeline: `testkit-${name}` } }, { n: 1 }]
      await expect(api.bulk(line('fail'))).rejects.toThrow(/"status":500.*not this one/)
      await api.bulk(line('drop'))
      expect(await api.count(index)).toBe(0)
      await api.request('DELETE', '/_ingest/pipeline/testkit-*')
    })
  })
})

async function withServer(options: SearchOptions, body: (server: SearchServer) => Promise<void>): Promise<void> {
  const server = await startSearch(options)
  try {
    await body(server)
  } finally {
    await server.stop()
  }
}

async function withIndex(api: SearchApi, topic: string, body: (index: string) => Promise<void>): Promise<void> {
  const index = `testkit-${topic}`
  await api.deleteIndex(index)
  await api.createIndex(index)
  try {
    await body(index)
  } finally {
    await api.deleteIndex(index)
  }
}

async function statusesOfBulk(server: SearchApi, count: number): Promise<number[]> {
  const body = Array.from({ length: count }, (_, id) => `{"create":{"_index":"wide","_id":"${id}"}}\n{"n":${id}}\n`)
  const answer = await server.request<{ items: { create: { status: number } }[] }>('POST', '/_bulk', body.join(''))
  return answer.items.map(({ create }) => create.status)
}
