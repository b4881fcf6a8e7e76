import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from '@jest/globals'
import type { Converter, Schema, SinkContext } from '@connect-run/core'
import { pollUntil } from '@connect-run/testkit'
import type { ElasticsearchSinkConfig } from '../src/sink-config.ts'
import { ElasticsearchSinkTask } from '../src/sink-task.ts'
import {
  type ScriptedCluster,
  type TestAnswer,
  type TestRecord,
  type TestRequest,
  allDone,
  batchOf,
  contextOf,
  failuresOf,
  json,
  jsonBatchOf,
  serve,
  sinkConfig,
  thrownBy,
  why,
} from './support.ts'

const { signal } = new AbortController()
const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface Bench {
  readonly task: ElasticsearchSinkTask
  readonly cluster: ScriptedCluster
  readonly context: SinkContext<ElasticsearchSinkConfig>
}

const version: TestAnswer = {
  body: { version: { number: '8.19.21' } },
  headers: { 'x-elastic-product': 'Elasticsearch' },
}
type Answer = (request: TestRequest, n: number) => TestAnswer

/** `answer` is for all requests but the one for the version. */
async function created(options: Record<string, unknown> = {}, answer: Answer = allDone): Promise<Bench> {
  const { url, cluster, stop } = await serve((request, n) => (request.path === '/' ? version : answer(request, n)))
  closing.push(stop)
  const config = sinkConfig({ url, ...options })
  const task = new ElasticsearchSinkTask(config)
  closing.push(() => task.stop())
  return { task, cluster, context: contextOf(config) }
}

async function started(options?: Record<string, unknown>, answer?: Answer): Promise<Bench> {
  const bench = await created(options, answer)
  await bench.task.start(bench.context)
  return bench
}

const records: readonly TestRecord[] = [{ value: { n: 1 } }, { value: 5 }, { value: { n: 3 } }, { value: { n: 4 } }]

describe('put', () => {
  it('writes a batch in one request', async () => {
    const { task, cluster } = await started()
    await task.put(batchOf([{ value: { n: 1 } }, { value: { n: 2 } }]), signal)
    const bulks = cluster.requests.filter(({ path }) => path.startsWith('/_bulk'))
    expect(bulks).toHaveLength(1)
    expect(bulks[0]!.operations.map(({ action }) => action)).toEqual(['index', 'index'])
  })

  it('writes the bytes of a source', async () => {
    const { task, cluster } = await started()
    await task.put(jsonBatchOf([{ value: Buffer.from('{"n": 9007199254740993}') }]), signal)
    expect(cluster.requests.at(-1)!.body!.toString()).toContain('{"n": 9007199254740993}\n')
  })

  it('names the rows that can’t be written and those that were refused, by their place in the batch', async () => {
    const { task } = await started({}, ({ operations }) => ({
      body: {
        items: operations.map((_, i) => ({
          index: i === 1 ? { status: 429, error: { type: 'es_rejected_execution_exception' } } : { status: 201 },
        })),
      },
    }))
    const failures = await failuresOf(task.put(batchOf(records), signal), 0)
    expect(failures.map(({ row, error }) => [row, error.kind, error.code])).toEqual([
      [1, 'record', 'RECORD_INVALID'],
      [2, 'retriable', 'THROTTLED'],
    ])
  })

  it('where nothing is known of any row, the whole batch is to be repeated', async () => {
    const { task } = await started({}, () => ({ status: 503 }))
    expect(await thrownBy(task.put(batchOf(records), signal))).toContain('retriable SERVER_ERROR')
  })

  it('sends nothing where nothing is left', async () => {
    const { task, cluster } = await started()
    expect((await failuresOf(task.put(batchOf([{ value: 5 }]), signal), 0)).map(why)).toHaveLength(1)
    await task.put(batchOf([{ value: null }]), signal)
    expect(cluster.sent).toEqual([])
  })

  it('makes room for others between batches that come together', async () => {
    const { task } = await started()
    let decoded = 0
    const decode: Converter['decode'] = (...bytes) => {
      decoded++
      return json.decode(...bytes)
    }
    const spaced = Array.from({ length: 10 }, () => ({ value: Buffer.from('{"v":\n1}') }))
    const batches = Array.from({ length: 4 }, () => jsonBatchOf(spaced, { ...json, decode }))
    const writing = Promise.all(batches.map((batch) => task.put(batch, signal)))
    const seen = new Set<number>()
    for (let turn = 0; turn < 1000; turn++) {
      await nextTurn()
      seen.add(decoded)
    }
    await writing
    expect([...seen]).toEqual(expect.arrayContaining([10, 20, 30, 40]))
  })

  it('looks first whether the index is there where none may be made', async () => {
    const { task, cluster } = await started({ autoCreate: false, index: 'i' }, (request) =>
      request.method === 'HEAD' ? { status: 404 } : allDone(request),
    )
    expect(await thrownBy(task.put(batchOf(records), signal))).toContain('fatal NOT_FOUND')
    expect(cluster.sent).toEqual([])
  })

  it('maps an index by the first record of it that has a schema', async () => {
    const { task, cluster } = await started({ index: '${value.to}', mappings: { fromSchema: true } }, (request) =>
      request.method === 'HEAD' ? { status: 404 } : request.method === 'PUT' ? { status: 200 } : allDone(request),
    )
    const schemaOf = (field: string): Schema => ({
      type: 'struct',
      optional: false,
      fields: [{ field, schema: { type: 'int64', optional: false } }],
    })
    const schemas = [undefined, schemaOf('to'), schemaOf('n')]
    const values = [{ to: 'b' }, { to: 'a' }, { to: 'b', n: 1 }]
    const batch = batchOf(values.map((value) => ({ value }))).withValues(values, schemas)
    await task.put(batch, signal)
    const made = cluster.requests.filter(({ method }) => method === 'PUT')
    expect(made.map(({ path }) => path).sort()).toEqual(['/a', '/b'])
    expect(made.find(({ path }) => path === '/b')!.body!.toString()).toContain('"n"')
  })
})

describe('start', () => {
  it('fails for a while where nobody answers, may be tried again, and leaves no connection behind', async () => {
    let isUp = false
    const { url, connections, stop } = await serve((request) => {
      if (!isUp) return { status: 503 }
      return request.path === '/' ? version : allDone(request)
    })
    closing.push(stop)
    const config = sinkConfig({ url })
    const task = new ElasticsearchSinkTask(config)
    expect(await thrownBy(task.start(contextOf(config)))).toContain('retriable SERVER_ERROR')
    expect(await thrownBy(task.put(batchOf(records), signal))).toContain('fatal STOPPED')
    isUp = true
    await task.start(contextOf(config))
    await task.put(batchOf([{ value: {} }]), signal)
    await task.stop()
    // Sooner than an idle connection ends by itself.
    await pollUntil(async () => (await connections()) === 0, { timeoutMs: 1500 })
  })

  it('puts the index template in place', async () => {
    const template = { name: 't', patterns: ['i*'], mappings: { dynamic: 'strict' } }
    const { cluster } = await started({ mappings: { template } }, ({ method }) => ({
      status: method === 'GET' ? 404 : 200,
    }))
    expect(cluster.requests.map(({ method, path }) => `${method} ${path}`)).toContain('PUT /_index_template/t')
  })

  it('may be followed by a stop without having been called', async () => {
    await new ElasticsearchSinkTask(sinkConfig()).stop()
  })
})

describe('probe', () => {
  it('says what is wrong, and writes nothing', async () => {
    const { task, cluster } = await started({ autoCreate: false, index: 'i' }, ({ method }) => ({
      status: method === 'HEAD' ? 404 : 200,
    }))
    expect(await thrownBy(task.probe(signal))).toContain('fatal NOT_FOUND')
    expect(cluster.sent).toEqual([])
  })
})
