import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import {
  type ConsumedRecord,
  type KafkaCluster,
  type SearchFlavor,
  searchAt,
  service,
  startKafka,
} from '@connect-run/testkit/services'
import { type BulkRecorder, startBulkRecorder } from './bulk-recorder.ts'
import { readings } from './oceanic.ts'
import { type WorkerProcess, type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const TOTAL = 200_000
const root = fileURLToPath(new URL('../../../../', import.meta.url))
const config = readFileSync(join(root, 'configs/oceanic-elasticsearch.yaml'), 'utf8')
const readme = readFileSync(join(root, 'connectors/elasticsearch/README.md'), 'utf8')
const flavors: readonly SearchFlavor[] = ['opensearch', 'elasticsearch7', 'elasticsearch8']

const software = await service('kafka', { own: true }) // the config names its topic
const servers = await Promise.all(flavors.map((flavor) => service(flavor)))
const scarcest = servers.find(({ address }) => address === '') ?? software

scarcest.describe('into OpenSearch 2 and Elasticsearch 7 and 8', () => {
  const targets = flavors.map((flavor, i) => ({ flavor, server: searchAt(servers[i]!.address) }))
  let kafka: KafkaCluster
  let place: Workplace

  beforeAll(async () => {
    kafka = await startKafka()
  })
  afterAll(() => kafka.stop())

  beforeEach(async () => {
    place = await workplace()
  })
  afterEach(() => place.close())

  const onEach = <T>(does: (target: (typeof targets)[number]) => Promise<T>): Promise<T[]> =>
    Promise.all(targets.map(does))

  it('the readings of the producer can be counted, as the README says', async () => {
    const [{ server }] = targets as [(typeof targets)[number]]
    await server.deleteIndex('oceanic')
    const [, block] = /```sh\n([^]*?)```/.exec(readme)!
    const env = { ...process.env, KAFKA_BROKERS: kafka.bootstrap, ELASTICSEARCH_URL: server.url }
    const { stdout } = await promisify(execFile)('bash', ['-euc', block!], { cwd: root, env })
    expect(stdout).toMatch(/oceanic-to-elasticsearch sink \(elasticsearch\) +OpenSearch 2\./)
    expect(stdout).toMatch(/\{"count":2000,/)
    await server.deleteIndex('oceanic')
    await kafka.deleteTopic('oceanic')
  })

  it('200,000 readings become as many documents, the same on each, and again the same when read again', async () => {
    await onEach(({ server }) => server.deleteIndex('oceanic'))
    await kafka.createTopic('oceanic', { partitions: 4 })
    await kafka.produce('oceanic', readings(TOTAL))
    const expected = digestOf(documentsOf(await kafka.consumeAll('oceanic')))

    // A name of its own makes a consumer group of its own: each run begins at the beginning.
    const run = async ({ flavor, server }: (typeof targets)[number], name: string): Promise<void> => {
      const file = await place.write(`${name}-${flavor}.yaml`, config.replace(/^name: .*$/m, `name: ${name}-${flavor}`))
      const env = { KAFKA_BROKERS: kafka.bootstrap, ELASTICSEARCH_URL: server.url }
      const worker = place.start([file, '--once', '--log-format', 'json'], env)
      await expectExit(worker, 0)
      expect(ledgerOf(worker)).toMatchObject({ read: TOTAL, written: TOTAL })
      expect(await server.count('oceanic')).toBe(TOTAL)
    }
    await onEach((target) => run(target, 'first'))
    await onEach((target) => run(target, 'second'))
    for (const { server } of targets) {
      expect(digestOf((await server.documents('oceanic')).map(({ id, source }) => [id, source]))).toBe(expected)
      const { _all: stats } = await server.request<Stats>('GET', '/oceanic/_stats/indexing')
      expect(stats.primaries.indexing).toMatchObject({ index_total: 2 * TOTAL, index_failed: 0 })
      await server.deleteIndex('oceanic')
    }
    expect(await kafka.consumeAll('oceanic-elasticsearch.dlq')).toEqual([])
  })

  it('100 documents of 10,000 that the mapping does not take are set aside, each asked about once', async () => {
    const topic = `strict-${randomUUID().slice(0, 8)}`
    const isBad = (n: number): boolean => n % 100 === 42
    const value = (n: number): string => (isBad(n) ? `{"n":${n},"stray${n}":1}` : `{"n":${n}}`)
    await kafka.createTopic(topic, { partitions: 2 })
    await kafka.produce(
      topic,
      Array.from({ length: 10_000 }, (_, n) => ({ partition: n % 2, value: value(n) })),
    )
    const running = await onEach(async ({ flavor, server }) => {
      const index = `${topic}-${flavor}`
      await server.createIndex(index, { mappings: { dynamic: 'strict', properties: { n: { type: 'long' } } } })
      const recorder = await startBulkRecorder(server.url)
      const worker = await startStrict({ topic, index, url: recorder.url })
      return { server, index, recorder, worker }
    })
    try {
      for (const { index, recorder, worker } of running) {
        await whileRunning(worker, () => recorder.answersById().size === 10_000, '10,000 answers')
        await whileRunning(worker, async () => (await letters(index)) === 100, '100 letters')
      }
      await kafka.produce(topic, [{ partition: 0, value: '{"n":-1}' }])
      for (const { recorder, worker } of running) {
        await whileRunning(worker, () => recorder.answersById().size === 10_001, 'one answer more')
        worker.kill('SIGTERM')
        await expectExit(worker, 0)
        expectOneAnswerEach(recorder)
      }
    } finally {
      await Promise.all(running.map(({ recorder }) => recorder.stop()))
    }
    for (const { server, index } of running) {
      expect(await server.count(index)).toBe(9_901)
      expect((await server.documents(index)).every(({ source }) => !isBad(Number(source['n'])))).toBe(true)
      for (const letter of await kafka.consumeAll(`${index}.dlq`)) expectReason(letter)
      await server.deleteIndex(index)
    }
  })

  function letters(index: string): Promise<number> {
    const sum = (offsets: Readonly<Record<number, number>>): number =>
      Object.values(offsets).reduce((total, offset) => total + offset, 0)
    return kafka.endOffsets(`${index}.dlq`).then(sum, () => 0)
  }

  async function startStrict(ends: { topic: string; index: string; url: string }): Promise<WorkerProcess> {
    const { topic, index, url } = ends
    const text = `
name: ${index}
pipelines:
  main:
    source: { connector: kafka, brokers: "${kafka.bootstrap}", topics: [${topic}], value: json }
    sink: { connector: elasticsearch, url: "${url}", index: ${index}, autoCreate: false }
    errors: { tolerance: all, deadLetterQueue: { topic: ${index}.dlq } }
`
    return place.start([await place.write(`${index}.yaml`, text), '--log-format', 'json'])
  }
})

interface Stats {
  readonly _all: { readonly primaries: { readonly indexing: object } }
}

/** The last word of a worker about what it has moved. */
function ledgerOf(worker: WorkerProcess): object {
  const lines = worker.output().split('\n')
  const line = lines.findLast((each) => each.includes('"msg":"ledger"'))
  if (line === undefined) throw new Error(`no ledger in ${worker.output()}`)
  return JSON.parse(line) as object
}

type Document = readonly [id: string, source: unknown]

/** What the records must become. */
function documentsOf(records: readonly ConsumedRecord[]): Document[] {
  return records.map(({ partition, offset, timestamp, value }) => [
    `oceanic+${partition}+${offset}+${timestamp}`,
    JSON.parse(value!.toString()),
  ])
}

function digestOf(documents: readonly Document[]): string {
  const lines = documents.map(([id, source]) => `${id} ${JSON.stringify(source)}\n`).toSorted()
  return createHash('sha256').update(lines.join('')).digest('hex')
}

function expectOneAnswerEach(recorder: BulkRecorder): void {
  const statuses = [...recorder.answersById().values()]
  expect(statuses.filter(([status, ...more]) => status === 201 && more.length === 0)).toHaveLength(9_901)
  expect(statuses.filter(([status, ...more]) => status === 400 && more.length === 0)).toHaveLength(100)
}

function expectReason({ value, headers }: ConsumedRecord): void {
  const [, stray] = /"(stray\d+)"/.exec(value!.toString())!
  const said = Object.assign({}, ...headers) as Record<string, Buffer>
  expect(String(said['__connect.errors.code'])).toBe('RECORD_REJECTED')
  const message = String(said['__connect.errors.exception.message'])
  expect(message).toContain('strict_dynamic_mapping_exception')
  expect(message).toContain(stray)
}
