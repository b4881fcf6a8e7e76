import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type CnosdbServer, startCnosdbServer } from '@connect-run/testkit/embedded'
import { kafkaAt, service } from '@connect-run/testkit/services'
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

function chunksDone(journal: string): number {
  return existsSync(journal) ? readFileSync(journal, 'utf8').split('"doneMs"').length - 1 : 0
}

/** Replays all, killed with kill -9 twice on the way: wherever it is then. Returns what the last one printed. */
async function replayWithKills(args: readonly string[], journal: string): Promise<string> {
  let done = 0
  for (let kill = 0; kill < 2; kill++) {
    const replay = place.start(['dlq', 'replay', ...args])
    const wanted = done + 3 + Math.floor(Math.random() * 4)
    await whileRunning(replay, () => chunksDone(journal) >= wanted, `${wanted} chunks`)
    replay.kill('SIGKILL')
    expect(await replay.exited).toMatchObject({ signal: 'SIGKILL' })
    done = chunksDone(journal)
    expect(done).toBeLessThan(RECORDS / 500)
  }
  const last = place.start(['dlq', 'replay', ...args])
  await expectExit(last, 0)
  return last.output()
}

async function run(args: readonly string[]): Promise<WorkerProcess> {
  const worker = place.start(args)
  await expectExit(worker, 0)
  return worker
}

describe('10,000 dead letters in a file, replayed into a file', () => {
  const config = (value: string): string => `
name: app
pipelines:
  main:
    source: {connector: file, path: ${join(place.folder, 'in.txt')}, value: ${value}}
    sink: {connector: file, path: ${join(place.folder, 'out.txt')}}
    errors: {tolerance: all, deadLetterQueue: {maxFileSize: 2MiB}}
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

      const journal = join(place.folder, '.connect-run', 'app-main.dlq.jsonl.journal')
      const output = await replayWithKills([file], journal)

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
})

const kafka = await service('kafka')

kafka.describe('10,000 dead letters in a topic', () => {
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

  const journal = (): string => join(place.folder, '.connect-run', `${topic}-main.dlq.journal`)

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
        await replayWithKills([file], journal())
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

  it(
    'come once each into a topic that is written in transactions',
    async () => {
      const names = `transactionalId: ${topic}.tx, positionsTopic: ${topic}.positions`
      const target = `brokers: "${kafka.address}", topic: ${topic}.out, createTopic: {partitions: 2}`
      const sink = `{connector: kafka, ${target}, ${names}}`
      const file = await setAside(sink, 'exactly-once')
      await replayWithKills([file], journal())
      const values = (await broker.consumeAll(`${topic}.out`)).map(({ value }) => value!.toString())
      expect(values).toHaveLength(RECORDS)
      expect(new Set(values)).toEqual(new Set(numbers.map((n) => `{"n":${n},"replayed":true}`)))
      // A replay never writes positions where the pipeline has its own.
      const made = await broker.topicNames()
      expect(made.filter((name) => name.startsWith(`${topic}.positions`))).toEqual([`${topic}.positions-replay`])
    },
    TIMEOUT_MS,
  )
})
