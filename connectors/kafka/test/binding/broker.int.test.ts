import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Producer } from '@connect-run/connector-kafka/client'
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import { type KafkaCluster, service, startKafka } from '@connect-run/testkit/services'
import { fetchCount, pack, produce, RawClients, values } from './raw-clients.ts'

const kafka = await service('kafka', { own: true })

const TIMED_OUT = -192
const STATISTICS_MS = 200

/** How often the thread that serves the broker has woken up, at the next statistics. */
async function wakeUps(producer: Producer): Promise<number> {
  const [{ message }] = (await once(producer, 'event.stats')) as [{ message: string }]
  const { brokers } = JSON.parse(message) as { brokers: Record<string, { nodeid: number; wakeups: number }> }
  return Object.values(brokers).find(({ nodeid }) => nodeid > 0)!.wakeups
}

kafka.describe('packed calls, when the broker', () => {
  let cluster: KafkaCluster
  let clients: RawClients

  beforeAll(async () => {
    cluster = await startKafka()
    clients = new RawClients(cluster.bootstrap)
  }, 120_000)

  afterEach(() => clients.close())
  afterAll(() => cluster.stop())

  it('does not answer in time, fail those that it did not acknowledge', async () => {
    const topic = `silent-${randomUUID()}`
    await cluster.createTopic(topic)
    const producer = await clients.producer({}, { 'message.timeout.ms': 1000 })
    expect(await produce(producer, topic, pack(values(3))).failed).toBeNull()
    await cluster.brokers[0]!.pause()
    try {
      const failed = await produce(producer, topic, pack(values(3))).failed
      expect(failed).toEqual([0, 1, 2].map((index) => ({ index, code: TIMED_OUT })))
    } finally {
      await cluster.brokers[0]!.resume()
    }
  })

  it('is slow, wait for it, and poll it no more often than each millisecond, whatever is ready to be sent', async () => {
    const topic = `slow-${randomUUID()}`
    await cluster.createTopic(topic)
    const statistics = { 'statistics.interval.ms': STATISTICS_MS }
    const producer = await clients.producer({ 'enable.idempotence': true, ...statistics })
    producer.setPollInterval(20)
    expect(await produce(producer, topic, pack(values(3))).failed).toBeNull()
    await cluster.brokers[0]!.pause()
    const sent: Promise<unknown>[] = []
    try {
      // Five requests may be on their way; more is ready.
      for (let i = 0; i < 8; i++) {
        sent.push(produce(producer, topic, pack(values(3))).failed)
        await wakeUps(producer)
      }
      const before = await wakeUps(producer)
      expect((await wakeUps(producer)) - before).toBeLessThan(10 * STATISTICS_MS)
    } finally {
      await cluster.brokers[0]!.resume()
    }
    expect(await Promise.all(sent)).toEqual(sent.map(() => null))
  })

  it('is killed and comes back, produce and read each record once and in order', async () => {
    const topic = `killed-${randomUUID()}`
    await cluster.createTopic(topic)
    const reconnecting = { 'reconnect.backoff.max.ms': 500, 'enable.idempotence': true }
    const producer = await clients.producer(reconnecting)
    const consumer = await clients.consumer({ 'reconnect.backoff.max.ms': 500 })
    consumer.assign([{ topic, partition: 0, offset: 0 }])
    const read = fetchCount(consumer, 3000)
    expect(await produce(producer, topic, pack(values(1000))).failed).toBeNull()
    await cluster.brokers[0]!.kill()
    const during = produce(producer, topic, pack(values(2000, 'during ')))
    await cluster.brokers[0]!.start()
    expect(await during.failed).toBeNull()
    const expected = [...values(1000), ...values(2000, 'during ')].map(({ value }) => String(value))
    expect((await read).map(({ value }) => String(value))).toEqual(expected)
  })
})
