import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { type CnosdbServer, startCnosdbServer } from '@connect-run/testkit/embedded'
import { kafkaAt, service } from '@connect-run/testkit/services'
import { oceanicConfig, readings } from './oceanic.ts'
import { type WorkerProcess, type Workplace, whileRunning, workplace } from './worker-process.ts'

const kafka = await service('kafka')

kafka.describe('two workers with the same config', () => {
  let place: Workplace
  let topic: string
  let cnosdb: CnosdbServer
  const broker = kafkaAt(kafka.address)

  beforeEach(async () => {
    place = await workplace()
    cnosdb = await startCnosdbServer()
    topic = `two-${randomUUID().slice(0, 8)}`
    await broker.createTopic(topic, { partitions: 4 })
  })
  afterEach(async () => {
    await place.close()
    await cnosdb.stop()
    await broker.deleteTopic(topic)
  })

  /** The partitions that a worker has been assigned so far, from its log. */
  function assigned(worker: WorkerProcess): number {
    const lines = worker
      .output()
      .split('\n')
      .filter((line) => line.includes('assigned '))
    return lines.reduce((sum, line) => sum + Number(/assigned (\d+) partitions/.exec(line)?.[1] ?? 0), 0)
  }

  it('share the partitions; killing one loses and doubles nothing, and its restart resumes within 5 s', async () => {
    const text = oceanicConfig({ brokers: kafka.address, url: cnosdb.url, topic })
    const config = await place.write('oceanic.yaml', text)
    const start = (): WorkerProcess => place.start([config, '--log-format', 'json'])
    const first = start()
    await whileRunning(first, () => assigned(first) === 4, 'all partitions')
    const second = start()
    await whileRunning(second, () => assigned(second) === 2, 'half of the partitions')

    /** Kills a worker in the middle of 40,000 more readings, starts it again and waits for the rest. */
    async function killOnItsWay(worker: WorkerProcess, before: number): Promise<WorkerProcess> {
      cnosdb.inject({ kind: 'delay', ms: 300, requests: 'writes' })
      await broker.produce(topic, readings(20_000))
      worker.kill('SIGKILL')
      await worker.exited
      await broker.produce(topic, readings(20_000))
      cnosdb.clearFaults()
      const restarted = Date.now()
      const successor = start()
      await whileRunning(successor, () => cnosdb.count('kafka_consumer') === before + 40_000, 'the other points')
      expect(Date.now() - restarted).toBeLessThan(5000)
      return successor
    }

    await broker.produce(topic, readings(40_000))
    await whileRunning(second, () => cnosdb.count('kafka_consumer') === 40_000, '40,000 points')
    expect(first.output()).toContain('revoked 2 partitions')

    const again = await killOnItsWay(second, 40_000)
    expect(assigned(again)).toBe(2)
    const third = await killOnItsWay(first, 80_000)
    expect(assigned(third)).toBe(2)

    const committed = (): Promise<number> =>
      broker
        .committedOffsets(`connect-${topic}-main`, topic)
        .then((all) => Object.values(all).reduce((a, b) => a + b, 0))
    await whileRunning(third, async () => (await committed()) === 120_000, 'all positions')
    expect(cnosdb.count('kafka_consumer')).toBe(120_000)
  })
})
