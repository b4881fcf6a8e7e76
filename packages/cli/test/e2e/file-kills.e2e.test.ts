import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type KafkaCluster,
  type KafkaConnect,
  service,
  startKafka,
  startKafkaConnect,
} from '@connect-run/testkit/services'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { LogEnd } from './log-end.ts'
import { type WorkerProcess, type Workplace, expectExit, workplace } from './worker-process.ts'

const LINES = 1_000_000
const KILLS = 20
const TIMEOUT_MS = 900_000

const kafka = await service('kafka')

kafka.describe('1,000,000 lines from a file through a topic to a file, and twenty kills', () => {
  let place: Workplace
  let broker: KafkaCluster
  const ends: LogEnd[] = []
  /** The same for both workers: the kill comes when this line of the file has reached the topic … */
  const killAt = Array.from({ length: KILLS }, () => Math.floor(Math.random() * LINES)).sort(
    (one, other) => one - other,
  )
  /** … and so many milliseconds later, that it may hit a worker at anything. */
  const lateBy = killAt.map(() => Math.random() * 50)

  beforeAll(async () => {
    place = await workplace()
    broker = await startKafka({ dir: join(place.folder, 'kafka') })
  })

  afterAll(async () => {
    await Promise.all(ends.map((end) => end.close()))
    await broker.stop()
    await place.close()
  })

  const path = (name: string): string => join(place.folder, name)

  async function topicEnd(topic: string): Promise<LogEnd> {
    await broker.createTopic(topic)
    const end = new LogEnd(path('kafka/broker-1/data'), topic)
    ends.push(end)
    return end
  }

  /** Our worker goes on where it was: its lines are those of all its lives. */
  async function doublesOfOurs(): Promise<number> {
    const end = await topicEnd('ours')
    const config = await place.write('kills.yaml', pipelines(broker.bootstrap))
    const start = (...args: readonly string[]): WorkerProcess => place.start([config, '--log-format', 'json', ...args])
    for (const [kill, line] of killAt.entries()) {
      const worker = start()
      await reached(end, line, () => worker.output())
      await delay(lateBy[kill])
      worker.kill('SIGKILL')
      expect((await worker.exited).signal).toBe('SIGKILL')
    }
    // The second run takes what the first one's source had brought when its sink's pipeline was at the end.
    for (let run = 1; run <= 2; run++) await expectExit(start('--once'), 0)
    const values = (await broker.consumeAll('ours', { timeoutMs: TIMEOUT_MS })).map(({ value }) => value!.toString())
    expect(firstMissing(values)).toBe(undefined)
    const copy = await readFile(path('out.txt'), 'utf8')
    expect(firstDifference(copy.split('\n'), [...values, ''])).toBe(undefined)
    return values.length - LINES
  }

  /** Kafka Connect, with its stock settings, begins the file anew: its lines are those of the life that is killed. */
  async function doublesOfKafkaConnect(): Promise<number> {
    const end = await topicEnd('theirs')
    const connect = await kafkaConnect()
    try {
      await connect.stop()
      await writeFile(path('connect/in.txt'), lines())
      for (const [kill, line] of killAt.entries()) {
        const from = await end.offset()
        const started = connect.start().catch(() => undefined)
        await reached(end, from + line, () => 'Kafka Connect')
        await delay(lateBy[kill])
        await connect.kill()
        await started
      }
      const from = await end.offset()
      await connect.start()
      await reached(end, from + LINES, () => 'Kafka Connect')
    } finally {
      await connect.kill()
    }
    return (await end.offset()) - LINES
  }

  /** Runs, and waits for its file. */
  function kafkaConnect(): Promise<KafkaConnect> {
    const [from, to] = [path('connect/in.txt'), path('connect/out.txt')]
    return startKafkaConnect({
      bootstrap: broker.bootstrap,
      folder: path('connect'),
      worker: { 'offset.flush.interval.ms': 60_000 },
      connectors: [
        { name: 'in', config: { 'connector.class': 'FileStreamSource', file: from, topic: 'theirs' } },
        { name: 'out', config: { 'connector.class': 'FileStreamSink', file: to, topics: 'theirs' } },
      ],
    })
  }

  it(
    'lose and tear nothing; the copy is the topic; the topic has less than 1 % of the doubles that Kafka Connect makes',
    async () => {
      await place.write('in.txt', lines())
      const ours = await doublesOfOurs()
      const theirs = await doublesOfKafkaConnect()
      const share = ((100 * ours) / theirs).toFixed(3)
      process.stderr.write(`doubles after ${KILLS} kills: ${ours}; Kafka Connect's: ${theirs} (${share} %)\n`)
      expect(ours).toBeLessThan(theirs / 100)
    },
    TIMEOUT_MS,
  )
})

async function reached(end: LogEnd, offset: number, output: () => string): Promise<void> {
  const deadline = Date.now() + 60_000
  while ((await end.offset()) < offset) {
    if (Date.now() > deadline) throw new Error(`${await end.offset()} of ${offset} records after 60 s: ${output()}`)
    await delay(1)
  }
}

const line = (number: number): string => `line ${String(number).padStart(7, '0')}`

function lines(): string {
  return Array.from({ length: LINES }, (_, number) => `${line(number)}\n`).join('')
}

/** The first line that is not among the values; a value that is no line is one too. */
function firstMissing(values: readonly string[]): string | undefined {
  const left = new Set(values)
  for (let number = 0; number < LINES; number++) if (!left.delete(line(number))) return line(number)
  return left.values().next().value
}

function firstDifference(one: readonly string[], other: readonly string[]): string | undefined {
  const length = Math.max(one.length, other.length)
  for (let i = 0; i < length; i++) if (one[i] !== other[i]) return `line ${i + 1}: ${one[i]} and ${other[i]}`
  return undefined
}

function pipelines(brokers: string): string {
  return `
name: kills
state: { url: file:./state }
pipelines:
  in:
    source: { connector: file, path: in.txt }
    sink: { connector: kafka, brokers: ${brokers}, topic: ours, value: string }
  out:
    source: { connector: kafka, brokers: ${brokers}, topics: [ours], value: string }
    sink: { connector: file, path: out.txt }
`
}
