import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type Converter, type Header, type RecordBatch, isPartialBatch, packRecords } from '@connect-run/core'
import { type Codec, endConverters, packSourceRecords, validateOptions } from '@connect-run/core/runtime'
import { pollUntil } from '@connect-run/testkit'
import { type TestContext, testContext } from '@connect-run/testkit/conformance'
import { startMockKafka } from '@connect-run/testkit/embedded'
import { type KafkaCluster, kafkaAt, service, startKafka } from '@connect-run/testkit/services'
import { paths } from './paths.ts'
import { Reader } from './reader.ts'
import { KafkaSinkTask } from '../src/sink-task.ts'
import { type KafkaSinkConfig, sinkSchema } from '../src/sink-config.ts'

const kafka = await service('kafka')
const ownKafka = await service('kafka', { own: true })

const json: Converter = {
  format: 'json',
  schemas: false,
  decode: (buffer, start, end) => JSON.parse(buffer.toString('utf8', start, end)) as unknown,
  encode: (value) => (value === null ? null : Buffer.from(JSON.stringify(value))),
}
const jsonCodec: Codec = { key: endConverters(json, json), value: endConverters(json, json) }

interface Row {
  readonly key?: Buffer | string | null
  readonly value: Buffer | string | null
  readonly timestamp?: number
  readonly headers?: readonly Header[]
  readonly partition?: number
}

function batchOf(rows: readonly Row[]): RecordBatch {
  const bytes = (part: Buffer | string | null | undefined): Buffer | null =>
    typeof part === 'string' ? Buffer.from(part) : (part ?? null)
  return packRecords(
    rows.map(({ key, value, timestamp = -1, headers, partition = 0 }, offset) => ({
      stream: 'in',
      partition,
      offset,
      timestamp,
      key: bytes(key),
      value: bytes(value),
      headers,
    })),
  )
}

async function started(options: object): Promise<{ task: KafkaSinkTask; context: TestContext<KafkaSinkConfig> }> {
  const { config, issues } = validateOptions(sinkSchema as never, options as never)
  if (config === undefined) throw new Error(JSON.stringify(issues))
  const context = testContext({ config: config as unknown as KafkaSinkConfig })
  const task = new KafkaSinkTask()
  try {
    await task.start(context)
  } catch (error) {
    await task.stop()
    throw error
  }
  return { task, context }
}

const never = new AbortController().signal

const binaryHeaders: readonly Row[] = [Buffer.from([0xff, 0xfe]), Buffer.from('a\0b'), null].map((value) => ({
  value: 'x',
  headers: [{ key: 'h', value }],
}))

kafka.describe('the kafka sink on a broker', () => {
  const topics = kafkaAt(kafka.address)

  async function useSink(options: object, use: (task: KafkaSinkTask) => Promise<void>): Promise<void> {
    const { task } = await started({ brokers: kafka.address, ...options })
    try {
      await use(task)
    } finally {
      await task.stop()
    }
  }

  async function newTopic(partitions = 1, config: Record<string, string> = {}): Promise<string> {
    const topic = `sink-${randomUUID()}`
    // The records are old by their timestamps.
    await topics.createTopic(topic, { partitions, config: { 'retention.ms': '-1', ...config } })
    return topic
  }

  describe.each(paths)('by the %s calls', (_path, packed) => {
    const withSink: typeof useSink = (options, use) => useSink({ packed, ...options }, use)

    it('keeps keys, times, headers, and the difference between null and empty', async () => {
      const topic = await newTopic()
      const rows: Row[] = [
        { key: 'k', value: 'v', timestamp: 1_700_000_000_123 },
        { key: Buffer.from([0xff, 0]), value: Buffer.alloc(0), timestamp: 1_700_000_000_124 },
        { key: Buffer.alloc(0), value: null, timestamp: 1_700_000_000_125 },
        {
          value: 'with headers',
          timestamp: 1_700_000_000_126,
          headers: [
            { key: 'a', value: Buffer.from('1') },
            { key: '7', value: Buffer.from('日本') },
            { key: 'a', value: Buffer.alloc(0) },
          ],
        },
      ]
      await withSink({ topic }, (task) => task.put(batchOf(rows), never))
      const read = await topics.consumeAll(topic)
      expect(read.map(({ key, value, timestamp }) => ({ key, value, timestamp }))).toEqual([
        { key: Buffer.from('k'), value: Buffer.from('v'), timestamp: 1_700_000_000_123 },
        { key: Buffer.from([0xff, 0]), value: Buffer.alloc(0), timestamp: 1_700_000_000_124 },
        { key: Buffer.alloc(0), value: null, timestamp: 1_700_000_000_125 },
        { key: null, value: Buffer.from('with headers'), timestamp: 1_700_000_000_126 },
      ])
      expect(read[3]!.headers).toEqual([{ a: Buffer.from('1') }, { 7: Buffer.from('日本') }, { a: Buffer.alloc(0) }])
    })

    it('picks partitions as Java clients do', async () => {
      const topic = await newTopic(4)
      // From org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey(…, 4).
      const rows = ['sensor-1', 'sensor-2', 'sensor-3', 'sensor-4', 'a', 'b'].map((key) => ({ key, value: key }))
      await withSink({ topic }, (task) => task.put(batchOf(rows), never))
      const found = (await topics.consumeAll(topic)).map(({ key, partition }) => [key!.toString(), partition])
      expect(Object.fromEntries(found)).toEqual(Object.fromEntries(rows.map(({ key }) => [key, murmur2(key) % 4])))
    })

    it('writes each record to the topic that its template makes', async () => {
      const prefix = `sink-${randomUUID()}`
      const options = { topic: `${prefix}-\${topic}-\${value.to}`, createTopic: { partitions: 2 } }
      const made = ['a', 'b', undefined].map((to) => ({ offset: 0, value: { to } }))
      const batch = packSourceRecords(made, 'in').withCodec(jsonCodec)
      await withSink(options, async (task) => {
        await expect(task.put(batch, never)).rejects.toMatchObject({
          failures: [{ row: 2, error: { kind: 'record', code: 'RECORD_INVALID' } }],
        })
      })
      expect(await topics.consumeAll(`${prefix}-in-a`)).toHaveLength(1)
      expect(await topics.consumeAll(`${prefix}-in-b`)).toHaveLength(1)
    })

    it('creates a topic with partitions and settings, and takes one that is there', async () => {
      const topic = `sink-${randomUUID()}`
      const createTopic = { partitions: 3, replicationFactor: 1, config: { 'retention.ms': 600_000 } }
      await withSink({ topic, createTopic }, () => Promise.resolve())
      expect(Object.keys(await topics.endOffsets(topic))).toHaveLength(3)
      await withSink({ topic, createTopic }, (task) => task.put(batchOf([{ value: 'x' }]), never))
      expect(await topics.consumeAll(topic)).toHaveLength(1)
    })

    it('names the records that a broker finds too large, though it refuses whole batches', async () => {
      const topic = await newTopic(1, { 'max.message.bytes': '2000' })
      const rows = Array.from({ length: 50 }, (_, n) => ({ value: n % 20 === 7 ? 'x'.repeat(5000) : `${n}` }))
      await withSink({ topic, compression: 'none' }, async (task) => {
        const error: unknown = await task.put(batchOf(rows), never).catch((caught: unknown) => caught)
        if (!isPartialBatch(error)) throw error as Error
        expect(error.failures.map(({ row }) => row)).toEqual([7, 27, 47])
        expect(new Set(error.failures.map((failure) => failure.error.code))).toEqual(new Set(['RECORD_TOO_LARGE']))
      })
      const good = rows.map(({ value }) => value).filter((value) => value.length < 5000)
      expect((await topics.consumeAll(topic)).map(({ value }) => value!.toString())).toEqual(good)
    })

    it('waits for room where a batch is larger than the queue', async () => {
      const topic = await newTopic()
      const rows = Array.from({ length: 3000 }, (_, n) => ({ value: `${n}` }))
      const properties = { 'queue.buffering.max.messages': 100 }
      await withSink({ topic, properties }, (task) => task.put(batchOf(rows), never))
      const values = (await topics.consumeAll(topic)).map(({ value }) => Number(value))
      expect(values).toEqual(rows.map((_, n) => n))
    })

    it('does not start without its topic', async () => {
      const topic = `sink-${randomUUID()}`
      await expect(started({ brokers: kafka.address, topic, packed })).rejects.toMatchObject({
        kind: 'retriable',
        code: 'TOPIC_MISSING',
        message: expect.stringContaining(topic),
      })
    })

    it('asks to try again where a record names a topic that does not exist, until it does', async () => {
      const topic = `sink-${randomUUID()}-in`
      await withSink({ topic: topic.replace(/in$/, '${topic}') }, async (task) => {
        await expect(task.put(batchOf([{ value: 'x' }]), never)).rejects.toMatchObject({
          kind: 'retriable',
          code: 'TOPIC_MISSING',
        })
        await topics.createTopic(topic)
        const put = (): Promise<boolean> =>
          task.put(batchOf([{ value: 'x' }]), never).then(
            () => true,
            () => false,
          )
        await pollUntil(put, { what: 'the record is written' })
      })
      expect(await topics.consumeAll(topic)).toHaveLength(1)
    })
  })

  it('of the published client refuses headers that it would change, and writes the others', async () => {
    const topic = await newTopic()
    const rows = [...binaryHeaders, { value: 'y' }]
    await useSink({ topic, packed: false }, async (task) => {
      const error: unknown = await task.put(batchOf(rows), never).catch((caught: unknown) => caught)
      if (!isPartialBatch(error)) throw error as Error
      expect(error.failures.map((failure) => [failure.row, failure.error.code])).toEqual([
        [0, 'RECORD_INVALID'],
        [1, 'RECORD_INVALID'],
        [2, 'RECORD_INVALID'],
      ])
      expect(error.failures[0]!.error.message).toContain('`h`')
    })
    expect((await topics.consumeAll(topic)).map(({ value }) => value!.toString())).toEqual(['y'])
  })

  it('of the patched client writes headers of any bytes, also of made values', async () => {
    const topic = await newTopic()
    await useSink({ topic, packed: true }, async (task) => {
      await task.put(batchOf(binaryHeaders), never)
      const made = batchOf(binaryHeaders).withCodec(jsonCodec).withValues(['a', 'b', 'c'])
      await task.put(made.select([2, 0]), never)
    })
    const reader = await Reader.start({ options: { brokers: kafka.address, topics: [topic], groupId: topic } })
    await reader.rowsAre(5)
    await reader.stop()
    const headers = binaryHeaders.map((row) => row.headers!)
    expect(reader.headers).toEqual([...headers, headers[2], headers[0]])
    expect(reader.values).toEqual(['x', 'x', 'x', '"c"', '"a"'])
  })
})

ownKafka.describe('the kafka sink when the broker', () => {
  let cluster: KafkaCluster

  beforeAll(async () => {
    cluster = await startKafka()
  }, 120_000)

  afterAll(() => cluster.stop())

  it.each(paths)('is away asks to try again, and then goes on in order (%s)', async (_path, packed) => {
    const topic = `sink-${randomUUID()}`
    await cluster.createTopic(topic)
    const { task } = await started({ brokers: cluster.bootstrap, topic, packed, deliveryTimeout: '1s' })
    try {
      await task.put(batchOf([{ value: '0' }]), never)
      await cluster.brokers[0]!.kill()
      const rows = [{ value: '1' }, { value: '2' }]
      await expect(task.put(batchOf(rows), never)).rejects.toMatchObject({ kind: 'retriable', code: 'TIMEOUT' })
      await cluster.brokers[0]!.start()
      await pollUntil(
        () =>
          task.put(batchOf(rows), never).then(
            () => true,
            () => false,
          ),
        { what: 'the batch is written' },
      )
    } finally {
      await task.stop()
    }
    const values = (await cluster.consumeAll(topic)).map(({ value }) => value!.toString())
    expect(values).toEqual(['0', '1', '2'])
  })

  it.each(paths)('hangs gives up when the attempt is aborted (%s)', async (_path, packed) => {
    const topic = `sink-${randomUUID()}`
    await cluster.createTopic(topic)
    const { task } = await started({ brokers: cluster.bootstrap, topic, packed })
    await cluster.brokers[0]!.pause()
    try {
      const put = task.put(batchOf([{ value: 'x' }]), AbortSignal.timeout(200))
      await expect(put).rejects.toMatchObject({ name: 'TimeoutError' })
    } finally {
      await cluster.brokers[0]!.resume()
      await task.stop()
    }
  })
})

describe('the kafka sink on the mock cluster', () => {
  it.each([
    ['have no admin interface', { createTopic: { partitions: 4 } }],
    ['create topics by themselves', {}],
  ])('makes do with brokers that %s', async (_, options) => {
    const mock = await startMockKafka()
    try {
      const { task } = await started({ brokers: mock.bootstrap, topic: 'made', ...options })
      await task.put(batchOf([{ value: 'x' }]), never)
      await task.stop()
      const read = await kafkaAt(mock.bootstrap).consumeAll('made')
      expect(read.map(({ value }) => value!.toString())).toEqual(['x'])
    } finally {
      await mock.stop()
    }
  })
})

/** Java's murmur2 of the key, made positive as its partitioner does. */
function murmur2(key: string): number {
  const data = Buffer.from(key)
  const m = 0x5bd1e995
  let h = 0x9747b28c ^ data.length
  let i = 0
  for (; i + 4 <= data.length; i += 4) {
    let k = Math.imul(data.readInt32LE(i), m)
    k = Math.imul(k ^ (k >>> 24), m)
    h = Math.imul(h, m) ^ k
  }
  const rest = data.length - i
  if (rest === 3) h ^= data[i + 2]! << 16
  if (rest >= 2) h ^= data[i + 1]! << 8
  if (rest >= 1) h = Math.imul(h ^ data[i]!, m)
  h = Math.imul(h ^ (h >>> 13), m)
  return (h ^ (h >>> 15)) & 0x7fffffff
}
