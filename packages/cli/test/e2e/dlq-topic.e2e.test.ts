import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { type ConsumedRecord, kafkaAt, service, startKafkaConnect } from '@connect-run/testkit/services'
import { pollUntil } from '@connect-run/testkit'
import { type Workplace, expectExit, workplace } from './worker-process.ts'

const TIMEOUT_MS = 180_000
const PREFIX = '__connect.errors.'

const kafka = await service('kafka')

kafka.describe('dead letters in a topic', () => {
  let place: Workplace
  let topic: string
  const broker = kafkaAt(kafka.address)

  beforeEach(async () => {
    place = await workplace()
    topic = `letters-${randomUUID().slice(0, 8)}`
    await broker.createTopic(topic, { partitions: 3 })
  })

  afterEach(async () => {
    await place.close()
    const made = await broker.topicNames()
    for (const name of made.filter((each) => each.startsWith(topic))) await broker.deleteTopic(name)
  })

  /** `json` fails for what is none; `bytes` and `string` pass through. */
  function write(value: 'json' | 'bytes' | 'string', queue = `${topic}.dlq`, limit = ''): Promise<string> {
    return place.write(
      'app.yaml',
      `
name: ${topic}
pipelines:
  main:
    source: {connector: kafka, brokers: "${kafka.address}", topics: [${topic}], key: bytes, value: ${value}}
    sink: {connector: kafka, brokers: "${kafka.address}", topic: ${topic}.out, key: bytes, value: ${value === 'json' ? 'string' : value}, createTopic: {}}
    errors: {tolerance: all, deadLetterQueue: {topic: ${queue}${limit}}}
`,
    )
  }

  async function run(...args: readonly string[]): Promise<string> {
    const worker = place.start(args)
    await expectExit(worker, 0)
    return worker.stdout()
  }

  const binary = Buffer.from([0, 255, 254, 10, 195, 40, 0])

  it(
    'keep binary keys, values and headers, all the way there and back',
    async () => {
      const headers = [{ one: binary }, { one: Buffer.from('again') }, { 'naïve ✓': Buffer.alloc(0) }]
      const timestamp = Date.parse('2026-01-31T12:00:00.123Z')
      await produceBinary(timestamp)
      await run(await write('json'), '--once')
      const [letter] = await broker.consumeAll(`${topic}.dlq`)
      expect(letter).toMatchObject({ key: binary, value: binary, timestamp })
      expect(letter!.headers.slice(0, 3)).toEqual(headers)
      expect(told(letter!)).toMatchObject({ topic, offset: '0', timestamp: String(timestamp) })

      const file = await write('bytes')
      const [shown] = JSON.parse(await run('dlq', 'show', file, '--format', 'json')) as object[]
      expect(shown).toMatchObject({
        stream: topic,
        offset: 0,
        timestamp,
        code: 'CONVERSION_FAILED',
        key: { base64: binary.toString('base64') },
        headers: [{ key: 'one' }, { key: 'one' }, { key: 'naïve ✓', value: { utf8: '' } }],
      })
      expect(await run('dlq', 'replay', file)).toBe('Replayed 1 record of 1 record.\n')
      const [again] = await broker.consumeAll(`${topic}.out`)
      expect(again).toMatchObject({ key: binary, value: binary, timestamp, headers })
    },
    TIMEOUT_MS,
  )

  it(
    'stop before a topic is drained into them: nothing is lost, and the rest comes when the limit is gone',
    async () => {
      const bad = (n: number): boolean => n >= 2000
      const values = Array.from({ length: 6000 }, (_, n) => (bad(n) ? `bad ${n}` : `{"n":${n}}`))
      await broker.produce(
        topic,
        values.map((value, n) => ({ partition: n % 3, value })),
      )
      const stopped = place.start([await write('json', `${topic}.dlq`, ', maxShare: 10%/1m'), '--once'])
      await expectExit(stopped, 1)
      expect(stopped.output()).toContain('DEAD_LETTER_LIMIT')
      expect(stopped.output()).not.toContain('it restarts')
      const letters = async (): Promise<ConsumedRecord[]> => broker.consumeAll(`${topic}.dlq`)
      const before = await letters().catch(() => [])
      expect(before.length).toBeLessThan(600)

      await run(await write('json'), '--once')
      const rejected = (await letters()).map((letter) => letter.value!.toString())
      expect(new Set(rejected)).toEqual(new Set(values.filter((_, n) => bad(n))))
      const passed = (await broker.consumeAll(`${topic}.out`)).map((record) => record.value!.toString())
      expect(new Set(passed)).toEqual(new Set(values.filter((_, n) => !bad(n))))
    },
    TIMEOUT_MS,
  )

  /** What no published client call can send is replayed from a file. */
  async function produceBinary(timestamp: number): Promise<void> {
    const base64 = binary.toString('base64')
    const headers = [
      { key: 'one', value: { base64 } },
      { key: 'one', value: { utf8: 'again' } },
      { key: 'naïve ✓', value: { utf8: '' } },
    ]
    const letter = { stream: 's', partition: 0, offset: 0, timestamp, key: { base64 }, value: { base64 }, headers }
    await place.write('letters.jsonl', `${JSON.stringify(letter)}\n`)
    const file = await place.write(
      'maker.yaml',
      `
name: maker
pipelines:
  main:
    source: {connector: file, path: ${join(place.folder, 'none.txt')}, key: bytes, value: bytes}
    sink: {connector: kafka, brokers: "${kafka.address}", topic: ${topic}, key: bytes, value: bytes}
    errors: {tolerance: all, deadLetterQueue: {path: letters.jsonl}}
`,
    )
    expect(await run('dlq', 'replay', file)).toBe('Replayed 1 record of 1 record.\n')
  }

  it(
    'have the headers that Kafka Connect writes for the same record; its letters can be listed and replayed',
    async () => {
      await broker.produce(topic, [{ partition: 1, key: 'k', value: 'not json' }])
      await run(await write('json'), '--once')
      const [ours] = await broker.consumeAll(`${topic}.dlq`)
      await broker.createTopic(`${topic}.theirs`)
      const connect = await startKafkaConnect({
        bootstrap: kafka.address,
        folder: join(place.folder, 'connect'),
        connectors: [{ name: 'main', config: connector() }],
      })
      let theirs: ConsumedRecord | undefined
      try {
        await pollUntil(async () => (await broker.endOffsets(`${topic}.theirs`))[0] === 1, { timeoutMs: 60_000 })
        theirs = (await broker.consumeAll(`${topic}.theirs`))[0]
      } finally {
        await connect.stop()
      }

      const [mine, their] = [told(ours!), told(theirs!)]
      expect(Object.keys(mine).slice(0, Object.keys(their).length)).toEqual(Object.keys(their))
      for (const name of ['topic', 'partition', 'offset', 'connector.name', 'task.id', 'stage']) {
        expect([name, mine[name]]).toEqual([name, their[name]])
      }
      expect([ours!.key, ours!.value, ours!.timestamp]).toEqual([theirs!.key, theirs!.value, theirs!.timestamp])

      const file = await write('string', `${topic}.theirs`)
      const listed = JSON.parse(await run('dlq', 'list', file, '--format', 'json')) as object
      expect(listed).toMatchObject({ letters: 1, groups: [{ stage: 'VALUE_CONVERTER', example: { partition: 1 } }] })
      expect(await run('dlq', 'replay', file)).toBe('Replayed 1 record of 1 record.\n')
    },
    TIMEOUT_MS,
  )

  function connector(): Record<string, string | number | boolean> {
    return {
      'connector.class': 'FileStreamSink',
      topics: topic,
      file: join(place.folder, 'connect', 'out.txt'),
      'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
      'value.converter.schemas.enable': true,
      'errors.tolerance': 'all',
      'errors.deadletterqueue.topic.name': `${topic}.theirs`,
      'errors.deadletterqueue.topic.replication.factor': 1,
      'errors.deadletterqueue.context.headers.enable': true,
    }
  }
})

/** What was added to a letter, without the prefix, in its order. */
function told(letter: ConsumedRecord): Record<string, string> {
  const found: Record<string, string> = {}
  for (const header of letter.headers) {
    for (const [name, value] of Object.entries(header)) {
      if (name.startsWith(PREFIX)) found[name.slice(PREFIX.length)] = String(value)
    }
  }
  return found
}
