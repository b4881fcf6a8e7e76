import { describe, expect, it } from '@jest/globals'
import {
  type ConnectorPlugin,
  EndOfSource,
  type Positions,
  RetriableError,
  type SinkTask,
  type SinkTraits,
  type SourceContext,
  type SourceTask,
  sinkConnector,
  sourceConnector,
} from '../../src/index.ts'
import { systemClock } from '../../src/worker/clock.ts'
import { partition, pipelineConfig, records, testRunner, testSink, testSource, until } from '../support/pipeline.ts'

const PARTITIONS = 3
const schema = { type: 'object', properties: {} } as const

/** What a transactional system holds: a log that readers see, and where to go on, changed together. */
class Log {
  readonly rows: string[] = []
  readonly next = new Map<number, number>()
  commits = 0
  aborted = 0

  get positions(): Positions {
    return [...this.next].map(([number, offset]) => ({ stream: 't', partition: number, position: { offset } }))
  }
}

interface SinkSetting {
  readonly traits?: SinkTraits
  /** Called in each put, with how many there were in all lives. */
  readonly onPut?: (put: number) => Promise<void> | void
  /** Called in each commit before it counts. */
  readonly onCommit?: () => Promise<void> | void
}

/** A sink of transactions that finds out when what it is promised is not kept. */
function transactionalSink(
  log: Log,
  setting: SinkSetting = {},
): ConnectorPlugin & { broken: string[]; running: number } {
  const sink = { broken: [] as string[], running: 0 }
  let puts = 0
  const create = (): SinkTask => {
    const open: { partition: number; offset: number }[] = []
    let committing = false
    return {
      transactional: true,
      async start() {},
      async recover() {
        return log.positions
      },
      async put(batch) {
        if (committing) sink.broken.push('a put during a commit')
        sink.running++
        try {
          await setting.onPut?.(++puts)
          await systemClock.sleep(Math.random() * 3)
          for (const record of batch) open.push({ partition: record.partition, offset: record.offset })
        } finally {
          sink.running--
        }
      },
      async commit(positions) {
        committing = true
        if (sink.running > 0) sink.broken.push('a commit during a put')
        await setting.onCommit?.()
        const next = new Map(log.next)
        for (const entry of positions) next.set(entry.partition, entry.position.offset)
        for (let number = 0; number < PARTITIONS; number++) {
          const put = open.filter((row) => row.partition === number).map(({ offset }) => offset)
          const covered = (next.get(number) ?? 0) - (log.next.get(number) ?? 0)
          if (put.length !== covered) sink.broken.push(`${put.length} put and ${covered} covered of ${number}`)
        }
        log.rows.push(...open.splice(0).map((row) => `${row.partition}/${row.offset}`))
        for (const [number, offset] of next) log.next.set(number, offset)
        log.commits++
        committing = false
      },
      async stop() {
        if (open.length > 0) log.aborted++
      },
    }
  }
  const connector = sinkConnector({ description: 'test', config: schema, create, traits: () => setting.traits ?? {} })
  return Object.assign(sink, { name: 'test', description: 'a test', sink: connector })
}

/** `count` records in each of three partitions, from where it is told to go on. */
function numbers(count: number): { plugin: ConnectorPlugin; context: () => SourceContext<unknown> } {
  let context: SourceContext<unknown> | undefined
  const create = (): SourceTask => {
    const next = Array.from({ length: PARTITIONS }, () => 0)
    return {
      async start(given) {
        context = given
        for (const entry of given.positions) next[entry.partition] = entry.position.offset
      },
      async poll({ maxRecords }) {
        if (next.every((offset) => offset === count)) throw new EndOfSource()
        const share = Math.floor(maxRecords / PARTITIONS)
        return next.flatMap((from, number) => {
          const to = Math.min(count, from + Math.min(share, 7 + number))
          next[number] = to
          return records(from, to, number)
        })
      },
      async stop() {},
    }
  }
  const source = sourceConnector({ description: 'test', config: schema, create })
  return { plugin: { name: 'test', description: 'a test', source }, context: () => context! }
}

function expectOnce({ rows }: Log, count: number): void {
  for (let number = 0; number < PARTITIONS; number++) {
    const mine = rows.filter((row) => row.startsWith(`${number}/`))
    expect(mine).toEqual(Array.from({ length: count }, (_, offset) => `${number}/${offset}`))
  }
}

const limits = { maxRecords: 100, maxBytes: 1 << 20 }
const restart = { maxRestarts: 20, initialDelayMs: 1, maxDelayMs: 1, resetAfterMs: 60_000 }

describe('a sink of transactions', () => {
  it.each([
    ['one put at a time', { ordered: true }],
    ['several', { ordered: true, concurrency: 3 }],
  ] satisfies [string, SinkTraits][])(
    'gets positions that cover exactly what it was given, with %s',
    async (_, traits) => {
      const log = new Log()
      const sink = transactionalSink(log, { traits: { ...traits, batch: { maxRecords: 10, lingerMs: 1 } } })
      const source = numbers(600)
      const config = pipelineConfig(source as never, { plugin: sink } as never, { commitIntervalMs: 5, limits })
      const { runner } = testRunner(config)
      await runner.run()
      expect(runner.snapshot()).toMatchObject({ state: 'ended', ledger: { written: 600 * PARTITIONS } })
      expect(sink.broken).toEqual([])
      expect(log.commits).toBeGreaterThan(3)
      expectOnce(log, 600)
    },
  )

  it('is given up with its open transaction when a put fails, and goes on from the last that was committed', async () => {
    const log = new Log()
    const onPut = (put: number): void => {
      if ([5, 23, 41].includes(put)) throw new Error('a defect')
    }
    const sink = transactionalSink(log, { traits: { concurrency: 3, batch: { maxRecords: 10, lingerMs: 1 } }, onPut })
    const config = pipelineConfig(numbers(200) as never, { plugin: sink } as never, {
      commitIntervalMs: 5,
      restart,
      limits,
    })
    const { runner } = testRunner(config)
    await runner.run()
    expect(runner.snapshot().state).toBe('ended')
    expect(sink.broken).toEqual([])
    expect(log.aborted).toBeGreaterThan(0)
    expect(log.rows).toHaveLength(200 * PARTITIONS)
    expect(new Set(log.rows).size).toBe(200 * PARTITIONS)
  })

  it('is given up when a commit fails: it is not made again with more', async () => {
    const log = new Log()
    let failures = 0
    const onCommit = (): void => {
      if (failures++ === 1) throw new Error('fenced')
    }
    const sink = transactionalSink(log, { traits: { batch: { maxRecords: 10, lingerMs: 1 } }, onCommit })
    const config = pipelineConfig(numbers(200) as never, { plugin: sink } as never, {
      commitIntervalMs: 5,
      restart,
      limits,
    })
    await testRunner(config).runner.run()
    expect(log.aborted).toBe(1)
    expectOnce(log, 200)
  })

  it('commits nothing of what a stop has cut short', async () => {
    const log = new Log()
    let failing = false
    const onPut = (put: number): void => {
      if (put <= 3) return
      failing = true
      throw new RetriableError('TIMEOUT', 'not now')
    }
    const sink = transactionalSink(log, { traits: { batch: { maxRecords: 10, lingerMs: 1 } }, onPut })
    const config = pipelineConfig(numbers(200) as never, { plugin: sink } as never, { commitIntervalMs: 3_600_000 })
    const { runner, stop } = testRunner(config)
    const done = runner.run()
    await until(() => failing)
    stop()
    await done
    expect([log.rows, log.commits, log.aborted]).toEqual([[], 0, 1])
  })

  it.each([
    ['taken away', async (context: SourceContext<unknown>) => context.lost([partition(0)])],
    ['given up before they are committed', (context: SourceContext<unknown>) => context.revoking([partition(0)])],
  ])('has its transaction aborted when partitions are %s', async (_, takeAway) => {
    const log = new Log()
    let answer = (): void => undefined
    const onPut = (): Promise<void> => new Promise((resolve) => (answer = resolve))
    const sink = transactionalSink(log, { onPut })
    const source = testSource({ batches: [[...records(0, 3, 0), ...records(0, 3, 1)]], endless: true, commits: false })
    const sleep = (ms: number, signal?: AbortSignal): Promise<void> => systemClock.sleep(Math.min(ms, 20), signal)
    const monotonic = (): number => systemClock.monotonic() * 100
    const config = pipelineConfig(source, { plugin: sink } as never, { commitIntervalMs: 5 })
    const { runner, kill } = testRunner(config, { clock: { ...systemClock, sleep, monotonic } })
    const done = runner.run()
    await until(() => sink.running > 0)
    await source.context!.assigned([partition(0)], [])
    await takeAway(source.context!)
    answer()
    await until(() => runner.snapshot().state === 'failed').finally(kill)
    await done
    expect(runner.snapshot()).toMatchObject({ state: 'failed', failure: { code: 'FENCED' } })
    expect([log.rows, log.commits]).toEqual([[], 0])
  })

  it('is what a pipeline must have that is to deliver exactly once', async () => {
    const source = testSource({ batches: [records(0, 3)] })
    const { runner } = testRunner(pipelineConfig(source, testSink(), { delivery: 'exactly-once' }))
    await runner.run()
    expect(runner.snapshot()).toMatchObject({ state: 'failed', failure: { code: 'PLUGIN_INVALID' } })
    expect(source.starts).toBe(0)
  })
})
