import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import {
  type ConsumedRecord,
  type ProducedRecord,
  type SearchServer,
  kafkaAt,
  service,
  startSearch,
} from '@connect-run/testkit/services'
import { type BulkRecorder, startBulkRecorder } from './bulk-recorder.ts'
import { readings } from './oceanic.ts'
import { type WorkerProcess, type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const BODY_LIMIT = 512 * 1024

const kafka = await service('kafka')
const opensearch = await service('opensearch', { own: true })
const scarcest = kafka.address === '' ? kafka : opensearch

scarcest.describe('a server with one write thread, a queue of one and a limit of bodies', () => {
  const broker = kafkaAt(kafka.address)
  let server: SearchServer
  let recorder: BulkRecorder
  let place: Workplace
  let topic: string

  beforeAll(async () => {
    const queue = { 'thread_pool.write.size': 1, 'thread_pool.write.queue_size': 1 }
    server = await startSearch({
      flavor: 'opensearch',
      settings: { ...queue, 'http.max_content_length': `${BODY_LIMIT}b` },
    })
  })
  afterAll(() => server.stop())

  beforeEach(async () => {
    place = await workplace()
    recorder = await startBulkRecorder(server.url)
    topic = `search-${randomUUID().slice(0, 8)}`
  })
  afterEach(async () => {
    await place.close()
    await recorder.stop()
    for (const name of await broker.topicNames()) if (name.startsWith(topic)) await broker.deleteTopic(name)
  })

  const rejected = async (): Promise<number> => {
    const { nodes } = await server.request<PoolStats>('GET', '/_nodes/stats/thread_pool')
    return Object.values(nodes)[0]!.thread_pool.write.rejected
  }

  it('refuses most of what comes at once; each refused item alone is sent again, and nothing is lost', async () => {
    await broker.createTopic(topic, { partitions: 4 })
    await broker.produce(topic, readings(50_000))
    await server.createIndex(topic, { settings: { number_of_shards: 20, number_of_replicas: 0 } })
    const worker = place.start([await write({ name: topic, url: recorder.url, topics: [topic] }), '--once'])
    await expectExit(worker, 0)

    expect(await server.count(topic)).toBe(50_000)
    const answers = recorder.answersById()
    expect(answers.size).toBe(50_000)
    // Refused any number of times, then taken, and never sent again.
    const wrong = [...answers.values()].filter(
      (had) => had.at(-1) !== 201 || had.slice(0, -1).some((one) => one !== 429),
    )
    expect(wrong).toEqual([])
    const refusals = [...answers.values()].reduce((sum, had) => sum + had.length - 1, 0)
    process.stdout.write(`${refusals} items were answered 429, in ${recorder.seen.length} requests\n`)
    expect(refusals).toBeGreaterThan(1000)
    expect(await broker.consumeAll(`${topic}.dlq`)).toEqual([])
    await server.deleteIndex(topic)
  })

  it('is sent bodies that it takes; a document that it never takes is set aside, with both sizes', async () => {
    await broker.createTopic(topic)
    const ofLength = (length: number, n: number): ProducedRecord => ({
      value: `{"n":${n},"text":"${'x'.repeat(length)}"}`,
    })
    const large = Array.from({ length: 40 }, (_, n) => ofLength(60_000, n))
    await broker.produce(topic, [...large, ofLength(600_000, 40), ofLength(10, 41)])
    const worker = place.start([await write({ name: topic, url: recorder.url, topics: [topic] }), '--once'])
    await expectExit(worker, 0)

    expect(await server.count(topic)).toBe(41)
    const refused = recorder.seen.filter(({ status }) => status === 413)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.every(({ bytes }) => bytes > BODY_LIMIT)).toBe(true)
    const [letter, ...more] = await broker.consumeAll(`${topic}.dlq`)
    expect(more).toEqual([])
    expect(letter!.value).toHaveLength(ofLength(600_000, 40).value!.length)
    const { code, message } = toldBy(letter!)
    expect(code).toBe('RECORD_TOO_LARGE')
    const sizes = [...message.replaceAll(',', '').matchAll(/\d{6}/g)].map(Number)
    expect(sizes.some((size) => size > 600_000 && size < 600_500)).toBe(true)
    expect(sizes).toContain(BODY_LIMIT)
    await server.deleteIndex(topic)
  })

  it('ends with every reading and the last value of every key, though it and the worker are killed', async () => {
    const [updated, kept] = [`${topic}-updated`, `${topic}-kept`]
    await broker.createTopic(topic, { partitions: 4 })
    await broker.createTopic(updated, { partitions: 4 })
    await broker.produce(topic, readings(READINGS))
    await broker.produce(updated, updates())
    for (const index of [topic, updated, kept]) await server.createIndex(index)
    const before = await rejected()
    const file = await place.write('faults.yaml', faultsConfig({ topic, updated, kept, url: server.url }))
    let refusals = 0
    for (let kill = 1; kill <= 5; kill++) {
      const worker = place.start([file, '--log-format', 'json'])
      await progress(worker, kill)
      if (kill > 1 && kill < 5) {
        refusals += (await rejected()) - (kill === 2 ? before : 0)
        await server.kill()
        await whileRunning(worker, () => worker.output().includes('UNREACHABLE'), 'a word about the server')
        await server.start()
        await progress(worker, kill)
      }
      worker.kill('SIGKILL')
      expect((await worker.exited).signal).toBe('SIGKILL')
    }
    expect(await server.count(topic)).toBeLessThan(READINGS)
    for (const pipeline of ['updates', 'states']) {
      const done = Object.values(await broker.committedOffsets(`connect-${topic}-${pipeline}`, updated))
      expect(done.reduce((sum, offset) => sum + offset, 0)).toBeLessThan(UPDATES)
    }
    await expectExit(place.start([file, '--once', '--log-format', 'json']), 0)

    expect(await server.count(topic)).toBe(READINGS)
    process.stdout.write(`${refusals + (await rejected())} parts of requests were answered 429\n`)
    const last = Array.from({ length: KEYS }, (_, key) => ({ n: UPDATES - KEYS + key, [`first${key % 10}`]: key }))
    const values = async (index: string): Promise<unknown[]> => {
      const documents = await server.documents(index)
      return documents.toSorted((one, other) => Number(one.id) - Number(other.id)).map(({ source }) => source)
    }
    expect(await values(updated)).toEqual(last)
    expect(await values(kept)).toEqual(last.map(({ n }) => ({ n })))
    expect(await broker.consumeAll(`${topic}.dlq`)).toEqual([])
    for (const index of [topic, updated, kept]) await server.deleteIndex(index)

    async function progress(worker: WorkerProcess, kill: number): Promise<void> {
      const target = (await server.count(topic)) + 5000
      await whileRunning(
        worker,
        async () => (await server.count(topic)) >= target,
        `${target} readings, before kill ${kill}`,
      )
    }
  })

  async function write(ends: { name: string; url: string; topics: readonly string[] }): Promise<string> {
    const { name, url, topics } = ends
    const text = `
name: ${name}
pipelines:
  main:
    source: { connector: kafka, brokers: "${kafka.address}", topics: [${topics.join()}], value: json }
    sink: { connector: elasticsearch, url: "${url}" }
    errors: { tolerance: all, deadLetterQueue: { topic: ${name}.dlq } }
`
    return place.write(`${name}.yaml`, text)
  }
})

const READINGS = 100_000
const UPDATES = 100_000
const KEYS = 1000

/** The first of each key has a field that none after it has: it must still be there at the end. */
function* updates(): Generator<ProducedRecord> {
  for (let n = 0; n < UPDATES; n++) {
    const key = n % KEYS
    const first = n < KEYS ? `,"first${key % 10}":${key}` : ''
    yield { key: String(key), partition: key % 4, value: `{"n":${n}${first}}` }
  }
}

function faultsConfig(ends: { topic: string; updated: string; kept: string; url: string }): string {
  const { topic, updated, kept, url } = ends
  const pipeline = (name: string, from: string, sink: string): string => `
  ${name}:
    source: { connector: kafka, brokers: "${kafka.address}", topics: [${from}], value: json }
    sink: { connector: elasticsearch, url: "${url}", timeout: 5s, batch: { maxRecords: 1000 }, retry: { maxDelay: 1s }, ${sink} }
    errors: { tolerance: all, deadLetterQueue: { topic: ${topic}.dlq } }
    commitInterval: 200ms`
  return `
name: ${topic}
pipelines:
${pipeline('readings', topic, `index: ${topic}`)}
${pipeline('updates', updated, `index: ${updated}, id: key, action: update`)}
${pipeline('states', updated, `index: ${kept}, id: key, version: offset`)}
`
}

interface PoolStats {
  readonly nodes: Readonly<Record<string, { readonly thread_pool: { readonly write: { readonly rejected: number } } }>>
}

function toldBy({ headers }: ConsumedRecord): { code: string; message: string } {
  const said = Object.assign({}, ...headers) as Record<string, Buffer>
  return { code: String(said['__connect.errors.code']), message: String(said['__connect.errors.exception.message']) }
}
