import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type CnosdbServer, startCnosdbServer } from '@connect-run/testkit/embedded'
import { kafkaAt, redisCommand, service } from '@connect-run/testkit/services'
import { type WorkerProcess, type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const RECORDS = 10_000
const TIMEOUT_MS = 300_000
const BEGIN = Date.parse('2026-01-31T12:00:00Z')

let place: Workplace

beforeEach(async () => {
  place = await workplace()
})

afterEach(() => place.close())

const numbers = Array.from({ length: RECORDS }, (_, i) => i)

const redis = await service('redis')

/** Where replays are remembered: `state`, and how many chunks are done. */
interface Memory {
  readonly state: string
  chunksDone(task: string, journal: string): Promise<number> | number
}

const local: Memory = {
  state: '{url: file:./.connect-run}',
  chunksDone: (_, journal) => {
    const path = join(place.folder, journal)
    return existsSync(path) ? readFileSync(path, 'utf8').split('"doneMs"').length - 1 : 0
  },
}

const shared: Memory = {
  state: `{url: "${redis.address}", lease: 2s}`,
  chunksDone: async (task) => {
    const words = ['HGET', `connect-run:{${task}}:replayed`, 'last']
    const note = await redisCommand({ port: Number(new URL(redis.address).port) }, words)
    const [number, , step] = String(note ?? '0  done').split(' ')
    return step === 'done' ? Number(number) : Number(number) - 1
  },
}

/** Replays all, killed with kill -9 twice on the way: wherever it is then. Returns what the last one printed. */
async function replayWithKills(file: string, chunksDone: () => Promise<number> | number): Promise<string> {
  let done = 0
  for (let kill = 0; kill < 2; kill++) {
    const replay = place.start(['dlq', 'replay', file])
    const wanted = done + 3 + Math.floor(Math.random() * 4)
    await whileRunning(replay, async () => (await chunksDone()) >= wanted, `${wanted} chunks`)
    replay.kill('SIGKILL')
    expect(await replay.exited).toMatchObject({ signal: 'SIGKILL' })
    done = await chunksDone()
    expect(done).toBeLessThan(RECORDS / 500)
  }
  const last = place.start(['dlq', 'replay', file])
  await expectExit(last, 0)
  return last.output()
}

async function run(args: readonly string[]): Promise<WorkerProcess> {
  const worker = place.start(args)
  await expectExit(worker, 0)
  return worker
}

/** The letters are in a file, as is what they are replayed into. */
function inAFile(memory: Memory): void {
  let name: string

  beforeEach(() => {
    name = `dlq-${randomUUID().slice(0, 8)}`
  })

  const config = (value: string): string => `
name: ${name}
state: ${memory.state}
pipelines:
  main:
    source: {connector: file, path: ${join(place.folder, 'in.txt')}, value: ${value}}
    sink: {connector: file, path: ${join(place.folder, 'out.txt')}}
    errors: {tolerance: all, deadLetterQueue: {path: ${join(place.folder, 'dead.jsonl')}, maxFileSize: 2MiB}}
`
  const write = (value: string): Promise<string> => place.write('app.yaml', config(value))

  it(
    'come once each, however often the replay is killed',
    async () => {
      await writeFile(join(place.folder, 'in.txt'), numbers.map((n) => `line ${n}\n`).join(''))
      await run([await write('json'), '--once'])
      const file = await write('string')
      const listed = await run(['dlq', 'list', file, '--format', 'json'])
      expect(JSON.parse(listed.stdout())).toMatchObject({
        letters: RECORDS,
        replayed: 0,
        groups: [{ letters: RECORDS }],
      })

      const output = await replayWithKills(file, () => memory.chunksDone(`${name}-main`, 'dead.jsonl.journal'))

      expect(output).toMatch(/[\d,]+ records? replayed before: left out/)
      const lines = (await readFile(join(place.folder, 'out.txt'), 'utf8')).split('\n').slice(0, -1)
      expect(lines).toHaveLength(RECORDS)
      expect(new Set(lines)).toEqual(new Set(numbers.map((n) => `line ${n}`)))
      const purged = await run(['dlq', 'purge', file])
      expect(purged.stdout()).toBe('Purged 10,000 letters, 0 letters left.\n')
      // The pipeline goes on where it was: the replay is no news to it.
      await run([file, '--once'])
      expect((await readFile(join(place.folder, 'out.txt'), 'utf8')).split('\n')).toHaveLength(RECORDS + 1)
    },
    TIMEOUT_MS,
  )
}

describe('10,000 dead letters in a file, replayed into a file', () => inAFile(local))

redis.describe('10,000 dead letters in a file, replayed by Redis', () => inAFile(shared))

const kafka = await service('kafka')

function inATopic(memory: Memory): void {
  let topic: string
  const broker = kafkaAt(kafka.address)

  beforeEach(async () => {
    topic = `dlq-${randomUUID().slice(0, 8)}`
    await broker.createTopic(topic, { partitions: 2 })
  })

  afterEach(async () => {
    const made = await broker.topicNames()
    for (const name of made.filter((each) => each.startsWith(topic))) await broker.deleteTopic(name)
  })

  function pipeline(value: string, sink: string, delivery: string): string {
    return `
name: ${topic}
state: ${memory.state}
pipelines:
  main:
    source: {connector: kafka, brokers: "${kafka.address}", topics: [${topic}], value: ${value}}
    transforms:
      - set: {fields: {replayed: true}}
    sink: ${sink}
    delivery: ${delivery}
    errors: {tolerance: all, deadLetterQueue: {topic: ${topic}.dlq}}
`
  }

  /** Values that the envelope does not take and plain JSON does. */
  async function setAside(sink: string, delivery = 'at-least-once'): Promise<string> {
    const records = numbers.map((n) => ({ partition: n % 2, timestamp: BEGIN + n, value: JSON.stringify({ n }) }))
    await broker.produce(topic, records)
    await run([await place.write('app.yaml', pipeline('json-envelope', sink, delivery)), '--once'])
    return place.write('app.yaml', pipeline('json', sink, delivery))
  }

  const chunksDone = () => memory.chunksDone(`${topic}-main`, `.connect-run/${topic}-main.dlq.journal`)

  describe('replayed into CnosDB', () => {
    let cnosdb: CnosdbServer

    beforeEach(async () => {
      cnosdb = await startCnosdbServer()
    })

    afterEach(() => cnosdb.stop())

    it(
      'are one point each, with coordinates and timestamp of the record',
      async () => {
        const sink = `{connector: cnosdb, url: "${cnosdb.url}", database: public, table: t}`
        const file = await setAside(sink)
        expect(cnosdb.count('t')).toBe(0)
        await replayWithKills(file, chunksDone)
        expect(cnosdb.count('t')).toBe(RECORDS)
        const row = cnosdb.rows('t').find(({ n }) => n === 4711)
        // The 2356th record of partition 1: its time is that of the record, with the digits of the offset behind.
        expect(row).toMatchObject({ partition: '1', replayed: true })
        expect(String(row!['time'])).toBe(`${BEGIN + 4711}002355`)
        const listed = await run(['dlq', 'list', file, '--format', 'json'])
        expect(JSON.parse(listed.stdout())).toMatchObject({ letters: RECORDS, replayed: RECORDS })
        const refused = place.start(['dlq', 'purge', file])
        await expectExit(refused, 1)
        expect(JSON.parse(refused.stdout().split('\n')[1]!)).toEqual({
          partitions: [{ topic: `${topic}.dlq`, partition: 0, offset: RECORDS }],
          version: 1,
        })
      },
      TIMEOUT_MS,
    )
  })

  function transactional(): string {
    const names = `transactionalId: ${topic}.tx, positionsTopic: ${topic}.positions`
    const target = `brokers: "${kafka.address}", topic: ${topic}.out, createTopic: {partitions: 2}`
    return `{connector: kafka, ${target}, ${names}}`
  }

  async function expectOnceEach(): Promise<void> {
    const values = (await broker.consumeAll(`${topic}.out`)).map(({ value }) => value!.toString())
    expect(values).toHaveLength(RECORDS)
    expect(new Set(values)).toEqual(new Set(numbers.map((n) => `{"n":${n},"replayed":true}`)))
  }

  it(
    'come once each into a topic that is written in transactions',
    async () => {
      const file = await setAside(transactional(), 'exactly-once')
      await replayWithKills(file, chunksDone)
      await expectOnceEach()
      // A replay never writes positions where the pipeline has its own.
      const made = await broker.topicNames()
      expect(made.filter((name) => name.startsWith(`${topic}.positions`))).toEqual([`${topic}.positions-replay`])
    },
    TIMEOUT_MS,
  )

  if (memory === shared) {
    it('come once each when two hosts replay them, and one is suspended past its lease and woken', twoHosts, TIMEOUT_MS)
  }

  async function twoHosts(): Promise<void> {
    const file = await setAside(transactional(), 'exactly-once')
    const other = await workplace()
    try {
      const copy = await other.write('app.yaml', await readFile(file, 'utf8'))
      const both = [place.start(['dlq', 'replay', file, '--limit', '2000'])]
      both.push(other.start(['dlq', 'replay', copy, '--limit', '2000']))
      const codes = (await Promise.all(both.map(({ exited }) => exited))).map(({ code }) => code)
      // The other one is refused, or comes when the first has ended.
      expect(['0,0', '0,3']).toContain(codes.map(String).toSorted().join())

      const first = place.start(['dlq', 'replay', file])
      const done = await chunksDone()
      await whileRunning(first, async () => (await chunksDone()) > done, 'a chunk')
      first.kill('SIGSTOP')
      expect(await chunksDone()).toBeLessThan(RECORDS / 500)
      await expectExit(other.start(['dlq', 'replay', copy]), 0)
      first.kill('SIGCONT')
      await expectExit(first, 1)
      await expectOnceEach()
    } finally {
      await other.close()
    }
  }
}

kafka.describe('10,000 dead letters in a topic', () => {
  inATopic(local)

  redis.describe('with the state in Redis', () => inATopic(shared))
})
