import { randomUUID } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import type { Header } from '@connect-run/core'
import { type ProducedRecord, kafkaAt, service } from '@connect-run/testkit/services'
import Kafka from '../src/client.ts'
import { paths } from './paths.ts'
import { Reader } from './reader.ts'

const kafka = await service('kafka')

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

function numbered(count: number, partitions = 1): ProducedRecord[] {
  return upTo(count).map((n) => ({ value: `${n}`, partition: n % partitions }))
}

function sorted(values: readonly (string | null)[]): number[] {
  return values.map(Number).sort((one, other) => one - other)
}

kafka.describe('what the kafka source fetches', () => {
  const topics = kafkaAt(kafka.address)

  async function newTopic(partitions = 1, config: Record<string, string> = {}): Promise<string> {
    const topic = `fetch-${randomUUID()}`
    await topics.createTopic(topic, { partitions, config })
    return topic
  }

  describe.each(paths)('by the %s calls', (_path, packed) => {
    const start = (topic: string, more: object = {}, reader: object = {}): Promise<Reader> =>
      Reader.start({
        options: { brokers: kafka.address, topics: [topic], groupId: topic, packed, ...more },
        ...reader,
      })

    async function read(topic: string, count: number, more: object = {}): Promise<Reader> {
      const reader = await start(topic, more)
      await reader.rowsAre(count)
      await reader.stop()
      return reader
    }

    it.each(['gzip', 'snappy', 'lz4', 'zstd'])('is whole from batches compressed by %s', async (codec) => {
      if (codec === 'zstd' && !Kafka.features.includes('zstd')) return
      const topic = await newTopic(2)
      const records = numbered(5000, 2)
      await topics.produce(topic, records, { 'compression.codec': codec, 'linger.ms': 50 })
      const reader = await read(topic, 5000)
      expect(sorted(reader.values)).toEqual(upTo(5000))
      for (const partition of [0, 1]) {
        const rows = reader.rows.filter((row) => row.partition === partition)
        expect(rows.map(({ offset }) => offset)).toEqual(upTo(2500))
      }
    })

    it('leaves out aborted transactions, unless told otherwise', async () => {
      const topic = await newTopic()
      await produceTransactions(kafka.address, topic)
      // Markers take offsets, too: 300 + 200 records in five transactions.
      const committed = await start(topic)
      await committed.until(() => committed.positions.some(({ position }) => position.offset === 505), 'the end')
      await committed.stop()
      expect(committed.values).toHaveLength(300)
      expect(new Set(committed.values)).toEqual(new Set(['committed']))
      const all = await read(topic, 500, { groupId: `${topic}-all`, isolation: 'read_uncommitted' })
      expect(all.values.filter((value) => value === 'aborted')).toHaveLength(200)
      expect(await topics.committedOffsets(topic, topic)).toEqual({ 0: 505 })
    })

    it('has headers in order, one name more than once', async () => {
      const topic = await newTopic()
      const headers: Header[] = [
        { key: 'a', value: Buffer.from('1') },
        { key: 'é', value: Buffer.from('日本') },
        { key: 'a', value: Buffer.alloc(0) },
      ]
      const native = headers.map(({ key, value }) => ({ [key]: value! }))
      await topics.produce(topic, [{ value: '0' }, { value: '1', headers: native }, { value: '2' }])
      const reader = await read(topic, 3)
      expect(reader.headers).toEqual([[], headers, []])
    })

    it('has the time of the log where the topic says so', async () => {
      const topic = await newTopic(1, { 'message.timestamp.type': 'LogAppendTime' })
      const before = Date.now()
      await topics.produce(topic, [{ value: 'x', timestamp: before - 86_400_000 }])
      const reader = await read(topic, 1)
      expect(reader.rows[0]!.timestamp).toBeGreaterThanOrEqual(before - 1000)
      expect(reader.rows[0]!.timestamp).toBeLessThanOrEqual(Date.now() + 1000)
    })

    it('is one record where that is larger than a fetch', async () => {
      const topic = await newTopic(1, { 'max.message.bytes': '8000000' })
      const value = 'x'.repeat(5_000_000)
      await topics.produce(topic, [{ value: '0' }, { value }, { value: '2' }], { 'message.max.bytes': 8_000_000 })
      const reader = await read(topic, 3)
      expect(reader.values.map((text) => text!.length)).toEqual([1, value.length, 1])
    })

    it('is neither lost nor doubled where it closes in the middle of a fetch', async () => {
      const topic = await newTopic(4)
      await topics.produce(topic, numbered(20_000, 4))
      const values: (string | null)[] = []
      for (let life = 0; values.length < 20_000; life++) {
        expect(life).toBeLessThan(50)
        const reader = await start(topic, { instanceId: '' }, { maxRecords: 700 })
        await reader.rowsAre(1)
        await reader.until(() => reader.rows.length >= 1000 || values.length + reader.rows.length >= 20_000, 'rows')
        await reader.stop()
        values.push(...reader.values)
      }
      expect(sorted(values)).toEqual(upTo(20_000))
    })
  })
})

/** Five transactions of 100 records, of which the second and the fourth are aborted. */
async function produceTransactions(brokers: string, topic: string): Promise<void> {
  const producer = new Kafka.Producer({ 'bootstrap.servers': brokers, 'transactional.id': topic }, {})
  const call = (run: (done: (error: unknown) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => run((error) => (error ? reject(error) : resolve())))
  await call((done) => producer.connect({}, done))
  await call((done) => producer.initTransactions(10_000, done))
  for (const end of ['commit', 'abort', 'commit', 'abort', 'commit']) {
    await call((done) => producer.beginTransaction(done))
    for (let i = 0; i < 100; i++) producer.produce(topic, 0, Buffer.from(end === 'commit' ? 'committed' : 'aborted'))
    await call((done) => producer.flush(10_000, done))
    if (end === 'commit') await call((done) => producer.commitTransaction(10_000, done))
    else await call((done) => producer.abortTransaction(10_000, done))
  }
  await call((done) => producer.disconnect(done))
}
