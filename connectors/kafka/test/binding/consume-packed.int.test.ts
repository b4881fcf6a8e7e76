import { createHash, randomBytes } from 'node:crypto'
import type { KafkaConsumer, PackedBatch, PackedLimits } from '@connect-run/connector-kafka/client'
import { afterEach, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { kafkaAt, kcatProgram, runCommand, service } from '@connect-run/testkit/services'
import { Member } from './group-member.ts'
import {
  call,
  fetch,
  fetchCount,
  fetchUntil,
  pack,
  produce,
  RawClients,
  type RawRecord,
  type ReadRecord,
  topicMaker,
  values,
} from './raw-clients.ts'

const kafka = await service('kafka')

const BINARY = Buffer.from([0x00, 0xff, 0xfe, 0x80, 0x00])
const EMPTY = Buffer.from('x').subarray(1)
const STATE = -172
const AUTO_OFFSET_RESET = -140

kafka.describe('consumePacked', () => {
  const topics = kafkaAt(kafka.address)
  const newTopic = topicMaker(topics)
  const clients = new RawClients(kafka.address)

  afterEach(() => clients.close())

  async function put(topic: string, records: readonly RawRecord[], partition = 0): Promise<void> {
    const producer = await clients.producer({ 'message.max.bytes': 30_000_000 })
    expect(await produce(producer, topic, pack(records), { partition }).failed).toBeNull()
  }

  async function reader(topic: string, properties: object = {}, partitions = 1): Promise<KafkaConsumer> {
    const consumer = await clients.consumer({ 'enable.partition.eof': true, ...properties })
    consumer.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 })))
    return consumer
  }

  it('gives what the classic consume gives, of every kind of record', async () => {
    const topic = await newTopic({ partitions: 3 })
    const headers = [
      ['name', Buffer.from('text')],
      ['name', EMPTY],
      ['nötig', BINARY],
    ] as const
    const records: RawRecord[] = [
      { value: Buffer.from('plain') },
      { value: EMPTY, key: EMPTY },
      { value: null, key: BINARY, timestamp: 1_500_000_000_123 },
      { value: BINARY, key: null, timestamp: 1, headers },
      { value: null, key: null, headers: [headers[2]] },
    ]
    for (const partition of [0, 1, 2]) await put(topic, [...records, ...values(700)], partition)
    const read = await fetchCount(await reader(topic, {}, 3), 3 * 705, { maxRecords: 100 })
    const classic = await topics.consumeAll(topic)
    const plain = read
      .sort((one, other) => one.partition - other.partition || one.offset - other.offset)
      .map((record) => ({
        partition: record.partition,
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key,
        value: record.value,
        headers: record.headers.map(([name, value]) => ({ [name]: value })),
      }))
    expect(plain).toEqual(classic)
    expect(read.slice(0, 5).map(({ value, key }) => ({ value, key }))).toEqual(
      records.map(({ value, key = null }) => ({ value, key })),
    )
    expect(read[3]!.headers).toEqual(headers)
    expect(read.every((record) => record.topic === topic && record.timestampType === 1)).toBe(true)
    expect(read.slice(2, 4).map((record) => record.timestamp)).toEqual([1_500_000_000_123, 1])
  })

  it('gives the same bytes as kcat', async () => {
    const topic = await newTopic()
    await put(
      topic,
      Array.from({ length: 20_000 }, (_, i) => ({ value: Buffer.from(`${i} ${i * i}`) })),
    )
    const hash = createHash('md5')
    for (const { value } of await fetchCount(await reader(topic), 20_000)) hash.update(value!).update('\n')
    const kcat = await kcatProgram()
    const printed = await runCommand([kcat, '-b', kafka.address, '-C', '-t', topic, '-e', '-q'])
    expect(hash.digest('hex')).toBe(createHash('md5').update(printed).digest('hex'))
  })

  it('keeps null values and header values apart from empty ones', async () => {
    const topic = await newTopic()
    const headers = [
      ['null', null],
      ['empty', EMPTY],
      ['', BINARY],
    ] as const
    await put(topic, [{ value: null }])
    const consumer = await reader(topic)
    const nothing = await fetchUntil(consumer, (records) => records.length > 0)
    expect(nothing).toMatchObject([{ key: null, value: null, headers: [] }])
    await put(topic, [{ value: EMPTY, headers }])
    expect(await fetchCount(consumer, 1)).toMatchObject([{ key: null, value: EMPTY, headers }])
  })

  it('tells when records were appended where the topic says so', async () => {
    const topic = await newTopic({ config: { 'message.timestamp.type': 'LogAppendTime' } })
    const before = Date.now()
    await put(topic, [{ value: EMPTY, timestamp: 1 }])
    const [record] = await fetchCount(await reader(topic), 1)
    expect(record!.timestampType).toBe(2)
    expect(record!.timestamp).toBeGreaterThanOrEqual(before)
  })

  it('takes values from 1 B to 20 MB, and ends a batch at its bytes', async () => {
    const topic = await newTopic({ config: { 'max.message.bytes': '30000000' } })
    const sizes = [1, 20_000_000, 1, 58, 0, 5_000_000, 1, ...Array.from({ length: 100 }, () => 100_000)]
    const records = sizes.map((size) => ({ value: randomBytes(size) }))
    for (const record of records) await put(topic, [record])
    const consumer = await reader(topic)
    const batches: PackedBatch[] = []
    const limits = { maxBytes: 250_000, lingerMs: 500 }
    const read = await fetchUntil(consumer, (all, batch) => batches.push(batch) > 0 && all.length === 107, limits)
    expect(read.map(({ value }, i) => records[i]!.value.equals(value!))).toEqual(sizes.map(() => true))
    const last = batches.filter(({ offset }) => offset[0]! > 30)
    expect(Math.max(...last.map(({ buffer }) => buffer.length))).toBe(300_000)
  })

  it('ends a batch at its number of records', async () => {
    const topic = await newTopic()
    await put(topic, values(1000))
    const consumer = await reader(topic)
    const counts: number[] = []
    await fetchUntil(consumer, (all, { n }) => counts.push(n) > 0 && all.length === 1000, {
      maxRecords: 300,
      lingerMs: 200,
    })
    expect(Math.max(...counts)).toBe(300)
  })

  it('reads 1,000 partitions and tells each of their ends', async () => {
    const topic = await newTopic({ partitions: 1000 })
    const producer = await clients.producer()
    const all = Array.from({ length: 1000 }, (_, partition) => partition)
    const sent = all.map(
      (partition) => produce(producer, topic, pack(values(1, `${partition} `)), { partition }).failed,
    )
    expect((await Promise.all(sent)).every((failed) => failed === null)).toBe(true)
    const consumer = await reader(topic, {}, 1000)
    const ends = new Map<number, number>()
    const read = await fetchUntil(consumer, (_, { eofs }) => {
      for (const { partition, offset } of eofs) ends.set(partition, offset)
      return ends.size === 1000
    })
    expect(read.map(({ value }) => value!.toString()).sort()).toEqual(all.map((partition) => `${partition} 0`).sort())
    expect(new Set(ends.values())).toEqual(new Set([1]))
  })

  // librdkafka's batch call counts the end of a partition as a record: its position is then one too far.
  it('does not skip the record after the end of a partition', async () => {
    const topic = await newTopic()
    await put(topic, values(3))
    const consumer = await reader(topic)
    await fetchUntil(consumer, (_, { eofs }) => eofs.length > 0, { maxRecords: 2 })
    await fetch(consumer)
    expect(consumer.position([{ topic, partition: 0 }])).toMatchObject([{ offset: 3 }])
    consumer.pause([{ topic, partition: 0 }])
    await put(topic, values(2, 'later '))
    consumer.resume([{ topic, partition: 0 }])
    const read = await fetchCount(consumer, 1)
    expect(read[0]).toMatchObject({ offset: 3, value: Buffer.from('later 0') })
  })

  it('gives nothing of a paused partition, goes on there, and follows a seek', async () => {
    const topic = await newTopic({ partitions: 2 })
    for (const partition of [0, 1]) await put(topic, values(500), partition)
    const consumer = await reader(topic, {}, 2)
    const ended = new Set<number>() // of which the end is told once: maybe before the other has given anything
    const until = (enough: (records: readonly ReadRecord[]) => boolean, limits?: PackedLimits): Promise<ReadRecord[]> =>
      fetchUntil(
        consumer,
        (records, { eofs }) => {
          for (const { partition } of eofs) ended.add(partition)
          return enough(records)
        },
        limits,
      )
    const some = await until((records) => records.some(({ partition }) => partition === 0), { maxRecords: 50 })
    consumer.pause([{ topic, partition: 0 }])
    const others = await until(() => ended.has(1))
    const of = (partition: number): number => [...some, ...others].filter((one) => one.partition === partition).length
    expect(of(1)).toBe(500)
    const read = of(0)
    expect((await fetch(consumer)).n).toBe(0)
    consumer.resume([{ topic, partition: 0 }])
    const rest = await fetchCount(consumer, 500 - read)
    expect(rest.map(({ offset }) => offset)).toEqual(Array.from({ length: 500 - read }, (_, i) => read + i))
    await call((done) => consumer.seek({ topic, partition: 0, offset: 490 }, 5000, done))
    expect((await fetchCount(consumer, 10)).map(({ offset }) => offset)).toEqual([
      490, 491, 492, 493, 494, 495, 496, 497, 498, 499,
    ])
  })

  it('reports an error with its partition beside the records, and goes on', async () => {
    const topic = await newTopic({ partitions: 2 })
    await put(topic, values(5), 1)
    const consumer = await clients.consumer()
    consumer.assign([
      { topic, partition: 0, offset: 1_000_000 },
      { topic, partition: 1, offset: 0 },
    ])
    const reset = await clients.consumer({}, { 'auto.offset.reset': 'error' })
    reset.assign([{ topic, partition: 0, offset: 1_000_000 }])
    const errors = await pollUntil(async () => {
      const batch = await fetch(reset)
      return batch.errors.length > 0 && batch.errors
    })
    expect(errors).toMatchObject([{ code: AUTO_OFFSET_RESET, topic, partition: 0 }])
    expect(errors[0]!.message).toContain('out of range')
    expect((await fetch(reset)).errors).toEqual([])
    expect(await fetchCount(consumer, 5)).toHaveLength(5)
  })

  it('loses and doubles nothing when partitions move in the middle of calls', async () => {
    const topic = await newTopic({ partitions: 6 })
    const group = { 'group.id': topic, 'partition.assignment.strategy': 'cooperative-sticky' }
    for (let partition = 0; partition < 6; partition++) await put(topic, values(500, `${partition} `), partition)
    const [one, two] = [await Member.join(clients, topic, group), await Member.join(clients, topic, group)]
    await pollUntil(() => one.owned.size === 3 && two.owned.size === 3, { what: 'half of the partitions each' })
    for (let partition = 0; partition < 6; partition++) await put(topic, values(500, `later ${partition} `), partition)
    await pollUntil(() => one.rows.length + two.rows.length >= 4500, { what: 'most of the rows' })
    await two.leave()
    await pollUntil(() => one.owned.size === 6 && one.rows.length + two.rows.length >= 6000, { what: 'all rows' })
    await one.leave()
    const read = [...one.rows, ...two.rows]
    expect(new Set(read).size).toBe(6000)
    expect(read).toHaveLength(6000)
  })

  it('calls back soon when the consumer is closed in the middle of a call, and refuses further calls', async () => {
    const topic = await newTopic()
    const consumer = await reader(topic)
    await fetchUntil(consumer, (_, { eofs }) => eofs.length > 0)
    const started = Date.now()
    const outstanding = fetch(consumer, { timeoutMs: 30_000 })
    const closed = call((done) => consumer.disconnect(done as never))
    expect((await outstanding).n).toBe(0)
    await closed
    expect(Date.now() - started).toBeLessThan(15_000)
    await expect(fetch(consumer)).rejects.toMatchObject({ code: STATE })
  })

  it('refuses a call without a callback, and limits that are no numbers', async () => {
    const consumer = await clients.consumer()
    expect(() => consumer.consumePacked({}, undefined as never)).toThrow('Callback must be a function')
    expect(() => consumer.consumePacked({ maxBytes: 'many' as never }, () => {})).toThrow('Need to specify')
  })
})
