import { createHash } from 'node:crypto'
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { type KafkaCluster, brokerCount, service, startKafka } from '@connect-run/testkit/services'
import { type WorkerProcess, type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const TOPIC = 'large-json'
const ELEMENTS = 100_000
const config = fileURLToPath(new URL('../../../../configs/large-json.yaml', import.meta.url))

// The config names its topic and asks for three replicas.
const kafka = await service('kafka')

kafka.describe('a large JSON array on three brokers', () => {
  let cluster: KafkaCluster
  let place: Workplace

  beforeAll(async () => {
    cluster = await startKafka({
      brokers: 3,
      properties: {
        'min.insync.replicas': '2',
        'broker.session.timeout.ms': '2000',
        'broker.heartbeat.interval.ms': '500',
      },
    })
  })

  afterAll(() => cluster.stop())

  beforeEach(async () => {
    place = await workplace()
    await copyFile(config, join(place.folder, 'large-json.yaml')) // its state lies beside it
    await writeFile(join(place.folder, 'large.json'), JSON.stringify(elements()))
  })

  afterEach(async () => {
    await place.close()
    await cluster.deleteTopic(TOPIC)
  })

  const start = (...args: readonly string[]): WorkerProcess =>
    place.start(['large-json.yaml', ...args], { KAFKA_BROKERS: cluster.bootstrap })

  async function expectEveryElementOnce(): Promise<void> {
    const records = await cluster.consumeAll(TOPIC)
    const ids = records.map(({ value }) => (JSON.parse(value!.toString()) as { id: number }).id)
    expect(ids.length).toBe(ELEMENTS)
    expect(digest(ids.toSorted((a, b) => a - b))).toBe(digest(elements().map(({ id }) => id)))
    expect(new Set(records.map(({ partition }) => partition))).toEqual(new Set([0, 1, 2]))
  }

  it('is a topic with three partitions and three replicas, every element once', async () => {
    await expectExit(start('--once'), 0)
    await expectEveryElementOnce()
    const description = await cluster.tool('org.apache.kafka.tools.TopicCommand', [
      '--bootstrap-server',
      cluster.bootstrap,
      '--describe',
      '--topic',
      TOPIC,
    ])
    expect(description).toMatch(/PartitionCount: 3\s+ReplicationFactor: 3/)
  })

  it('arrives while a broker is down', async () => {
    await cluster.createTopic(TOPIC, { partitions: 3, replicationFactor: 3 })
    await cluster.brokers[2]!.kill()
    try {
      await expectExit(start('--once'), 0)
    } finally {
      await cluster.brokers[2]!.start()
    }
    await expectEveryElementOnce()
  })

  it('waits with its topic for the third broker, and says so', async () => {
    await cluster.brokers[2]!.kill()
    const alive = `127.0.0.1:${cluster.brokers[0]!.port}`
    await pollUntil(async () => (await brokerCount(alive)) === 2, { what: 'the others know that it is gone' })
    const worker = start('--once')
    try {
      await whileRunning(worker, () => worker.output().includes('replication'), 'a word about the replicas')
    } finally {
      await cluster.brokers[2]!.start()
    }
    await expectExit(worker, 0)
    await expectEveryElementOnce()
  })
})

interface Element {
  readonly id: number
  readonly title: string
  readonly calories: number
}

function elements(): Element[] {
  return Array.from({ length: ELEMENTS }, (_, id) => ({ id, title: `recipe ${id} “crème”`, calories: id % 1000 }))
}

function digest(ids: readonly number[]): string {
  return createHash('sha256').update(ids.join()).digest('hex')
}
