import { appendFile, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { type KafkaCluster, service, startKafka, startKafkaConnect } from '@connect-run/testkit/services'
import { type WorkerProcess, type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const TOPIC = 'connect-test'

/** Byte for byte what FileStreamSource with the JsonConverter writes. */
const envelope = (line: string): string => `{"schema":{"type":"string","optional":false},"payload":"${line}"}`

const quickstart = fileURLToPath(new URL('../../../../configs/file-quickstart.yaml', import.meta.url))

// Kafka Connect's quickstart sets these converters in connect-standalone.properties.
const JSON_ENVELOPE = 'org.apache.kafka.connect.json.JsonConverter'
const AS_IN_THE_QUICKSTART = { 'key.converter': JSON_ENVELOPE, 'value.converter': JSON_ENVELOPE }

// The config names its topic, so it gets a broker of its own.
const kafka = await service('kafka')

kafka.describe("Kafka Connect's quickstart", () => {
  let broker: KafkaCluster
  let place: Workplace

  beforeAll(async () => {
    broker = await startKafka()
  })

  afterAll(() => broker.stop())

  beforeEach(async () => {
    place = await workplace()
    await copyFile(quickstart, join(place.folder, 'file-quickstart.yaml')) // its state lies beside it
    await writeFile(join(place.folder, 'test.txt'), 'foo\nbar\n')
  })

  afterEach(async () => {
    await place.close()
    await broker.deleteTopic(TOPIC)
  })

  const start = (...args: readonly string[]): WorkerProcess =>
    place.start(['file-quickstart.yaml', ...args], { KAFKA_BROKERS: broker.bootstrap })

  const read = (name: string): Promise<string> => readFile(join(place.folder, name), 'utf8').catch(() => '')

  const reads = (worker: WorkerProcess, name: string, text: string): Promise<void> =>
    whileRunning(worker, async () => (await read(name)) === text, `${name} reads ${JSON.stringify(text)}`)

  const messages = async (): Promise<unknown[]> =>
    (await broker.consumeAll(TOPIC)).map(({ key, value }) => [key?.toString() ?? null, value?.toString() ?? null])

  it('moves foo and bar, shows an appended line, and goes on after a restart', async () => {
    const worker = start()
    await reads(worker, 'test.sink.txt', 'foo\nbar\n')
    await appendFile(join(place.folder, 'test.txt'), 'Another line\n')
    await reads(worker, 'test.sink.txt', 'foo\nbar\nAnother line\n')
    worker.kill('SIGTERM')
    await expectExit(worker, 0)

    await appendFile(join(place.folder, 'test.txt'), 'während wir weg waren\n')
    await expectExit(start('--once'), 0)
    expect(await read('test.sink.txt')).toBe('foo\nbar\nAnother line\nwährend wir weg waren\n')
    expect(await messages()).toEqual(
      ['foo', 'bar', 'Another line', 'während wir weg waren'].map((line) => [null, envelope(line)]),
    )
  })

  it("shares the topic with Kafka Connect's own connectors, in both directions", async () => {
    await broker.createTopic(TOPIC)
    await mkdir(join(place.folder, 'theirs'))
    const theirs = join(place.folder, 'theirs')
    await writeFile(join(theirs, 'in.txt'), 'by Kafka Connect\nzweite Zeile\n')
    const connect = await startKafkaConnect({
      bootstrap: broker.bootstrap,
      folder: theirs,
      worker: AS_IN_THE_QUICKSTART,
      connectors: [
        {
          name: 'local-file-source',
          config: { 'connector.class': 'FileStreamSource', file: join(theirs, 'in.txt'), topic: TOPIC },
        },
        {
          name: 'local-file-sink',
          config: { 'connector.class': 'FileStreamSink', file: join(theirs, 'out.txt'), topics: TOPIC },
        },
      ],
    })
    try {
      const worker = start()
      const lines = async (name: string): Promise<number> => (await read(name)).split('\n').length - 1
      await whileRunning(worker, async () => (await lines('test.sink.txt')) === 4, 'our file holds four lines')
      await whileRunning(worker, async () => (await lines('theirs/out.txt')) === 4, 'their file holds four lines')
      const ours = await read('test.sink.txt')
      expect(await read('theirs/out.txt')).toBe(ours)
      expect(ours.split('\n').sort()).toEqual(['', 'bar', 'by Kafka Connect', 'foo', 'zweite Zeile'])
      expect((await messages()).map(String).sort()).toEqual(
        ['bar', 'by Kafka Connect', 'foo', 'zweite Zeile'].map((line) => String([null, envelope(line)])),
      )
    } finally {
      await connect.kill()
    }
  })
})
