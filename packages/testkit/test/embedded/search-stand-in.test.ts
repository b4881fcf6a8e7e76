import { pollUntil } from '@connect-run/testkit'
import { type SearchProduct, type SearchStandIn, startSearchStandIn } from '@connect-run/testkit/embedded'
import { searchAt } from '@connect-run/testkit/services'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { gzipSync } from 'node:zlib'
import { alike, BULK_CASES, runBulkCase } from './search-bulk-cases.ts'

const PRODUCTS: readonly SearchProduct[] = ['opensearch', 'elasticsearch7', 'elasticsearch8']

let server: SearchStandIn

beforeEach(async () => {
  server = await startSearchStandIn()
})
afterEach(() => server.stop())

const line = (id: string, n = 1): string => `{"index":{"_index":"readings","_id":"${id}"}}\n{"n":${n}}\n`

interface Answer {
  readonly status: number
  readonly text: string
}

function bulk(body: string | Buffer, headers = {}, query = ''): Promise<Answer> {
  return send('POST', `/_bulk${query}`, body, { 'content-type': 'application/x-ndjson', ...headers })
}

async function send(method: string, path: string, body?: string | Buffer, headers = {}): Promise<Answer> {
  const response = await fetch(server.url + path, { method, headers, ...(body === undefined ? {} : { body }) })
  return { status: response.status, text: await response.text() }
}

describe.each(PRODUCTS)('bulk requests as recorded from %s', (product) => {
  it.each(BULK_CASES)('$case', async ({ body, [product]: recorded }) => {
    const alone = await startSearchStandIn({ product })
    const told = await runBulkCase(alone.url, body)
    await alone.stop()
    expect(alike(recorded, told) ? recorded : told).toEqual(recorded)
  })
})

describe('the stand-in', () => {
  it('keeps documents as they came', async () => {
    await bulk('{"index":{"_index":"readings","_id":"1","routing":"r"}}\n{"n":9223372036854775807}\n')
    const document = { id: '1', version: 1, seqNo: 0, routing: 'r', source: '{"n":9223372036854775807}' }
    expect(server.documents('readings').get('1')).toEqual(document)
    expect(server.documents('others').size).toBe(0)
    expect(server.indices).toEqual(['readings'])
  })

  it('records what it was sent', async () => {
    await bulk(line('1'), { 'x-own': 'yes' }, '?refresh=true')
    await send('GET', '/none')
    expect(server.requests).toMatchObject([
      {
        method: 'POST',
        path: '/_bulk?refresh=true',
        headers: { 'x-own': 'yes' },
        bytes: line('1').length,
        status: 200,
      },
      { method: 'GET', path: '/none', status: 404, operations: [] },
    ])
    const [operation] = server.requests[0]!.operations
    expect(operation).toMatchObject({ action: 'index', index: 'readings', id: '1', source: '{"n":1}' })
    server.forgetRequests()
    expect(server.requests).toEqual([])
  })

  it('takes the index from the path', async () => {
    await send('POST', '/given/_bulk', '{"index":{"_id":"1"}}\n{}\n')
    expect(server.documents('given').size).toBe(1)
  })

  it('leaves what filter_path asks for', async () => {
    const filter = '?filter_path=errors,items.*.status,items.*.error.ty*'
    const created = '{"errors":false,"items":[{"index":{"status":201}}]}'
    expect(await bulk(line('1'), {}, filter)).toEqual({ status: 200, text: created })
    const conflict =
      '{"errors":true,"items":[{"create":{"status":409,"error":{"type":"version_conflict_engine_exception"}}}]}'
    expect(await bulk(line('1').replace('index', 'create'), {}, filter)).toEqual({ status: 200, text: conflict })
    expect(await bulk(line('1'), {}, '?filter_path=items.*.error')).toEqual({ status: 200, text: '{}' })
  })

  it('makes no index where it may not', async () => {
    const strict = await startSearchStandIn({ autoCreate: false })
    await expect(searchAt(strict.url).bulk([{ index: { _index: 'readings' } }, {}])).rejects.toThrow('no such index')
    expect(strict.indices).toEqual([])
    await strict.stop()
  })

  it('counts, and knows its indices and templates', async () => {
    const api = searchAt(server.url)
    await api.createIndex('readings', { mappings: { dynamic: 'strict' } })
    await expect(api.createIndex('readings')).rejects.toThrow('resource_already_exists_exception')
    await bulk(line('1') + line('2'))
    expect(await api.request('GET', '/readings/_count?filter_path=count')).toEqual({ count: 2 })
    expect(await api.request('GET', '/readings')).toMatchObject({ readings: { mappings: { dynamic: 'strict' } } })
    await api.request('PUT', '/_index_template/own', { index_patterns: ['r*'] })
    expect(await api.text('GET', '/_index_template/own')).toContain('"index_patterns":["r*"]')
    await api.request('DELETE', '/_index_template/own')
    await api.deleteIndex('readings')
    const answers = ['/readings', '/readings/_count', '/_index_template/own'].map((path) => send('GET', path))
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([404, 404, 404])
    expect((await send('HEAD', '/readings')).text).toBe('')
  })

  it('says who it is, and which nodes there are', async () => {
    const elastic = await startSearchStandIn({ product: 'elasticsearch8', contentLimitBytes: 1000 })
    const response = await fetch(elastic.url)
    expect(response.headers.get('x-elastic-product')).toBe('Elasticsearch')
    expect(await response.text()).toContain('"number":"8.19.21"')
    const http = { publish_address: new URL(elastic.url).host, max_content_length_in_bytes: 1000 }
    const nodes = (): Promise<unknown> => searchAt(elastic.url).request('GET', '/_nodes/http?filter_path=nodes.*.http')
    expect(await nodes()).toEqual({ nodes: { 'node-1': { http } } })
    elastic.publish(['127.0.0.1:1', '127.0.0.1:2'])
    expect(await nodes()).toMatchObject({ nodes: { 'node-2': { http: { publish_address: '127.0.0.1:2' } } } })
    await elastic.stop()
    expect(await searchAt(server.url).text('GET', '/')).toContain('"distribution":"opensearch"')
  })

  it('has no other paths', async () => {
    expect(await send('GET', '/readings/_nothing')).toMatchObject({ status: 400 })
    expect(await send('POST', '/readings')).toMatchObject({ status: 405 })
  })

  it('asks for credentials', async () => {
    const guarded = await startSearchStandIn({ authorization: 'Bearer t' })
    await expect(searchAt(guarded.url).request('GET', '/')).rejects.toThrow(/401 .*missing authentication credentials/)
    const wrong = await fetch(guarded.url, { headers: { authorization: 'Bearer x' } })
    expect([wrong.status, await wrong.text()]).toEqual([401, expect.stringContaining('unable to authenticate')])
    expect((await fetch(guarded.url, { headers: { authorization: 'Bearer t' } })).status).toBe(200)
    await guarded.stop()
  })
})

describe('bodies', () => {
  it('may be compressed', async () => {
    expect(await bulk(gzipSync(line('1')), { 'content-encoding': 'gzip' })).toMatchObject({ status: 200 })
    expect(server.documents('readings').size).toBe(1)
  })

  it('break the connection when they are no gzip', async () => {
    await expect(bulk(line('1'), { 'content-encoding': 'gzip' })).rejects.toThrow('fetch failed')
  })

  it('have a limit, as sent and unpacked', async () => {
    const small = await startSearchStandIn({ contentLimitBytes: 1000 })
    const large = Buffer.from(line('1'.repeat(400)) + line('2'.repeat(600)))
    const statuses = [large, gzipSync(large)].map(async (body, at) => {
      const headers = { 'content-type': 'application/x-ndjson', ...(at === 1 ? { 'content-encoding': 'gzip' } : {}) }
      const answer = await fetch(`${small.url}/_bulk`, { method: 'POST', body, headers })
      return [answer.status, await answer.text()]
    })
    expect(await Promise.all(statuses)).toEqual([
      [413, ''],
      [413, ''],
    ])
    await small.stop()
  })
})

describe('faults', () => {
  it('answer a status, with what is asked of the client', async () => {
    const fault = { status: 429, errorCode: 'rejected_execution_exception', message: 'full' }
    server.inject({ kind: 'status', ...fault, headers: { 'retry-after': '7' }, times: 1 })
    const refused = await fetch(`${server.url}/_bulk`, { method: 'POST', body: line('1') })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '7'])
    expect(await refused.json()).toMatchObject({
      error: { type: 'rejected_execution_exception', reason: 'full' },
      status: 429,
    })
    expect(server.documents('readings').size).toBe(0)
    expect(await bulk(line('1'))).toMatchObject({ status: 200 })
  })

  it('refuse single items', async () => {
    const type = 'rejected_execution_exception'
    server.refuseItems(({ id }) => (id === '2' ? { status: 429, type, reason: 'full' } : undefined))
    const { text } = await bulk(line('1') + line('2') + line('3'), {}, '?filter_path=errors,items.*.status')
    expect(text).toBe(
      '{"errors":true,"items":[{"index":{"status":201}},{"index":{"status":429}},{"index":{"status":201}}]}',
    )
    expect([...server.documents('readings').keys()]).toEqual(['1', '3'])
    server.clearFaults()
    expect((await bulk(line('2'))).text).toContain('"errors":false')
  })

  it('break the connection before and after the work', async () => {
    server.inject({ kind: 'reset', times: 1 })
    server.inject({ kind: 'reset-mid-body', times: 1 })
    for (const id of ['1', '2']) await expect(bulk(line(id))).rejects.toThrow('fetch failed')
    expect(server.documents('readings').size).toBe(0)
    server.inject({ kind: 'lose-answer', times: 1 })
    await expect(bulk(line('3'))).rejects.toThrow('fetch failed')
    expect(server.documents('readings').size).toBe(1)
    expect(server.requests.map(({ status }) => status)).toEqual([undefined, undefined, undefined])
  })

  it('leave other requests alone, unless they are meant', async () => {
    server.inject({ kind: 'status', status: 403, requests: 'others' })
    expect([(await send('GET', '/')).status, (await bulk(line('1'))).status]).toEqual([403, 200])
  })

  it('close the port', async () => {
    await server.refuse()
    await expect(bulk(line('1'))).rejects.toThrow('fetch failed')
    await server.accept()
    expect(await bulk(line('1'))).toMatchObject({ status: 200 })
  })
})

describe('overlaps', () => {
  it('are none where one follows another', async () => {
    for (let n = 0; n < 3; n++) await bulk(line('1', n))
    await Promise.all([bulk(line('2')), bulk(line('3'))])
    expect(server.overlaps).toEqual([])
  })

  it('are two operations on one document in a request', async () => {
    await bulk(line('1') + line('2') + line('1'))
    expect(server.overlaps).toEqual(['readings/1'])
  })

  it('are operations on a document of a request that has no answer yet', async () => {
    const client = new AbortController()
    server.inject({ kind: 'hang', times: 1 })
    const hanging = fetch(`${server.url}/_bulk`, { method: 'POST', body: line('1'), signal: client.signal })
    await pollUntil(() => server.requests[0]?.operations.length === 1)
    await bulk(line('1') + line('2'))
    expect(server.overlaps).toEqual(['readings/1'])
    client.abort()
    await expect(hanging).rejects.toThrow('aborted')
  })
})
