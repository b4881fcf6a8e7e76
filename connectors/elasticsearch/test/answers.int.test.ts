import { randomUUID } from 'node:crypto'
import { afterEach, beforeAll, expect, it } from '@jest/globals'
import { type HttpProxy, type TcpProxy, httpProxy, tcpProxy } from '@connect-run/testkit/faults'
import { type SearchApi, searchAt, service } from '@connect-run/testkit/services'
import { BulkWriter } from '../src/bulk/bulk-writer.ts'
import { Flow } from '../src/bulk/flow.ts'
import { IdGuard } from '../src/bulk/id-guard.ts'
import { createClusterClient } from '../src/cluster/cluster-client.ts'
import { rulesOf } from '../src/error-map.ts'
import { ElasticsearchSinkTask } from '../src/sink-task.ts'
import {
  type TestRecord,
  batchOf,
  contextOf,
  failuresOf,
  noLogger,
  operationsOf,
  realClock,
  settle,
  sinkConfig,
  thrownBy,
  why,
} from './support.ts'

const { signal } = new AbortController()

for (const flavor of ['opensearch', 'elasticsearch7', 'elasticsearch8'] as const) {
  const found = await service(flavor)

  found.describe(`what ${flavor} answers`, () => {
    let server: SearchApi
    const closing: (() => Promise<unknown>)[] = []
    beforeAll(() => {
      server = searchAt(found.address)
    })
    afterEach(async () => {
      for (const close of closing.splice(0).toReversed()) await close()
    })

    /** An index of its own for each test, gone at its end. */
    async function index(definition: object = {}): Promise<string> {
      const name = `answers-${randomUUID()}`
      const settings = { number_of_shards: 1, number_of_replicas: 0 }
      await server.createIndex(name, { settings, ...definition })
      closing.push(() => server.deleteIndex(name))
      return name
    }

    async function started(options: Record<string, unknown>): Promise<ElasticsearchSinkTask> {
      const config = sinkConfig({ url: server.url, ...options })
      const task = new ElasticsearchSinkTask(config)
      closing.push(() => task.stop())
      await task.start(contextOf(config))
      return task
    }

    async function failures(task: ElasticsearchSinkTask, records: readonly TestRecord[]): Promise<string[]> {
      return (await failuresOf(task.put(batchOf(records), signal), records.length)).map(why)
    }

    const values = (...list: readonly object[]): TestRecord[] => list.map((value) => ({ value }))

    it('what a mapping does not take is refused with the reason, and its neighbours are written', async () => {
      const mappings = { dynamic: 'strict', properties: { n: { type: 'long' }, at: { type: 'date' } } }
      const name = await index({ mappings })
      const task = await started({ index: name })
      const refused = await failures(task, values({ n: 1 }, { x: 1 }, { n: 'one' }, { at: 'noon' }, { n: 2 }))
      expect(refused).toEqual([
        expect.stringMatching(/^1 record RECORD_REJECTED: .* 400: strict_dynamic_mapping_exception: .*\[x\]/),
        expect.stringMatching(/^2 record RECORD_REJECTED: .* 400: \w+_parsing_exception: .*field \[n\] .*"one"/),
        expect.stringMatching(/^3 record RECORD_REJECTED: .* 400: \w+_parsing_exception: .*field \[at\] /),
      ])
      expect(await server.count(name)).toBe(2)
    })

    it('a closed index', async () => {
      const name = await index()
      await server.request('POST', `/${name}/_close`)
      const task = await started({ index: name })
      expect(await failures(task, values({ n: 1 }))).toEqual([
        expect.stringMatching(/^0 record RECORD_REJECTED: .*index_closed_exception/),
      ])
    })

    it('a full disk: again, until the server lifts the block', async () => {
      const name = await index()
      await server.request('PUT', `/${name}/_settings`, { 'index.blocks.read_only_allow_delete': true })
      const task = await started({ index: name })
      expect(await failures(task, values({ n: 1 }))).toEqual([expect.stringContaining('0 retriable DISK_FULL')])
      await server.request('PUT', `/${name}/_settings`, { 'index.blocks.read_only_allow_delete': null })
      expect(await failures(task, values({ n: 1 }))).toEqual([])
    })

    it('a block on writes stops the task; where records choose among indices, only those of this one are refused', async () => {
      const [blocked, open] = [await index(), await index()]
      await server.request('PUT', `/${blocked}/_settings`, { 'index.blocks.write': true })
      const task = await started({ index: blocked })
      expect(await thrownBy(task.put(batchOf(values({ n: 1 })), signal))).toMatch(
        /^fatal REQUEST_REJECTED: .*index write/,
      )
      const choosing = await started({ index: '${value.to}' })
      expect(await failures(choosing, values({ to: blocked }, { to: open }))).toEqual([
        expect.stringMatching(/^0 record RECORD_REJECTED: .*index write/),
      ])
      expect(await server.count(open)).toBe(1)
    })

    it('a replay of creates changes nothing and is no conflict', async () => {
      const name = await index()
      const task = await started({ index: name, action: 'create', onConflict: 'deadLetter' })
      for (let round = 0; round < 2; round++) expect(await failures(task, values({ n: 1 }, { n: 2 }))).toEqual([])
      const documents = await server.documents(name)
      expect(documents.map(({ version }) => version)).toEqual([1, 1])
    })

    it('external versions: an older one never replaces a newer one, and the same one is a replay', async () => {
      const name = await index()
      const options = { index: name, id: 'key', version: 'offset' }
      const of = (offset: number): TestRecord => ({ key: 'k', offset, value: { offset } })
      const task = await started(options)
      expect(await failures(task, [of(5), of(7), of(6)])).toEqual([])
      const strict = await started({ ...options, onConflict: 'deadLetter' })
      expect(await failures(strict, [of(7)])).toEqual([])
      expect(await failures(strict, [of(6)])).toEqual([expect.stringContaining('0 record RECORD_COLLISION')])
      expect(await failures(strict, [{ key: 'k', offset: 6, value: null }])).toEqual([
        expect.stringContaining('0 record RECORD_COLLISION'),
      ])
      const [document] = await server.documents(name)
      expect(document).toMatchObject({ id: 'k', version: 7, source: { offset: 7 } })
      expect(await failures(strict, [{ key: 'k', offset: 8, value: null }])).toEqual([])
      expect(await server.count(name)).toBe(0)
    })

    it('a document that is not there: deleted all the same, and not updated', async () => {
      const name = await index()
      const options = { index: name, id: 'key' }
      expect(await failures(await started(options), [{ key: 'k', value: null }])).toEqual([])
      const missing = await started({ index: `${name}-none`, id: 'key' })
      expect(await failures(missing, [{ key: 'k', value: null }])).toEqual([])
      const task = await started({ ...options, action: 'update', update: { upsert: false } })
      expect(await failures(task, [{ key: 'k', value: { n: 1 } }])).toEqual([
        expect.stringMatching(/^0 record RECORD_REJECTED: .*document_missing_exception/),
      ])
    })

    it('an unknown pipeline: again, until there is one; no alias: the task stops', async () => {
      const name = await index()
      expect(await failures(await started({ index: name, pipeline: 'none' }), values({ n: 1 }))).toEqual([
        expect.stringMatching(/^0 retriable NOT_FOUND: .*pipeline with id \[none\] does not exist/),
      ])
      const task = await started({ index: name, requireAlias: true })
      expect(await thrownBy(task.put(batchOf(values({ n: 1 })), signal))).toMatch(/^fatal NOT_FOUND: .*alias/)
    })

    it('a request that is refused for one of its operations: that one is found', async () => {
      const name = await index()
      const client = await createClusterClient(sinkConfig({ url: server.url }), noLogger, realClock)
      closing.push(() => client.close())
      const rules = rulesOf(sinkConfig())
      const parts = {
        client,
        rules,
        flow: new Flow(noLogger),
        guard: new IdGuard(),
        clock: realClock,
        timeoutMs: 10_000,
      }
      const ids = Array.from({ length: 20 }, (_, i) => ({ id: i === 13 ? 'x'.repeat(600) : String(i), in: name }))
      const refused = await new BulkWriter(parts).write(operationsOf(ids), signal)
      expect(refused.map(why)).toEqual([
        expect.stringMatching(/^13 record RECORD_REJECTED: .* 400: action_request_vali/),
      ])
      expect(await server.count(name)).toBe(19)
    })

    if (flavor === 'opensearch') {
      it('pipelines that fail and drop, and scripts that fail and are wrong', async () => {
        const name = await index()
        const id = `answers-${randomUUID()}`
        closing.push(() => server.request('DELETE', `/_ingest/pipeline/${id}`))
        await server.request('PUT', `/_ingest/pipeline/${id}`, {
          processors: [
            { fail: { if: 'ctx.n == 2', message: 'no twos' } },
            { drop: { if: 'ctx.n == 3' } },
            { convert: { field: 'm', type: 'long', ignore_missing: true } },
          ],
        })
        const task = await started({ index: name, pipeline: id })
        expect(await failures(task, values({ n: 1 }, { n: 2 }, { n: 3 }, { n: 4, m: 'x' }))).toEqual([
          expect.stringMatching(/^1 record RECORD_REJECTED: .* 500: fail_processor_exception: no twos/),
          expect.stringMatching(/^3 record RECORD_REJECTED: .* 400: illegal_argument_exception: unable to convert/),
        ])
        expect(await server.count(name)).toBe(1)
        const update = async (source: string): Promise<ElasticsearchSinkTask> =>
          started({ index: name, id: 'key', action: 'update', update: { script: { source } } })
        const records = [{ key: 'k', value: { n: 1 } }]
        expect(await failures(await update('ctx._source.n = 1'), records)).toEqual([])
        expect(await failures(await update('ctx._source.n = params.a.b'), records)).toEqual([
          expect.stringMatching(/^0 record RECORD_REJECTED: .*runtime error/),
        ])
        const wrong = await update('this is none )')
        expect(await thrownBy(wrong.put(batchOf(records), signal))).toMatch(/^fatal REQUEST_REJECTED: .*compile error/)
      })
    }

    it('connections that break before, in and after a request: nothing is lost, and nothing is there twice', async () => {
      const name = await index()
      const proxy: HttpProxy = await httpProxy({ target: server.url })
      closing.push(() => proxy.stop())
      const task = await started({ url: proxy.url, index: name, timeout: '2s' })
      const batch = batchOf(Array.from({ length: 500 }, (_, n) => ({ value: { n } })))
      for (const kind of ['reset', 'reset-mid-body', 'lose-answer', 'cut-answer'] as const)
        proxy.inject({ kind, times: 1 })
      proxy.inject({ kind: 'status', status: 502, times: 1 })
      const { calls, poison, again } = await settle((rows) => task.put(rows, signal), batch)
      expect([calls, poison]).toEqual([[500, 500, 500, 500, 500, 500], []])
      expect(again).toEqual({ CONNECTION_LOST: 2000, SERVER_ERROR: 500 })
      const documents = await server.documents(name)
      expect(new Set(documents.map(({ source }) => source['n'])).size).toBe(500)
      expect(documents).toHaveLength(500)
    })

    it('bytes that change on their way, there or back: what became of records is never guessed', async () => {
      const name = await index()
      const proxy: TcpProxy = await tcpProxy({ target: { port: Number(new URL(server.url).port) } })
      closing.push(() => proxy.stop())
      const batch = batchOf(Array.from({ length: 500 }, (_, n) => ({ value: { n } })))
      const repeated: number[] = []
      const put = async (garble: () => void): Promise<void> => {
        const task = await started({ url: `http://127.0.0.1:${proxy.port}`, index: name, timeout: '2s', gzip: true })
        proxy.cut()
        garble()
        const { calls, poison } = await settle((rows) => task.put(rows, signal), batch)
        expect(poison).toEqual([])
        repeated.push(calls.length - 1)
        await task.stop()
      }
      for (let place = 400; place < 3200; place += 401) await put(() => proxy.garble(place))
      // A changed byte of what is compressed may stand for the same text.
      expect(repeated.reduce((sum, times) => sum + times)).toBeGreaterThan(repeated.length / 2)
      for (let place = 20; place < 3000; place += 199) await put(() => proxy.garbleAnswer(place))
      expect(repeated.filter((times) => times > 1)).toEqual([])
      const documents = await server.documents(name)
      expect(new Set(documents.map(({ source }) => source['n'])).size).toBe(500)
      expect(documents).toHaveLength(500)
    })

    it('an answer that breaks off in the middle, and a server that goes silent', async () => {
      const name = await index()
      const proxy: TcpProxy = await tcpProxy({ target: { port: Number(new URL(server.url).port) } })
      closing.push(() => proxy.stop())
      const task = await started({ url: `http://127.0.0.1:${proxy.port}`, index: name, timeout: '1s', gzip: true })
      const batch = batchOf(Array.from({ length: 500 }, (_, n) => ({ value: { n } })))
      proxy.resetAnswer(1000)
      const first = await settle((rows) => task.put(rows, signal), batch)
      expect(first.again).toEqual({ CONNECTION_LOST: 500 })
      proxy.hang()
      expect(await thrownBy(task.put(batch, signal))).toContain('retriable TIMEOUT')
      proxy.resume()
      expect((await settle((rows) => task.put(rows, signal), batch)).poison).toEqual([])
      expect(await server.count(name)).toBe(500)
    })
  })
}
