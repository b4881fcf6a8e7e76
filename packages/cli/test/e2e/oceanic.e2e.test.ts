import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { type CnosdbServer, startCnosdbServer } from '@connect-run/testkit/embedded'
import { type KafkaCluster, service, startKafka } from '@connect-run/testkit/services'
import { type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const oceanic = fileURLToPath(new URL('../../../../configs/oceanic.yaml', import.meta.url))
const producer = fileURLToPath(new URL('../../../../configs/oceanic-producer.yaml', import.meta.url))

for (const [name, version] of [
  ['kafka', '3.9'],
  ['kafka4', '4.2'],
] as const) {
  const software = await service(name, { own: true })

  software.describe(`the configs for the oceanic readings on Kafka ${version}`, () => {
    let kafka: KafkaCluster
    let place: Workplace
    let cnosdb: CnosdbServer
    let env: Record<string, string>

    beforeAll(async () => {
      kafka = await startKafka({ version })
    })
    afterAll(() => kafka.stop())

    beforeEach(async () => {
      place = await workplace()
      cnosdb = await startCnosdbServer()
      env = { KAFKA_BROKERS: kafka.bootstrap, CNOSDB_URL: cnosdb.url }
    })
    afterEach(async () => {
      await place.close()
      await cnosdb.stop()
    })

    it('move 2,000 readings from the generator to Kafka to CnosDB', async () => {
      // Started first: it waits for the topic, which the producer creates.
      const worker = place.start([oceanic, '--log-format', 'json'], env)
      await whileRunning(worker, () => worker.output().includes('oceanic'), 'a first word')
      await expectExit(place.start([producer], env), 0)
      await whileRunning(worker, () => cnosdb.count('kafka_consumer') === 2000, '2,000 points')
      worker.kill('SIGTERM')
      await expectExit(worker, 0)

      const rows = cnosdb.rows('kafka_consumer')
      expect(rows).toHaveLength(2000)
      const sent = await kafka.consumeAll('oceanic')
      expect(sent).toHaveLength(2000)
      for (const { value } of sent) {
        const reading = JSON.parse(value!.toString()) as Record<string, number>
        expect(Object.keys(reading).sort()).toEqual(['pressure', 'temperature', 'visibility'])
        expect(reading['pressure']).toBeLessThanOrEqual(10)
        for (const number of Object.values(reading)) expect(number).toBe(Math.round(number * 10) / 10)
      }
      expect(await kafka.topicNames()).toContain('oceanic.dlq')
    })
  })
}
