import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect } from '@jest/globals'
import { type CnosdbServer, startCnosdbServer } from '@connect-run/testkit/embedded'
import { type ConsumedRecord, type KafkaTopics, kafkaAt } from '@connect-run/testkit/services'
import { parkedRecords } from './crash-parking.ts'
import { oceanicConfig, readings } from './oceanic.ts'
import { type WorkerProcess, type Workplace, expectExit, whileRunning } from './worker-process.ts'

const TOTAL = 3000
/** Small enough for dozens of batches, commits and rotations. */
const BATCH = 'batch: { maxRecords: 100 }'
const LIMITS = 'limits: { maxRecords: 200 }'

/** Two ends with records in the first, and what must be in the second after any crash. */
export interface Crashing {
  readonly config: string
  /** Runs a worker into its crash; by default one that ends with what there is. */
  crash?(env: Readonly<Record<string, string>>): Promise<WorkerProcess>
  /** Runs it to the end of what there is. */
  finish?(): Promise<void>
  /** Nothing is lost, nothing is doubled where the pair promises that, and the order is kept. */
  check(): Promise<void>
  close?(): Promise<void>
}

export interface Surroundings {
  readonly place: Workplace
  /** Addresses; empty where there is none. */
  readonly brokers: string
  readonly redis: string
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n).padStart(6, '0'))

function fileToFile({ place }: Surroundings): Promise<Crashing> {
  return filePair(place, 'file:./state')
}

function fileToFileByRedis({ place, redis }: Surroundings): Promise<Crashing> {
  return filePair(place, redis)
}

/** Every hundredth line can't be decoded; the others are numbered. Files are rotated and compressed. */
async function filePair(place: Workplace, stateUrl: string): Promise<Crashing> {
  const isPoison = (n: string): boolean => Number(n) % 100 === 50
  const all = numbers(TOTAL)
  const lines = all.map((n) => (isPoison(n) ? `poison ${n}` : JSON.stringify({ n })))
  await place.write('in.jsonl', `${lines.join('\n')}\n`)
  const config = await place.write(
    'file-to-file.yaml',
    `
name: crash-${randomUUID().slice(0, 8)}
state: { url: ${stateUrl} }
pipelines:
  copy:
    source: { connector: file, path: in.jsonl, value: json }
    sink:
      connector: file
      path: out.txt
      format: template
      template: '\${value.n}'
      rotate: { size: 4KiB, compression: gzip }
      ${BATCH}
    errors: { tolerance: all, deadLetterQueue: { path: dead.jsonl } }
    commitInterval: 10ms
    ${LIMITS}
`,
  )
  return {
    config,
    check: async () => {
      expect(rotatedLines(place.folder, 'out.txt')).toEqual(all.filter((n) => !isPoison(n)))
      expect(readdirSync(place.folder).filter((name) => /waiting|tmp|draft/.test(name))).toEqual([])
      const dead = readFileSync(join(place.folder, 'dead.jsonl'), 'utf8').split('\n').filter(Boolean)
      const values = dead.map((letter) => (JSON.parse(letter) as { value: { utf8: string } }).value.utf8)
      expect([...new Set(values)]).toEqual(lines.filter((line) => line.startsWith('poison')))
    },
  }
}

function deadLettersToFile({ place }: Surroundings): Promise<Crashing> {
  return replayedPair(place, 'file:./state')
}

function deadLettersToFileByRedis({ place, redis }: Surroundings): Promise<Crashing> {
  return replayedPair(place, redis)
}

/** Every second line can't be decoded and is set aside; the replay, by a config that knows better, is what crashes. */
async function replayedPair(place: Workplace, stateUrl: string): Promise<Crashing> {
  // More than half of a thousand letters are replayed in two chunks.
  const all = numbers(1200)
  const lines = all.map((n) => (Number(n) % 2 === 0 ? JSON.stringify({ n }) : `poison ${n}`))
  await place.write('in.jsonl', `${lines.join('\n')}\n`)
  const name = `crash-${randomUUID().slice(0, 8)}`
  const pipeline = (value: string): string => `
name: ${name}
state: { url: ${stateUrl} }
pipelines:
  copy:
    source: { connector: file, path: in.jsonl, value: ${value} }
    sink: { connector: file, path: out.txt, value: ${value}, ${BATCH} }
    transforms: [{ filter: { field: n, op: exists } }]
    errors: { tolerance: all, deadLetterQueue: { path: dead.jsonl } }
`
  await expectExit(place.start([await place.write('strict.yaml', pipeline('json')), '--once']), 0)
  const config = await place.write('lenient.yaml', pipeline('string'))
  const replay = (env = {}): WorkerProcess => place.start(['dlq', 'replay', config, '--from', 'sink'], env)
  return {
    config,
    crash: async (env) => replay(env),
    finish: () => expectExit(replay(), 0),
    check: async () => expect(rotatedLines(place.folder, 'out.txt').toSorted()).toEqual(lines.toSorted()),
  }
}

/** The lines of a file and of those that were rotated, in the order in which they were written. */
function rotatedLines(folder: string, name: string): string[] {
  const rotated = readdirSync(folder).filter((each) => /\.\d{8}(\.gz)?$/.test(each) && each.startsWith(name))
  const texts = rotated.sort().map((each) => {
    const bytes = readFileSync(join(folder, each))
    return (each.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
  })
  const last = join(folder, name)
  if (existsSync(last)) texts.push(readFileSync(last, 'utf8'))
  return texts.join('').split('\n').slice(0, -1)
}

/** At least once: what a crash leaves uncommitted comes again, and what comes for the first time is in order. */
async function fileToKafka({ place, brokers }: Surroundings): Promise<Crashing> {
  const all = numbers(TOTAL)
  await place.write('in.txt', `${all.join('\n')}\n`)
  const { kafka, topic, drop } = await newTopic(brokers, 1)
  const config = await place.write(
    'file-to-kafka.yaml',
    `
name: crash
state: { url: file:./state }
pipelines:
  up:
    source: { connector: file, path: in.txt, value: string }
    sink: { connector: kafka, brokers: ${brokers}, topic: ${topic}, value: string, ${BATCH} }
    ${LIMITS}
`,
  )
  return {
    config,
    check: async () => expect([...new Set(valuesOf(await kafka.consumeAll(topic)))]).toEqual(all),
    close: drop,
  }
}

/** Once: lines and positions are in the same transactions. */
async function fileToKafkaExactlyOnce({ place, brokers }: Surroundings): Promise<Crashing> {
  const all = numbers(TOTAL)
  await place.write('in.txt', `${all.join('\n')}\n`)
  const { kafka, topic, drop } = await newTopic(brokers, 1)
  const config = await place.write(
    'file-to-kafka.yaml',
    `
name: ${topic}
state: { url: file:./state }
pipelines:
  up:
    source: { connector: file, path: in.txt, value: string }
    sink: { connector: kafka, brokers: ${brokers}, topic: ${topic}, value: string, ${BATCH} }
    delivery: exactly-once
    commitInterval: 10ms
    ${LIMITS}
`,
  )
  return {
    config,
    check: async () => expect(valuesOf(await kafka.consumeAll(topic))).toEqual(all),
    close: async () => {
      await drop()
      await kafka.deleteTopic(`connect-${topic}-up-positions`)
    },
  }
}

/** Once: the positions of the group are in the transactions of the records. */
async function kafkaToKafkaExactlyOnce({ place, brokers }: Surroundings): Promise<Crashing> {
  const all = numbers(TOTAL)
  const from = await newTopic(brokers, 2)
  const to = await newTopic(brokers, 2)
  const { kafka } = from
  await kafka.produce(
    from.topic,
    all.map((value) => ({ value, partition: Number(value) % 2 })),
  )
  const config = await place.write(
    'kafka-to-kafka.yaml',
    `
name: ${from.topic}
state: { url: file:./state }
pipelines:
  over:
    source: { connector: kafka, brokers: ${brokers}, topics: [${from.topic}], value: string }
    sink: { connector: kafka, brokers: ${brokers}, topic: ${to.topic}, value: string, ${BATCH} }
    delivery: exactly-once
    commitInterval: 10ms
    ${LIMITS}
`,
  )
  return {
    config,
    check: async () => {
      const values = valuesOf(await kafka.consumeAll(to.topic))
      expect(values.toSorted()).toEqual(all)
    },
    close: async () => {
      await from.drop()
      await to.drop()
    },
  }
}

/** Exactly once: the file is cut back to where the group goes on. */
async function kafkaToFile({ place, brokers }: Surroundings): Promise<Crashing> {
  const all = numbers(TOTAL)
  const { kafka, topic, drop } = await newTopic(brokers, 2)
  await kafka.produce(
    topic,
    all.map((value) => ({ value, partition: Number(value) % 2 })),
  )
  const config = await place.write(
    'kafka-to-file.yaml',
    `
name: ${topic}
state: { url: file:./state }
pipelines:
  down:
    source: { connector: kafka, brokers: ${brokers}, topics: [${topic}], value: string }
    sink: { connector: file, path: out.txt, ${BATCH} }
    commitInterval: 10ms
    ${LIMITS}
`,
  )
  return {
    config,
    check: async () => {
      const lines = rotatedLines(place.folder, 'out.txt')
      for (const partition of [0, 1]) {
        const mine = (value: string): boolean => Number(value) % 2 === partition
        expect(lines.filter(mine)).toEqual(all.filter(mine))
      }
    },
    close: drop,
  }
}

/** Each record is one point, however often it is written. */
async function kafkaToCnosdb({ place, brokers }: Surroundings): Promise<Crashing & { cnosdb: CnosdbServer }> {
  const { kafka, topic, drop } = await newTopic(brokers, 4)
  const cnosdb = await startCnosdbServer()
  await kafka.produce(topic, readings(TOTAL, { timestamp: 1_700_000_000_000 }))
  const pipeline = `commitInterval: 10ms\n${LIMITS}`
  const config = await place.write(
    'kafka-to-cnosdb.yaml',
    oceanicConfig({ brokers, url: cnosdb.url, topic, sink: BATCH, pipeline }),
  )
  return {
    config,
    cnosdb,
    check: async () => {
      expect(cnosdb.count('kafka_consumer')).toBe(TOTAL)
      const committed = Object.values(await kafka.committedOffsets(`connect-${topic}-main`, topic))
      expect(committed.reduce((sum, offset) => sum + offset, 0)).toBe(TOTAL)
    },
    close: async () => {
      await cnosdb.stop()
      await drop()
    },
  }
}

/** The crash comes when a second worker joins and takes half of the partitions. */
async function rebalance(surroundings: Surroundings): Promise<Crashing> {
  const { place } = surroundings
  const pair = await kafkaToCnosdb(surroundings)
  let second: WorkerProcess | undefined
  const start = (env: Readonly<Record<string, string>> = {}): WorkerProcess =>
    place.start([pair.config, '--log-format', 'json'], env)
  return {
    ...pair,
    crash: async (env) => {
      // Slow enough that there is something in flight then.
      pair.cnosdb.inject({ kind: 'delay', ms: 500, requests: 'writes' })
      const first = start(env)
      await whileRunning(first, () => first.output().includes('assigned 4 partitions'), 'all partitions')
      second = start()
      return first
    },
    finish: async () => {
      pair.cnosdb.clearFaults()
      const first = start()
      await whileRunning(first, () => first.output().includes('assigned'), 'some partitions')
      const isThere = (): Promise<boolean> =>
        pair.check().then(
          () => true,
          () => false,
        )
      await whileRunning(first, isThere, 'all records in the database and committed')
      for (const worker of [first, second!]) {
        worker.kill('SIGTERM')
        await expectExit(worker, 0)
      }
    },
  }
}

export const PAIRS = {
  'file to file': fileToFile,
  'file to file, with its state in redis': fileToFileByRedis,
  'dead letters of a file to a file': deadLettersToFile,
  'dead letters of a file to a file, by redis': deadLettersToFileByRedis,
  'file to a picky sink, by parking in redis': parkedRecords,
  'file to kafka': fileToKafka,
  'file to kafka, exactly once': fileToKafkaExactlyOnce,
  'kafka to kafka, exactly once': kafkaToKafkaExactlyOnce,
  'kafka to file': kafkaToFile,
  'kafka to cnosdb': kafkaToCnosdb,
  'kafka to cnosdb, while a second worker joins': rebalance,
} as const satisfies Record<string, (surroundings: Surroundings) => Promise<Crashing>>

async function newTopic(
  brokers: string,
  partitions: number,
): Promise<{ kafka: KafkaTopics; topic: string; drop: () => Promise<void> }> {
  const kafka = kafkaAt(brokers)
  const topic = `crash-${randomUUID().slice(0, 8)}`
  await kafka.createTopic(topic, { partitions })
  return { kafka, topic, drop: () => kafka.deleteTopic(topic) }
}

function valuesOf(records: readonly ConsumedRecord[]): string[] {
  return records.map(({ value }) => value!.toString())
}
