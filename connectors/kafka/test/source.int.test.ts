import { randomUUID } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import { type KafkaTopics, type ProducedRecord, kafkaAt, service } from '@connect-run/testkit/services'
import { paths } from './paths.ts'
import { Reader } from './reader.ts'

const kafka = await service('kafka')

/** Quick to see new topics and partitions. */
const properties = { 'topic.metadata.refresh.interval.ms': 500 }

function numbered(from: number, to: number, partitions: number): ProducedRecord[] {
  return Array.from({ length: to - from }, (_, i) => ({ value: `${from + i}`, partition: (from + i) % partitions }))
}

function sorted(values: readonly (string | null)[]): number[] {
  return values.map(Number).sort((one, other) => one - other)
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}

kafka.describe('the kafka source on a broker', () => {
  describe.each(paths)('by the %s calls', (_path, packed) => {
    const topics: KafkaTopics = kafkaAt(kafka.address)

    async function newTopic(partitions = 1, config: Record<string, string> = {}): Promise<string> {
      const topic = `source-${randomUUID()}`
      // The records are old by their timestamps.
      await topics.createTopic(topic, { partitions, config: { 'retention.ms': '-1', ...config } })
      return topic
    }

    function optionsOf(topic: string, more: object = {}): Readonly<Record<string, unknown>> {
      return { brokers: kafka.address, topics: [topic], groupId: topic, packed, properties, ...more }
    }

    it('keeps keys, times, and the difference between null and empty', async () => {
      const topic = await newTopic()
      const empty = Buffer.from('x').subarray(1)
      await topics.produce(topic, [
        { key: 'k', value: 'v', timestamp: 1_700_000_000_123 },
        { key: null, value: empty, timestamp: 1_700_000_000_124 },
        { key: empty, value: null, timestamp: 1_700_000_000_125 },
      ])
      const reader = await Reader.start({ options: optionsOf(topic) })
      await reader.rowsAre(3)
      await reader.stop()
      const at = { stream: topic, partition: 0 }
      expect(reader.rows).toEqual([
        { ...at, offset: 0, timestamp: 1_700_000_000_123, key: 'k', value: 'v' },
        { ...at, offset: 1, timestamp: 1_700_000_000_124, key: null, value: '' },
        { ...at, offset: 2, timestamp: 1_700_000_000_125, key: '', value: null },
      ])
    })

    it('goes on where the group stands, also when another tool has moved it', async () => {
      const topic = await newTopic()
      await topics.produce(topic, numbered(0, 100, 1))
      const first = await Reader.start({ options: optionsOf(topic, { instanceId: '' }) })
      await first.rowsAre(100)
      await first.stop()
      expect(await topics.committedOffsets(topic, topic)).toEqual({ 0: 100 })

      await topics.commitOffsets(topic, topic, { 0: 40 })
      const second = await Reader.start({ options: optionsOf(topic, { instanceId: '' }) })
      await second.rowsAre(60)
      await second.stop()
      expect(sorted(second.values)).toEqual(upTo(100).slice(40))
    })

    it('prefers the positions that the sink holds', async () => {
      const topic = await newTopic()
      await topics.produce(topic, numbered(0, 10, 1))
      const sinkPositions = [{ stream: topic, partition: 0, position: { offset: 7 } }]
      const reader = await Reader.start({ options: optionsOf(topic), sinkPositions })
      await reader.rowsAre(3)
      await reader.stop()
      expect(sorted(reader.values)).toEqual([7, 8, 9])
    })

    describe('begins', () => {
      it('at a time, and stores where that is', async () => {
        const topic = await newTopic()
        const timed = upTo(10).map((n) => ({ value: `${n}`, timestamp: 1_700_000_000_000 + n * 1000 }))
        await topics.produce(topic, timed)
        const startAt = new Date(1_700_000_004_500).toISOString()
        const reader = await Reader.start({ options: optionsOf(topic, { startAt }) })
        await reader.rowsAre(5)
        await reader.stop()
        expect(sorted(reader.values)).toEqual([5, 6, 7, 8, 9])
      })

      it('at the latest, and remembers it even if nothing came', async () => {
        const topic = await newTopic()
        await topics.produce(topic, numbered(0, 10, 1))
        const options = optionsOf(topic, { startAt: 'latest', instanceId: '' })
        const first = await Reader.start({ options })
        await first.until(() => first.positions.length === 1, 'a position')
        await first.stop()
        await topics.produce(topic, numbered(10, 12, 1))
        const second = await Reader.start({ options })
        await second.rowsAre(2)
        await second.stop()
        expect(sorted(second.values)).toEqual([10, 11])
      })
    })

    describe('ends', () => {
      it('before given offsets', async () => {
        const topic = await newTopic(2)
        await topics.produce(topic, numbered(0, 20, 2))
        const reader = await Reader.start({ options: optionsOf(topic, { endAt: { [topic]: { 0: 3 } } }) })
        await expect(reader.until(() => false, 'the end')).rejects.toMatchObject({ code: 'END_OF_SOURCE' })
        await reader.abandon()
        expect(sorted(reader.values)).toEqual([0, 2, 4])
        expect(reader.positions).toContainEqual({ stream: topic, partition: 0, position: { offset: 3 } })
      })

      it('before the first record of a time', async () => {
        const topic = await newTopic()
        const timed = upTo(10).map((n) => ({ value: `${n}`, timestamp: 1_700_000_000_000 + n * 1000 }))
        await topics.produce(topic, timed)
        const endAt = new Date(1_700_000_004_000).toISOString()
        const reader = await Reader.start({ options: optionsOf(topic, { endAt }) })
        await expect(reader.until(() => false, 'the end')).rejects.toMatchObject({ code: 'END_OF_SOURCE' })
        await reader.abandon()
        expect(sorted(reader.values)).toEqual([0, 1, 2, 3])
      })

      it('with --once at the end positions, past offsets that hold no record', async () => {
        const topic = await newTopic(2)
        await produceTransactions(kafka.address, topic)
        const reader = await Reader.start({ options: optionsOf(topic), once: true })
        const ends = await reader.task.endPositions()
        expect(ends).toEqual([
          { stream: topic, partition: 0, position: { offset: 5 } },
          { stream: topic, partition: 1, position: { offset: 0 } },
        ])
        await reader.until(() => reader.positions.length === 2, 'positions of both partitions')
        await reader.until(() => reader.positions.some(({ position }) => position.offset === 5), 'the end')
        await reader.stop()
        expect(reader.values).toEqual(['committed'])
        expect(await topics.committedOffsets(topic, topic)).toEqual({ 0: 5, 1: 0 })
      })
    })

    it('notices a group that stands beyond the end of a topic created anew', async () => {
      const topic = await newTopic()
      await topics.produce(topic, numbered(0, 3, 1))
      await topics.commitOffsets(topic, topic, { 0: 500 })
      const reader = await Reader.start({ options: optionsOf(topic) })
      await reader.rowsAre(3)
      await reader.stop()
      expect(sorted(reader.values)).toEqual([0, 1, 2])
      expect(reader.messages.join('\n')).toMatch(/position 500 of .* is beyond its end 3/)
    })

    it('waits for a topic that does not exist, says so once, and creates none', async () => {
      const topic = `source-${randomUUID()}`
      const reader = await Reader.start({ options: optionsOf(topic) })
      const ends = reader.task.endPositions()
      await reader.until(() => reader.messages.some((message) => message.includes('does not exist yet')), 'the warning')
      expect(await topics.topicNames()).not.toContain(topic)
      await topics.createTopic(topic)
      await topics.produce(topic, numbered(0, 5, 1))
      await reader.rowsAre(5)
      expect((await ends)[0]?.stream).toBe(topic)
      await reader.stop()
      expect(reader.messages.filter((message) => message.includes('does not exist yet'))).toHaveLength(1)
    })

    it('reads new partitions, and new topics that match, from their beginning', async () => {
      const prefix = `source-${randomUUID()}`
      await topics.createTopic(`${prefix}.a`)
      const options = { ...optionsOf(''), topics: undefined, topicPattern: `${prefix}\\.[a-z]`, startAt: 'latest' }
      const { topics: _, ...rest } = { ...options, groupId: prefix }
      const reader = await Reader.start({ options: rest })
      await reader.until(() => reader.owned.length === 1, 'an assignment')
      await topics.createTopic(`${prefix}.b`)
      await topics.produce(`${prefix}.b`, [{ value: '1' }])
      await topics.createPartitions(`${prefix}.a`, 2)
      await topics.produce(`${prefix}.a`, [{ value: '2', partition: 1 }])
      await reader.rowsAre(2)
      await reader.stop()
      expect(sorted(reader.values)).toEqual([1, 2])
    })

    it('pauses while the pipeline is full, and loses nothing', async () => {
      const topic = await newTopic(2)
      await topics.produce(topic, numbered(0, 5000, 2))
      const reader = await Reader.start({ options: optionsOf(topic) })
      await reader.rowsAre(100)
      reader.maxRecords = 0
      const before = reader.rows.length
      await topics.produce(topic, numbered(5000, 6000, 2))
      const settled = performance.now() + 3000
      await reader.until(() => performance.now() > settled, 'three seconds')
      await reader.commit()
      expect(reader.rows.length).toBeLessThanOrEqual(before + 500)
      reader.maxRecords = 500
      await reader.rowsAre(6000)
      await reader.stop()
      expect(sorted(reader.values)).toEqual(upTo(6000))
    })

    describe('shares a group', () => {
      it('so that a rebalance loses and doubles nothing', async () => {
        const topic = await newTopic(4)
        await topics.produce(topic, numbered(0, 20_000, 4))
        const slowly = { onBatch: () => new Promise<void>((resolve) => setTimeout(resolve, 2)) }
        const first = await Reader.start({ options: optionsOf(topic), ...slowly })
        await first.rowsAre(2000)
        const second = await Reader.start({ options: optionsOf(topic), ...slowly })
        await second.until(() => second.owned.length === 2, 'half of the partitions')
        await topics.produce(topic, numbered(20_000, 24_000, 4))
        await first.until(() => first.rows.length + second.rows.length >= 24_000, 'all rows')
        await Promise.all([first.stop(), second.stop()])
        expect(sorted([...first.values, ...second.values])).toEqual(upTo(24_000))
        expect(first.context.ownership.some(({ call }) => call === 'revoking')).toBe(true)
        expect([first.stray, second.stray]).toEqual([0, 0])
      })

      it('and a member that is started again has its partitions back at once', async () => {
        const topic = await newTopic(2)
        await topics.produce(topic, numbered(0, 10, 2))
        const first = await Reader.start({ options: optionsOf(topic) })
        const second = await Reader.start({ options: optionsOf(topic) })
        await first.until(() => first.owned.length === 1 && second.owned.length === 1, 'one partition each')
        await first.until(() => first.rows.length + second.rows.length >= 10, 'all rows')
        await second.stop()
        const began = performance.now()
        const again = await Reader.start({ options: optionsOf(topic) })
        await again.until(() => again.owned.length === 1, 'its partition')
        expect(performance.now() - began).toBeLessThan(5000)
        expect(again.owned).toEqual(second.owned)
        await topics.produce(topic, numbered(10, 20, 2))
        await first.until(() => first.rows.length + second.rows.length + again.rows.length >= 20, 'all rows')
        await Promise.all([first.stop(), again.stop()])
        expect(sorted([...first.values, ...second.values, ...again.values])).toEqual(upTo(20))
        expect(first.context.ownership.filter(({ call }) => call === 'revoking')).toHaveLength(1)
      })

      it('and is fenced by another with its name', async () => {
        const topic = await newTopic(1)
        const first = await Reader.start({ options: optionsOf(topic, { instanceId: 'one' }) })
        await first.until(() => first.owned.length === 1, 'the partition')
        const second = await Reader.start({ options: optionsOf(topic, { instanceId: 'one' }) })
        await expect(first.until(() => false, 'the failure')).rejects.toMatchObject({ code: 'FENCED', kind: 'fatal' })
        await first.abandon()
        await second.stop()
      })
    })

    it('names the address that does not answer', async () => {
      const options = { brokers: '127.0.0.1:1', topics: ['t'], connectTimeout: '500ms' }
      await expect(Reader.start({ options })).rejects.toMatchObject({
        kind: 'retriable',
        code: 'UNREACHABLE',
        message: expect.stringContaining("can't connect to Kafka at 127.0.0.1:1"),
      })
    })
  })
})

/** A committed record, its marker, two aborted records and their marker: offsets 0 to 4. */
async function produceTransactions(brokers: string, topic: string): Promise<void> {
  const { default: Kafka } = await import('../src/client.ts')
  const producer = new Kafka.Producer({ 'bootstrap.servers': brokers, 'transactional.id': topic }, {})
  const call = (start: (done: (error: unknown) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())))
  await call((done) => producer.connect({}, done))
  await call((done) => producer.initTransactions(10_000, done))
  await call((done) => producer.beginTransaction(done))
  producer.produce(topic, 0, Buffer.from('committed'))
  await call((done) => producer.commitTransaction(10_000, done))
  await call((done) => producer.beginTransaction(done))
  producer.produce(topic, 0, Buffer.from('aborted'))
  producer.produce(topic, 0, Buffer.from('aborted'))
  await call((done) => producer.flush(10_000, done))
  await call((done) => producer.abortTransaction(10_000, done))
  await call((done) => producer.disconnect(done))
}
