import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { type KafkaCluster, kafkaAt, service, startKafka } from '@connect-run/testkit/services'
import { type WorkerProcess, type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const TOTAL = 60_000
const PARTITIONS = 4
/** So long after its last record a topic has all that there are. */
const STANDSTILL_MS = 10_000
const KILLS = 5

interface Options {
  readonly source?: string
  readonly sink?: string
  readonly more?: string
  readonly value?: string
}

const kafka = await service('kafka')
const ownKafka = await service('kafka', { own: true })

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

kafka.describe('exactly once', () => {
  let place: Workplace
  /** Names everything of one test. */
  let name: string
  const broker = kafkaAt(kafka.address)

  beforeEach(async () => {
    place = await workplace()
    name = `once-${randomUUID().slice(0, 8)}`
  })
  afterEach(async () => {
    await place.close()
    const mine = (await broker.topicNames()).filter((topic) => topic.includes(name))
    for (const topic of mine) await broker.deleteTopic(topic)
  })

  const start = (config: string, ...args: readonly string[]): WorkerProcess =>
    place.start([config, '--log-format', 'json', ...args])

  /** How many records the topic has been given, those of aborted transactions among them. */
  async function given(topic: string): Promise<number> {
    return Object.values(await broker.endOffsets(topic)).reduce((sum, offset) => sum + offset, 0)
  }

  /** Numbers from 0 on, each in the partition that its remainder says. */
  async function produceNumbers(topic: string, from: number, to: number): Promise<void> {
    await broker.produce(
      topic,
      numbers(from, to).map((n) => ({ value: String(n), partition: n % PARTITIONS })),
    )
  }

  async function writeNumbers(): Promise<void> {
    const lines = numbers(0, TOTAL).map((n) => `${n}\n`)
    await place.write('in.txt', lines.join(''))
  }

  /** What a reader of committed records finds: every number once, those of each source partition in order. */
  async function expectNumbers(topic: string, count: number): Promise<void> {
    const values = (await broker.consumeAll(topic)).map(({ value }) => Number(value!.toString()))
    const seen = new Set(values)
    const missing = numbers(0, count).filter((n) => !seen.has(n)).length
    expect({ records: values.length, different: seen.size, missing }).toEqual({
      records: count,
      different: count,
      missing: 0,
    })
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const mine = values.filter((n) => n % PARTITIONS === partition)
      expect(mine.every((n, i) => i === 0 || n > mine[i - 1]!)).toBe(true)
    }
  }

  /** Whether so many records were given, or no more come: a fast worker may have moved all before its last kill. */
  function reached(topic: string, target: number): () => Promise<boolean> {
    let last = -1
    let since = 0
    return async () => {
      const count = await given(topic)
      if (count !== last) since = Date.now()
      last = count
      return count >= target || Date.now() - since > STANDSTILL_MS
    }
  }

  async function killRandomly(config: string, topic: string): Promise<void> {
    for (let kill = 1; kill <= KILLS; kill++) {
      const worker = start(config)
      const target = (await given(topic)) + TOTAL / (KILLS * 2)
      await whileRunning(worker, reached(topic, target), `${target} records`)
      await delay(Math.random() * 150)
      worker.kill('SIGKILL')
      expect((await worker.exited).signal).toBe('SIGKILL')
    }
  }

  /** Whether the group has passed so many records. */
  const committedAll = (count: number) => async (): Promise<boolean> => {
    const committed = await broker.committedOffsets(`connect-${name}-copy`, `${name}-in`)
    return Object.values(committed).reduce((sum, offset) => sum + offset, 0) === count
  }

  const copyConfig = ({ source = '', sink = '', more = '', value = 'string' }: Options = {}): string => `
name: ${name}
state: { url: file:./state }
pipelines:
  copy:
    delivery: exactly-once
    source:
      connector: kafka
      brokers: ${kafka.address}
      topics: [${name}-in]
      value: ${value}
      ${source}
    sink:
      connector: kafka
      brokers: ${kafka.address}
      topic: ${name}-out
      value: ${value}
      batch: { maxRecords: 500 }
      ${sink}
    limits: { maxRecords: 2000 }
    ${more}
`

  const fileConfig = (more = ''): string => `
name: ${name}
state: { url: file:./state }
pipelines:
  up:
    delivery: exactly-once
    source: { connector: file, path: in.txt, value: string }
    sink:
      connector: kafka
      brokers: ${kafka.address}
      topic: ${name}-out
      value: string
      batch: { maxRecords: 500 }
    limits: { maxRecords: 2000 }
    ${more}
`

  it('from topic to topic, though the worker is killed again and again', async () => {
    await broker.createTopic(`${name}-in`, { partitions: PARTITIONS })
    await broker.createTopic(`${name}-out`)
    await produceNumbers(`${name}-in`, 0, TOTAL)
    const config = await place.write('copy.yaml', copyConfig())
    await killRandomly(config, `${name}-out`)
    await expectExit(start(config, '--once'), 0)
    await expectNumbers(`${name}-out`, TOTAL)
  })

  it('from a file to a topic, though the worker is killed again and again', async () => {
    await writeNumbers()
    await broker.createTopic(`${name}-out`)
    const config = await place.write('up.yaml', fileConfig())
    await killRandomly(config, `${name}-out`)
    await expectExit(start(config, '--once'), 0)
    await expectNumbers(`${name}-out`, TOTAL)
  })

  it('with dead letters as part of it', async () => {
    const isPoison = (n: number): boolean => n % 100 === 7
    await broker.createTopic(`${name}-in`, { partitions: PARTITIONS })
    await broker.createTopic(`${name}-out`)
    await broker.createTopic(`${name}-dead`)
    const values = numbers(0, TOTAL).map((n) => (isPoison(n) ? `poison ${n}` : JSON.stringify({ n })))
    await broker.produce(
      `${name}-in`,
      values.map((value, n) => ({ value, partition: n % PARTITIONS })),
    )
    const more = `errors: { tolerance: all, deadLetterQueue: { topic: ${name}-dead } }\n    transforms: [{ filter: { field: n, op: exists } }]`
    const config = await place.write('copy.yaml', copyConfig({ more, value: 'json' }))
    await killRandomly(config, `${name}-out`)
    await expectExit(start(config, '--once'), 0)
    const read = async (topic: string): Promise<string[]> =>
      (await broker.consumeAll(`${name}-${topic}`)).map(({ value }) => value!.toString()).sort()
    const poison = values.filter((_, n) => isPoison(n)).sort()
    const others = values.filter((_, n) => !isPoison(n)).sort()
    expect([(await read('dead')).length, (await read('out')).length]).toEqual([poison.length, others.length])
    expect([await read('dead'), await read('out')]).toEqual([poison, others])
  })

  it('while a second worker joins, is killed, and comes back', async () => {
    await broker.createTopic(`${name}-in`, { partitions: PARTITIONS })
    await broker.createTopic(`${name}-out`)
    await produceNumbers(`${name}-in`, 0, TOTAL)
    const config = await place.write('copy.yaml', copyConfig())
    const first = start(config)
    await whileRunning(first, () => first.output().includes('assigned 4 partitions'), 'all partitions')
    const second = start(config)
    await whileRunning(second, () => second.output().includes('assigned 2 partitions'), 'half of the partitions')
    await produceNumbers(`${name}-in`, TOTAL, 2 * TOTAL)
    second.kill('SIGKILL')
    await second.exited
    const third = start(config)
    await produceNumbers(`${name}-in`, 2 * TOTAL, 3 * TOTAL)
    await whileRunning(third, () => third.output().includes('assigned 2 partitions'), 'its partitions back')
    await whileRunning(third, committedAll(3 * TOTAL), 'all positions')
    for (const worker of [first, third]) {
      worker.kill('SIGTERM')
      await expectExit(worker, 0)
    }
    await expectNumbers(`${name}-out`, 3 * TOTAL)
  })

  it('though a worker is suspended until the group has given its partitions to another, and wakes', async () => {
    await broker.createTopic(`${name}-in`, { partitions: PARTITIONS })
    await broker.createTopic(`${name}-out`)
    const source = 'properties: { session.timeout.ms: 6000 }'
    const sink = 'deliveryTimeout: 5s\n      transactionTimeout: 5s'
    const config = await place.write(
      'copy.yaml',
      copyConfig({ source, sink, more: 'restart: { initialDelay: 100ms }' }),
    )
    const zombie = start(config)
    await whileRunning(zombie, () => zombie.output().includes('assigned 4 partitions'), 'all partitions')
    await produceNumbers(`${name}-in`, 0, TOTAL)
    await whileRunning(zombie, async () => (await given(`${name}-out`)) > TOTAL / 10, 'a part of it')
    zombie.kill('SIGSTOP')
    const other = start(config)
    await whileRunning(other, committedAll(TOTAL), 'all positions, of the other worker')
    zombie.kill('SIGCONT')
    await produceNumbers(`${name}-in`, TOTAL, 2 * TOTAL)
    await whileRunning(zombie, () => zombie.output().includes('it restarts'), 'that its transaction was given up')
    await whileRunning(zombie, committedAll(2 * TOTAL), 'all positions, of both')
    await expectNumbers(`${name}-out`, 2 * TOTAL)
  })

  it('though a worker is suspended until another has taken over its file, and wakes', async () => {
    await writeNumbers()
    await broker.createTopic(`${name}-out`)
    const zombie = start(await place.write('zombie.yaml', fileConfig('restart: { maxRestarts: 0 }')))
    await whileRunning(zombie, async () => (await given(`${name}-out`)) > TOTAL / 10, 'a part of it')
    zombie.kill('SIGSTOP')
    // Nothing but Kafka knows of both.
    const other = fileConfig().replace('./state', './other-state')
    await expectExit(start(await place.write('other.yaml', other), '--once'), 0)
    zombie.kill('SIGCONT')
    await expectExit(zombie, 1)
    expect(zombie.output()).toContain('another worker has taken over this pipeline')
    await expectNumbers(`${name}-out`, TOTAL)
  })
})

ownKafka.describe('exactly once, though the broker is killed and comes back', () => {
  let place: Workplace
  let broker: KafkaCluster

  beforeAll(async () => {
    place = await workplace()
    broker = await startKafka()
  })
  afterAll(async () => {
    await place.close()
    await broker.stop()
  })

  it('from topic to topic', async () => {
    await broker.createTopic('in', { partitions: PARTITIONS })
    await broker.createTopic('out')
    const values = numbers(0, TOTAL).map((n) => String(n))
    await broker.produce(
      'in',
      values.map((value, n) => ({ value, partition: n % PARTITIONS })),
    )
    const config = await place.write('copy.yaml', brokerConfig(broker.bootstrap))
    const worker = place.start([config, '--once', '--log-format', 'json'])
    const given = async (): Promise<number> => (await broker.endOffsets('out'))[0]!
    for (const target of [TOTAL / 6, TOTAL / 2]) {
      await whileRunning(worker, async () => (await given()) >= target, `${target} records`)
      await broker.brokers[0]!.kill()
      await broker.brokers[0]!.start()
    }
    await expectExit(worker, 0)
    const read = (await broker.consumeAll('out')).map(({ value }) => value!.toString())
    expect(read).toHaveLength(TOTAL)
    expect(new Set(read)).toEqual(new Set(values))
  })
})

/** Slow enough that the kills come in the middle. */
function brokerConfig(brokers: string): string {
  return `
name: restarts
state: { url: file:./state }
pipelines:
  copy:
    delivery: exactly-once
    source: { connector: kafka, brokers: ${brokers}, topics: [in], value: string }
    sink: { connector: kafka, brokers: ${brokers}, topic: out, value: string, batch: { maxRecords: 50 } }
    limits: { maxRecords: 200 }
`
}
