import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { type KafkaCluster, service, startKafka } from '@connect-run/testkit/services'
import { type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const TOPIC = 'parsed_recipes'
const config = fileURLToPath(new URL('../../../../configs/calorie-alert.yaml', import.meta.url))

// The config names its topic, so it gets a broker of its own.
const kafka = await service('kafka')

kafka.describe('the calorie alerts', () => {
  let broker: KafkaCluster
  let place: Workplace

  beforeAll(async () => {
    broker = await startKafka()
  })

  afterAll(() => broker.stop())

  beforeEach(async () => {
    place = await workplace()
    await broker.createTopic(TOPIC)
  })

  afterEach(async () => {
    await place.close()
    await broker.deleteTopic(TOPIC)
    await broker.deleteTopic(`${TOPIC}.dlq`)
  })

  const recipe = (title: string, calories: unknown): string => JSON.stringify({ title, calories })
  const env = (): Record<string, string> => ({ KAFKA_BROKERS: broker.bootstrap })

  it('are on stdout, and nothing else; what is no recipe is set aside', async () => {
    await broker.createTopic(`${TOPIC}.dlq`)
    const values = [
      recipe('Pancakes', 227),
      recipe('Water', 0),
      '{"title": "half a mess',
      recipe('Exactly', 200),
      recipe('Crème brûlée', 200.5),
      '{"calories": 900}',
      recipe('麻婆豆腐', 420),
    ]
    await broker.produce(
      TOPIC,
      values.map((value) => ({ value, partition: 0 })),
    )
    const worker = place.start([config, '--once'], env())
    await expectExit(worker, 0)
    expect(worker.stdout()).toBe(
      'Alert: Pancakes calories count is 227\n' +
        'Alert: Crème brûlée calories count is 200.5\n' +
        'Alert: 麻婆豆腐 calories count is 420\n',
    )
    const deadLetters = (await broker.consumeAll(`${TOPIC}.dlq`)).map(({ value }) => value?.toString())
    expect(deadLetters).toEqual(['{"title": "half a mess', '{"calories": 900}'])
  })

  it('come while it runs, each once over a restart', async () => {
    const first = place.start([config], env())
    await broker.produce(TOPIC, [{ value: recipe('Pancakes', 227) }])
    await whileRunning(first, () => first.stdout() === 'Alert: Pancakes calories count is 227\n', 'the alert')
    first.kill('SIGTERM')
    await expectExit(first, 0)
    await broker.produce(TOPIC, [{ value: recipe('Goulash', 612) }])
    const second = place.start([config, '--once'], env())
    await expectExit(second, 0)
    expect(second.stdout()).toBe('Alert: Goulash calories count is 612\n')
  })
})
