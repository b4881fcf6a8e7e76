import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type CnosdbServer, startCnosdbServer } from '@connect-run/testkit/embedded'
import { kafkaAt, service } from '@connect-run/testkit/services'
import { oceanicConfig, readings } from './oceanic.ts'
import { type WorkerProcess, type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

/** Lines of each file; every tenth is filtered out. */
const LINES = { 'a.jsonl': 30_000, 'b.jsonl': 12_000 }
const WRITTEN = 37_800

const kafka = await service('kafka')

interface Status {
  readonly states: readonly { readonly task: string; readonly heldBy?: string }[]
  readonly addsUp: boolean
  readonly ledger: Record<'read' | 'written' | 'filtered' | 'released' | 'inFlight', number>
  readonly partitions: readonly { readonly stream: string; readonly ledger: Status['ledger'] }[]
}

let place: Workplace
let server: CnosdbServer
let config: string

beforeEach(async () => {
  place = await workplace()
  server = await startCnosdbServer()
  for (const [name, lines] of Object.entries(LINES)) {
    const start = Date.UTC(2026, 0, name === 'a.jsonl' ? 1 : 2)
    const line = (n: number): string => JSON.stringify({ at: new Date(start + n), n, tenth: n % 10 })
    await writeFile(join(place.folder, name), `${Array.from({ length: lines }, (_, n) => line(n)).join('\n')}\n`)
  }
  config = await place.write(
    'ledger.yaml',
    `
name: ledger
pipelines:
  main:
    source: { connector: file, path: '*.jsonl', value: json }
    transforms: [{ filter: { field: tenth, op: ne, value: 0 } }]
    sink:
      connector: cnosdb
      url: ${server.url}
      database: public
      table: numbers
      time: { field: at, format: rfc3339 }
      batch: { maxRecords: 200 }
    commitInterval: 20ms
`,
  )
})

afterEach(async () => {
  await place.close()
  await server.stop()
})

/** What `connect-run status` says, while a worker runs or not. */
async function status(file = config): Promise<Status> {
  const worker = place.start(['status', file, '--format', 'json'])
  await expectExit(worker, 0)
  const [{ pipelines }] = JSON.parse(worker.stdout()) as [{ pipelines: [Status] }]
  return pipelines[0]
}

describe('the ledger of a pipeline that is killed', () => {
  it('counts each record once, partition by partition, and agrees with what is read back', async () => {
    server.inject({ kind: 'delay', ms: 10, requests: 'writes' })
    for (let kill = 1; kill <= 4; kill++) {
      const worker = place.start([config, '--log-format', 'json'])
      const target = kill * 6000
      await whileRunning(worker, () => server.count('numbers') >= target, `${target} points`)
      if (kill === 2) {
        const running = await status()
        expect(running.states[0]!.heldBy).toContain(`process ${worker.pid} `)
        expect(running.ledger.written).toBeLessThanOrEqual(server.count('numbers'))
      }
      worker.kill('SIGKILL')
      await worker.exited
      const { addsUp, ledger, states } = await status()
      expect([addsUp, states[0]!.heldBy]).toEqual([true, undefined])
      // What was written after the last commit is written again, and only then counted.
      expect(ledger.written).toBeLessThanOrEqual(server.count('numbers'))
      expect(ledger.written).toBeGreaterThan(0)
    }
    server.clearFaults()
    await expectExit(place.start([config, '--once', '--log-format', 'json']), 0)
    const { addsUp, ledger, partitions } = await status()
    expect(server.count('numbers')).toBe(WRITTEN)
    expect(addsUp).toBe(true)
    expect(ledger).toMatchObject({ written: WRITTEN, filtered: 4200, inFlight: 0 })
    expect(ledger.read).toBe(WRITTEN + 4200 + ledger.released)
    expect(ledger.released).toBeGreaterThan(0)
    const counted = partitions.map(({ stream, ledger: own }) => [stream.split('/').at(-1), own.written + own.filtered])
    expect(Object.fromEntries(counted)).toEqual(LINES)
  }, 120_000)
})

kafka.describe('the ledger of a pipeline that two workers share', () => {
  const topic = `ledger-${randomUUID().slice(0, 8)}`
  const broker = kafkaAt(kafka.address)
  afterEach(() => broker.deleteTopic(topic))

  it('is what both have stored, partition by partition', async () => {
    await broker.createTopic(topic, { partitions: 4 })
    const file = await place.write('two.yaml', oceanicConfig({ brokers: kafka.address, url: server.url, topic }))
    const workers = [1, 2].map(() => place.start([file, '--log-format', 'json']))
    const halves = (worker: WorkerProcess): boolean =>
      /"assigned 2 partitions"|"revoked 2 partitions"/.test(worker.output())
    for (const worker of workers) await whileRunning(worker, () => halves(worker), 'half of the partitions')
    await broker.produce(topic, readings(40_000))
    await whileRunning(workers[0]!, () => server.count('kafka_consumer') === 40_000, '40,000 points')
    for (const worker of workers) worker.kill('SIGTERM')
    for (const worker of workers) await expectExit(worker, 0)
    const { addsUp, ledger, states, partitions } = await status(file)
    expect(addsUp).toBe(true)
    expect(ledger).toMatchObject({ read: 40_000, written: 40_000, inFlight: 0 })
    expect(states.map(({ task }) => task.split('@')[1])).toEqual(['0', '1'])
    expect(partitions.map(({ ledger: own }) => own.written)).toEqual([10_000, 10_000, 10_000, 10_000])
  }, 120_000)
})
