import { randomUUID } from 'node:crypto'
import type { DeliveryReport, LibrdKafkaError, PackedRecords, Producer } from '@connect-run/connector-kafka/client'
import { afterEach, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { kafkaAt, service } from '@connect-run/testkit/services'
import {
  call,
  fetch,
  fetchCount,
  pack,
  type Properties,
  produce,
  RawClients,
  type RawRecord,
  topicMaker,
  values,
} from './raw-clients.ts'

const kafka = await service('kafka')

const TOO_LARGE = 10
const PURGED_FROM_QUEUE = -152
const STATE = -172
const UNKNOWN_TOPIC = 3
const UNKNOWN_PARTITION = -190
const DESTROYED = -197

/** Keeps what is produced in the queue. */
const NEVER = { 'linger.ms': 30_000 }

kafka.describe('producePacked', () => {
  const topics = kafkaAt(kafka.address)
  const newTopic = topicMaker(topics)
  const clients = new RawClients(kafka.address)

  afterEach(() => clients.close())

  /** A producer that knows the topic: until then it takes everything. */
  async function knowing(topic: string, properties?: Properties): Promise<Producer> {
    const producer = await clients.producer(properties)
    await call((done) => producer.getMetadata({ topic, timeout: 10_000 }, done as never))
    return producer
  }

  function indexes(from: number, to: number, code: number): { index: number; code: number }[] {
    return Array.from({ length: to - from }, (_, i) => ({ index: from + i, code }))
  }

  async function readValues(topic: string, properties: object = {}): Promise<string[]> {
    const records = await topics.consumeAll(topic, properties)
    return records.map(({ value }) => String(value))
  }

  it('calls back once when all are acknowledged, without polling, also for a consumed batch', async () => {
    const [topic, copy] = [await newTopic(), await newTopic()]
    const records: RawRecord[] = [
      {
        value: Buffer.from([0, 255, 254]),
        key: Buffer.alloc(0),
        headers: [
          ['a', null],
          ['b', Buffer.from([0, 255])],
        ],
      },
      { value: Buffer.alloc(0), timestamp: 1_600_000_000_000 },
      { value: null, key: Buffer.from('tombstone'), headers: [['c', Buffer.alloc(0)]] },
    ]
    const producer = await clients.producer({ 'enable.idempotence': true })
    const { taken, failed } = produce(producer, topic, pack(records))
    expect(taken).toBe(3)
    expect(await failed).toBeNull()
    const consumer = await clients.consumer()
    consumer.assign([{ topic, partition: 0, offset: 0 }])
    const batch = await pollUntil(async () => {
      const fetched = await fetch(consumer)
      return fetched.n === 3 && fetched
    })
    expect(await produce(producer, copy, batch).failed).toBeNull()
    consumer.assign([{ topic: copy, partition: 0, offset: 0 }])
    const copied = await fetchCount(consumer, 3)
    expect(copied.map(({ value, key, headers }) => ({ value, key, headers }))).toEqual(
      records.map(({ value, key = null, headers = [] }) => ({ value, key, headers })),
    )
    expect(copied[1]!.timestamp).toBe(1_600_000_000_000)
    expect(copied.map(({ timestamp }) => timestamp)).toEqual([...batch.timestamp])
  })

  it('takes a range, and lists only the failed indexes with their codes', async () => {
    const topic = await newTopic()
    const producer = await knowing(topic)
    const records = values(6)
    records[3] = { value: Buffer.alloc(2_000_000) }
    const { taken, failed } = produce(producer, topic, pack(records), { from: 1, to: 5 })
    expect(taken).toBe(4)
    expect(await failed).toEqual([{ index: 3, code: TOO_LARGE }])
    expect(await readValues(topic)).toEqual(['value 1', 'value 2', 'value 4'])
    expect(await produce(producer, topic, pack(values(2)), { partition: 7 }).failed).toEqual(
      indexes(0, 2, UNKNOWN_PARTITION),
    )
  })

  it('reports that the broker takes less than the client, and that there is no such topic', async () => {
    const topic = await newTopic({ config: { 'max.message.bytes': '1000' } })
    const producer = await clients.producer({ 'topic.metadata.propagation.max.ms': 100, 'batch.num.messages': 1 })
    const records = [{ value: Buffer.alloc(10) }, { value: Buffer.alloc(5000) }, { value: Buffer.alloc(10) }]
    expect(await produce(producer, topic, pack(records)).failed).toEqual([{ index: 1, code: TOO_LARGE }])
    const missing = await produce(producer, `missing-${randomUUID()}`, pack(values(2))).failed
    expect(missing).toEqual(indexes(0, 2, UNKNOWN_TOPIC))
  })

  it('takes what there is room for, gives up on purge, and calls nothing back for what it did not take', async () => {
    const topic = await newTopic()
    const producer = await clients.producer({ ...NEVER, 'queue.buffering.max.messages': 10 })
    const first = produce(producer, topic, pack(values(25)))
    expect(first.taken).toBe(10)
    let calls = 0
    expect(producer.producePacked(topic, null, pack(values(25)), { from: 10 }, () => calls++)).toBe(0)
    expect(producer.purge()).toBe(true)
    expect(await first.failed).toEqual(indexes(0, 10, PURGED_FROM_QUEUE))
    expect(produce(producer, topic, pack(values(25)), { from: 20 }).taken).toBe(5)
    expect(calls).toBe(0)
  })

  it('does nothing for an empty range', async () => {
    const producer = await clients.producer()
    let calls = 0
    expect(producer.producePacked('any', null, pack([]), {}, () => calls++)).toBe(0)
    expect(producer.producePacked('any', null, pack(values(3)), { from: 2, to: 2 }, () => calls++)).toBe(0)
    expect(calls).toBe(0)
  })

  it('fails what is open when the producer is disconnected, before that calls back', async () => {
    const topic = await newTopic()
    const producer = await clients.producer()
    const events: unknown[] = []
    // Disconnecting flushes: only what it cannot send stays open.
    const missing = `missing-${randomUUID()}`
    for (let i = 0; i < 3; i++)
      producer.producePacked(missing, null, pack(values(2)), {}, (failed) => events.push(failed))
    await call((done) => producer.disconnect(0, done as never))
    expect(events).toEqual([0, 1, 2].map(() => indexes(0, 2, DESTROYED)))
    expect(() => produce(producer, topic, pack(values(1)))).toThrow('not connected')
    await call((done) => producer.connect({ allTopics: false }, done as never))
    const again = produce(producer, topic, pack(values(1, 'again ')))
    await call((done) => producer.flush(10_000, done as never))
    expect(await again.failed).toBeNull()
    expect(await readValues(topic)).toEqual(['again 0'])
  })

  it('settles while the producer flushes on another thread', async () => {
    const topic = await newTopic()
    const producer = await clients.producer(NEVER)
    const all = Array.from({ length: 50 }, () => produce(producer, topic, pack(values(100))).failed)
    await call((done) => producer.flush(30_000, done as never))
    expect(await Promise.all(all)).toEqual(all.map(() => null))
    expect(await topics.endOffsets(topic)).toEqual({ 0: 5000 })
  })

  it('stands beside classic records with delivery reports', async () => {
    const topic = await newTopic()
    const producer = await clients.producer({ dr_cb: true })
    const reports: [number | undefined, unknown][] = []
    producer.on('delivery-report', (error: LibrdKafkaError | null, { opaque }: DeliveryReport) =>
      reports.push([error?.code, opaque]),
    )
    const packed: Promise<unknown>[] = []
    for (let i = 0; i < 200; i++) {
      producer.produce(topic, 0, Buffer.from(`classic ${i}`), null, null, i % 2 === 0 ? { i } : undefined)
      packed.push(produce(producer, topic, pack(values(3, `packed ${i} `)), { partition: 0 }).failed)
    }
    expect(await Promise.all(packed)).toEqual(packed.map(() => null))
    await pollUntil(() => reports.length === 200)
    expect(reports.map(([, opaque]) => opaque)).toEqual(reports.map((_, i) => (i % 2 === 0 ? { i } : undefined)))
    expect(await topics.endOffsets(topic)).toEqual({ 0: 800 })
  })

  it('is part of a transaction, and of none when that is aborted', async () => {
    const topic = await newTopic()
    const producer = await clients.producer({ 'transactional.id': randomUUID(), 'linger.ms': 5 })
    await call((done) => producer.initTransactions(30_000, done))
    expect(await produce(producer, topic, pack(values(2))).failed).toEqual(indexes(0, 2, STATE))
    for (const [round, end] of ['commit', 'abort', 'commit'].entries()) {
      await call((done) => producer.beginTransaction(done))
      const { failed } = produce(producer, topic, pack(values(3, `${round} `)))
      // Delivered is not committed.
      if (end === 'abort') expect(await failed).toBeNull()
      await call((done) =>
        end === 'abort' ? producer.abortTransaction(30_000, done) : producer.commitTransaction(30_000, done),
      )
      expect(await failed).toBeNull()
    }
    expect(await readValues(topic)).toEqual(['0 0', '0 1', '0 2', '2 0', '2 1', '2 2'])
    expect((await readValues(topic, { committedOnly: false })).length).toBe(9)
  })

  it('gives up what an abort finds in the queue', async () => {
    const topic = await newTopic()
    const producer = await clients.producer({ 'transactional.id': randomUUID(), ...NEVER })
    await call((done) => producer.initTransactions(30_000, done))
    await call((done) => producer.beginTransaction(done))
    const { failed } = produce(producer, topic, pack(values(3)))
    await call((done) => producer.abortTransaction(30_000, done))
    expect(await failed).toEqual(indexes(0, 3, PURGED_FROM_QUEUE))
  })

  it('refuses batches whose columns do not fit', async () => {
    const producer = await clients.producer()
    const good = { ...pack(values(2)), headers: Int32Array.of(0, 0, 1, 0, 1) }
    const refused: [Partial<PackedRecords>, string][] = [
      [{ buffer: 'text' as never }, 'must be a buffer'],
      [{ valueStart: new Float64Array(2) as never }, 'typed arrays'],
      [{ keyStart: [0, 0] as never }, 'typed arrays'],
      [{ n: 3 }, 'outside of the batch'],
      [{ n: -1 }, 'outside of the batch'],
      [{ keyEnd: null }, 'outside of the batch'],
      [{ timestamp: new Float64Array(1) }, 'outside of the batch'],
      [{ valueEnd: Int32Array.of(7, 15) }, 'outside of the buffer'],
      [{ valueStart: Int32Array.of(8, 7) }, 'outside of the buffer'],
      [{ valueStart: Int32Array.of(-1, 7) }, 'outside of the buffer'],
      [{ valueEnd: Int32Array.of(7, -2) }, 'outside of the buffer'],
      [{ headers: Int32Array.of(0, 0, 1, 0) }, 'five numbers'],
      [{ headers: Int32Array.of(0, 0, -1, 0, 1) }, 'not in order, or lie outside'],
      [{ headers: Int32Array.of(0, 0, 1, 0, 99) }, 'not in order, or lie outside'],
      [{ headers: Int32Array.of(1, 0, 1, 0, 1, 0, 0, 1, 0, 1) }, 'not in order, or lie outside'],
    ]
    for (const [change, message] of refused) {
      expect(() => produce(producer, 'any', { ...good, ...change })).toThrow(message)
    }
    expect(() => produce(producer, '', good)).toThrow('"topic" must be a string')
    expect(() => producer.producePacked('any', null, good, {}, undefined as never)).toThrow('a callback')
  })
})
