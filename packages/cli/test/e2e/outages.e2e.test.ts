import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { type CnosdbServer, type Fault, startCnosdbServer } from '@connect-run/testkit/embedded'
import { type KafkaCluster, service, startKafka } from '@connect-run/testkit/services'
import { oceanicConfig, readings } from './oceanic.ts'
import { type WorkerProcess, type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const OUTAGE_MS = 30_000
const BEFORE = 20_000
const TOTAL = 60_000

const software = await service('kafka', { own: true })

software.describe('an outage of 30 s', () => {
  let kafka: KafkaCluster
  let place: Workplace
  let cnosdb: CnosdbServer
  let topic: string

  beforeAll(async () => {
    kafka = await startKafka()
  })
  afterAll(() => kafka.stop())

  beforeEach(async () => {
    place = await workplace()
    cnosdb = await startCnosdbServer()
    topic = `outage-${randomUUID().slice(0, 8)}`
    await kafka.createTopic(topic, { partitions: 4 })
  })
  afterEach(async () => {
    await place.close()
    await cnosdb.stop()
  })

  async function startFlowing(): Promise<WorkerProcess> {
    await kafka.produce(topic, readings(BEFORE))
    const sink = 'timeout: 5s\nretry: {initialDelay: 100ms, maxDelay: 2s}'
    const text = oceanicConfig({ brokers: kafka.bootstrap, url: cnosdb.url, topic, sink })
    const worker = place.start([await place.write('oceanic.yaml', text), '--log-format', 'json'])
    await whileRunning(worker, () => cnosdb.count('kafka_consumer') === BEFORE, `${BEFORE} points`)
    return worker
  }

  async function expectAll(worker: WorkerProcess): Promise<void> {
    const committed = async (): Promise<number> => {
      const offsets = await kafka.committedOffsets(`connect-${topic}-main`, topic)
      return Object.values(offsets).reduce((sum, offset) => sum + offset, 0)
    }
    await whileRunning(worker, async () => (await committed()) === TOTAL, `${TOTAL} committed records`)
    worker.kill('SIGTERM')
    await expectExit(worker, 0)
    expect(cnosdb.count('kafka_consumer')).toBe(TOTAL)
    expect(await committed()).toBe(TOTAL)
  }

  /** Holds the outage for its whole length; memory stays bounded all the time. */
  async function outage(worker: WorkerProcess): Promise<void> {
    const until = Date.now() + OUTAGE_MS
    let peak = 0
    const isOver = (): boolean => {
      peak = Math.max(peak, worker.memoryMiB())
      return Date.now() >= until
    }
    await pollUntil(isOver, { timeoutMs: OUTAGE_MS * 2, intervalMs: 200, what: 'the end of the outage' })
    expect(peak).toBeLessThan(500)
  }

  function warnings(worker: WorkerProcess): string[] {
    return worker
      .output()
      .split('\n')
      .filter((line) => line.includes('"level":"warn"'))
  }

  it('of the broker loses and doubles nothing, and is said once in a while', async () => {
    const worker = await startFlowing()
    await kafka.brokers[0]!.stop()
    await outage(worker)
    await kafka.brokers[0]!.start()
    await kafka.produce(topic, readings(TOTAL - BEFORE))
    await expectAll(worker)
    expect(warnings(worker).length).toBeGreaterThan(0)
    expect(warnings(worker).length).toBeLessThan(20)
  })

  const faults: readonly (readonly [string, Fault])[] = [
    ['that answers 503', { kind: 'status', status: 503, requests: 'all' }],
    ['that hangs', { kind: 'hang', requests: 'all' }],
    ['that resets connections in the middle of a body', { kind: 'reset-mid-body', requests: 'all' }],
    ['that loses answers after it has written', { kind: 'lose-answer', requests: 'all' }],
  ]
  it.each(faults)('of a server %s loses and doubles nothing', async (_, fault) => {
    const worker = await startFlowing()
    cnosdb.inject(fault)
    await kafka.produce(topic, readings(TOTAL - BEFORE))
    await outage(worker)
    cnosdb.clearFaults()
    await expectAll(worker)
    expect(warnings(worker).length).toBeGreaterThan(0)
    expect(warnings(worker).length).toBeLessThan(20)
  })

  it('of a server that refuses connections loses and doubles nothing', async () => {
    const worker = await startFlowing()
    await cnosdb.refuse()
    await kafka.produce(topic, readings(TOTAL - BEFORE))
    await outage(worker)
    await cnosdb.accept()
    await expectAll(worker)
    expect(warnings(worker).join('\n')).toContain('UNREACHABLE')
    expect(warnings(worker).length).toBeLessThan(20)
  })
})
