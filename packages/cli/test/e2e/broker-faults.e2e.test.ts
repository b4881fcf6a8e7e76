import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { type CnosdbServer, startCnosdbServer } from '@connect-run/testkit/embedded'
import {
  during,
  growTopic,
  leaderKill,
  rebalanceStorm,
  recreateTopic,
  resetOffsets,
  rollingRestart,
} from '@connect-run/testkit/faults'
import { type KafkaCluster, service, startKafka } from '@connect-run/testkit/services'
import { oceanicConfig, readings } from './oceanic.ts'
import { type WorkerProcess, type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const BATCH = 20_000

const software = await service('kafka', { own: true })

software.describe('a worker on three brokers', () => {
  let kafka: KafkaCluster
  let place: Workplace
  let cnosdb: CnosdbServer
  let topic: string
  let worker: WorkerProcess
  let sent: number

  beforeAll(async () => {
    kafka = await startKafka({ brokers: 3 })
  })
  afterAll(() => kafka.stop())

  beforeEach(async () => {
    place = await workplace()
    cnosdb = await startCnosdbServer()
    topic = `broker-faults-${randomUUID().slice(0, 8)}`
    const config = { 'min.insync.replicas': '2' }
    await kafka.createTopic(topic, { partitions: 4, replicationFactor: 3, config })
    sent = 0
    worker = await start()
    await bring()
  })
  afterEach(async () => {
    await place.close()
    await cnosdb.stop()
  })

  async function start(): Promise<WorkerProcess> {
    // A static member keeps its place after a stop, and other tools off its group.
    const source = "instanceId: ''"
    const text = oceanicConfig({ brokers: kafka.bootstrap, url: cnosdb.url, topic, source })
    return place.start([await place.write('oceanic.yaml', text), '--log-format', 'json'])
  }

  const send = async (partitions = 4): Promise<void> => {
    await kafka.produce(topic, readings(BATCH, { partitions }), { 'enable.idempotence': true })
    sent += BATCH
  }

  const arrived = (): Promise<void> =>
    whileRunning(worker, () => cnosdb.count('kafka_consumer') === sent, `${sent} points`, 90_000)

  /** Each reading is one point: neither lost nor doubled. */
  async function bring(partitions = 4): Promise<void> {
    await send(partitions)
    await arrived()
  }

  async function endsWell(): Promise<void> {
    worker.kill('SIGTERM')
    await expectExit(worker, 0)
    expect(cnosdb.count('kafka_consumer')).toBe(sent)
  }

  it('brings everything while the leader is killed, and after it has come back', async () => {
    await during(leaderKill(kafka, topic, 2), () => bring())
    await bring()
    await endsWell()
  })

  it('brings everything while all brokers are restarted, one after the other', async () => {
    const restarted = rollingRestart(kafka)
    await bring()
    await restarted
    await bring()
    await endsWell()
  })

  it('finds partitions that were added', async () => {
    await growTopic(kafka, topic, 6)
    await bring(6)
    await endsWell()
  })

  it('brings everything though its group rebalances all the time', async () => {
    // The other member takes partitions and reads nothing of them, so that all arrives once it is gone.
    await during(rebalanceStorm(kafka.bootstrap, `connect-${topic}-main`, topic), () => send())
    await arrived()
    await endsWell()
  })

  it('goes on from the beginning of a topic that was deleted and made anew', async () => {
    await recreateTopic(kafka, topic)
    // Records that come before it has noticed can look like those behind its position.
    const noticed = (): boolean =>
      [0, 1, 2, 3].every((id) => worker.output().includes(`${topic}/${id} is beyond its end`))
    await whileRunning(worker, noticed, 'four warnings')
    await bring()
    await endsWell()
  })

  it('goes on where another tool has put its group', async () => {
    await endsWell()
    await resetOffsets(kafka, `connect-${topic}-main`, topic, { 0: 0, 1: 0, 2: 0, 3: 0 })
    worker = await start()
    await whileRunning(worker, () => cnosdb.stats().points === 2 * sent, 'every point a second time')
    await bring()
    await endsWell()
  })
})
