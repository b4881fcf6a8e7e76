import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pollUntil } from '../poll-until.ts'
import { startKafka } from '../services/kafka-cluster.ts'
import { type KafkaConnect, startKafkaConnect } from '../services/kafka-connect.ts'
import { type Destination, fileDestination, kafkaDestination } from './destination.ts'
import { feedEvenly } from './feed-evenly.ts'
import { fileFeed } from './feed.ts'
import { schedule } from './schedule.ts'
import type { SequenceVerdict } from './sequence.ts'

export interface KafkaConnectTortureOptions {
  readonly records: number
  readonly forMs: number
  readonly kills: number
  readonly seed: number
}

export interface KafkaConnectVerdicts {
  /** What its file source has put into a topic. */
  readonly topic: SequenceVerdict
  /** What its file sink has made of that topic: doubles of the topic count here too. */
  readonly file: SequenceVerdict
}

/** Longer than a dead member holds its place in the group of the sink. */
const QUIET_MS = 60_000
const TIMEOUT_MS = 300_000

/** The same for Kafka Connect's file connectors: a line of numbers from a file through a topic to a file, and kills. */
export async function tortureKafkaConnect(options: KafkaConnectTortureOptions): Promise<KafkaConnectVerdicts> {
  const folder = await mkdtemp(join(tmpdir(), 'connect-run-torture-'))
  const kafka = await startKafka()
  try {
    await kafka.createTopic('lines')
    const topic = await kafkaDestination(kafka.bootstrap, 'lines')
    const home = join(folder, 'connect')
    await mkdir(home)
    const file = fileDestination(home)
    const feed = await fileFeed({ folder: home, lanes: 1, extra: '' })
    const connect = await startKafkaConnect({
      bootstrap: kafka.bootstrap,
      folder: home,
      connectors: [
        {
          name: 'in',
          config: { 'connector.class': 'FileStreamSource', file: join(home, 'in-0.jsonl'), topic: 'lines' },
        },
        {
          name: 'out',
          config: { 'connector.class': 'FileStreamSink', file: String(file.sink['path']), topics: 'lines' },
        },
      ],
    })
    try {
      const kills = killAll(connect, options)
      let seq = 0
      await feedEvenly(options, (count) => feed.send(Array.from({ length: count }, () => ({ lane: 0, seq: seq++ }))))
      await kills
      await quiet([topic, file])
      const verdict = async (end: Destination): Promise<SequenceVerdict> =>
        (await end.readBack()).verdict([options.records])
      return { topic: await verdict(topic), file: await verdict(file) }
    } finally {
      await connect.kill()
      await topic.close()
    }
  } finally {
    await kafka.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** By the schedule of the seed; a kill that comes while it starts waits for the start, or it would never work at all. */
async function killAll(connect: KafkaConnect, { seed, forMs, kills }: KafkaConnectTortureOptions): Promise<void> {
  const begin = performance.now()
  const none = { workers: 1, suspends: 0, suspendMs: 0, switches: [], switchMs: 0 }
  for (const { atMs } of schedule({ seed, forMs, kills, ...none })) {
    await delay(Math.max(0, atMs - (performance.now() - begin)))
    await connect.kill()
    await connect.start()
  }
}

/** Resolves when nothing has been written for a while. */
async function quiet(ends: readonly Destination[]): Promise<void> {
  let before = ''
  let since = performance.now()
  const isQuiet = async (): Promise<boolean> => {
    const now = (await Promise.all(ends.map((end) => end.progress()))).join(' ')
    if (now !== before) since = performance.now()
    before = now
    return performance.now() - since > QUIET_MS
  }
  await pollUntil(isQuiet, { timeoutMs: TIMEOUT_MS, intervalMs: 500, what: 'Kafka Connect has written everything' })
}
