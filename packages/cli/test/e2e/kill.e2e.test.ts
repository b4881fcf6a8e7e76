import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeEach, expect, it } from '@jest/globals'
import { type CnosdbServer, startCnosdbServer } from '@connect-run/testkit/embedded'
import { influxDbAt, kafkaAt, service } from '@connect-run/testkit/services'
import { oceanicConfig, readings } from './oceanic.ts'
import { type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const TOTAL = 200_000
const SAME_MOMENT = 1_700_000_000_000

const kafka = await service('kafka')
const influx = await service('influxdb')

kafka.describe('200,000 readings on 4 partitions', () => {
  let place: Workplace
  let topic: string
  let cnosdb: CnosdbServer | undefined
  const broker = kafkaAt(kafka.address)

  beforeEach(async () => {
    place = await workplace()
    topic = `oceanic-${randomUUID().slice(0, 8)}`
    await broker.createTopic(topic, { partitions: 4 })
  })

  afterEach(async () => {
    await place.close()
    await cnosdb?.stop()
    await broker.deleteTopic(topic)
  })

  it('become exactly 200,000 points, all of one millisecond, though the worker is killed five times', async () => {
    cnosdb = await startCnosdbServer()
    await broker.produce(topic, readings(TOTAL, { timestamp: SAME_MOMENT }))
    const sink = 'batch: {maxRecords: 2000}'
    const config = await place.write(
      'oceanic.yaml',
      oceanicConfig({ brokers: kafka.address, url: cnosdb.url, topic, sink }),
    )
    // Slow enough that every kill hits the worker on its way.
    cnosdb.inject({ kind: 'delay', ms: 20, requests: 'writes' })
    const store = cnosdb
    for (let kill = 1; kill <= 5; kill++) {
      const worker = place.start([config, '--log-format', 'json'])
      const target = store.count('kafka_consumer') + 15_000
      await whileRunning(worker, () => store.count('kafka_consumer') >= target, `${target} points`)
      worker.kill('SIGKILL')
      expect((await worker.exited).signal).toBe('SIGKILL')
    }
    expect(store.count('kafka_consumer')).toBeLessThan(TOTAL)
    store.clearFaults()
    await expectExit(place.start([config, '--once', '--log-format', 'json']), 0)
    expect(store.count('kafka_consumer')).toBe(TOTAL)
    expect(await broker.committedOffsets(`connect-${topic}-main`, topic)).toEqual({
      0: 50_000,
      1: 50_000,
      2: 50_000,
      3: 50_000,
    })
  })

  influx.describe('into InfluxDB', () => {
    const database = `e2e_${randomUUID().slice(0, 8)}`
    const influxdb = influxDbAt(influx.address)
    afterAll(() => influxdb.dropDatabase(database))

    it('are exactly 200,000 points there as well, with five kills', async () => {
      await influxdb.createDatabase(database)
      await broker.produce(topic, readings(TOTAL, { timestamp: SAME_MOMENT }))
      const options = { brokers: kafka.address, url: influx.address, topic, database, api: 'influxdb' } as const
      const config = await place.write('oceanic.yaml', oceanicConfig({ ...options, sink: 'batch: {maxRecords: 2000}' }))
      const count = (): Promise<number> => influxdb.count(database, 'kafka_consumer', 'pressure')
      for (let kill = 1; kill <= 5; kill++) {
        const worker = place.start([config, '--log-format', 'json'])
        const target = Math.min(TOTAL, (await count()) + 10_000)
        await whileRunning(worker, async () => (await count()) >= target, `${target} points`)
        worker.kill('SIGKILL')
        await worker.exited
      }
      await expectExit(place.start([config, '--once', '--log-format', 'json']), 0)
      expect(await count()).toBe(TOTAL)
    })
  })
})
