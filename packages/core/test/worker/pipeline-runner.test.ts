import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { PartialBatchError, type RecordBatch, RecordError, RetriableError } from '../../src/index.ts'
import {
  committedOffset,
  memoryState,
  partition,
  pipelineConfig,
  records,
  testRunner,
  testSink,
  testSource,
  until,
} from '../support/pipeline.ts'

const down = (): RetriableError => new RetriableError('UNREACHABLE', 'the sink is down')
const poison = (): RecordError => new RecordError('RECORD_REJECTED', 'this one is bad')
const all = { tolerance: 'all', deadLetterQueue: undefined } as const

describe('PipelineRunner', () => {
  it('moves everything, in order, and commits behind it', async () => {
    const source = testSource({ batches: [records(0, 10), records(10, 25)] })
    const sink = testSink({ traits: { ordered: true } })
    const { runner } = testRunner(pipelineConfig(source, sink))
    await runner.run()
    expect(sink.written).toEqual(
      records(0, 25).map((r) => `t/0/${r.offset}=${JSON.stringify(`v${r.offset}`).slice(1, -1)}`),
    )
    expect(committedOffset(source)).toBe(25)
    expect(runner.snapshot()).toMatchObject({ state: 'ended', ledger: { read: 25, written: 25, inFlight: 0 } })
  })

  it('waits for a sink that is down, and loses and doubles nothing', async () => {
    const source = testSource({ batches: [records(0, 10)] })
    const sink = testSink({
      onPut: (_, attempt) => {
        if (attempt <= 3) throw down()
      },
    })
    const { runner, logger } = testRunner(pipelineConfig(source, sink))
    await runner.run()
    expect(sink.puts).toEqual([10, 10, 10, 10])
    expect(sink.written).toHaveLength(10)
    const said = logger.lines.filter((line) => line.message.includes('the sink is down'))
    expect(said).toHaveLength(1)
    expect(logger.lines.some((line) => line.message.includes('works again'))).toBe(true)
  })

  it('never commits past a record that is not written', async () => {
    const source = testSource({ batches: [records(0, 2), records(2, 4)], endless: true })
    const sink = testSink({
      onPut: (batch) => {
        if (batch.offset(0) === 0) throw down()
      },
    })
    const config = pipelineConfig(source, sink, { sink: { batch: { maxRecords: 2, lingerMs: 1 }, concurrency: 2 } })
    const { runner, stop } = testRunner(config)
    const done = runner.run()
    await until(() => sink.written.length === 2, 'the second batch')
    await until(() => source.polls.length > 20)
    stop()
    await done
    expect(source.commits).toEqual([])
    expect(runner.snapshot()).toMatchObject({
      state: 'stopped',
      ledger: { read: 4, written: 2, released: 2, inFlight: 0 },
    })
  })

  it('repeats only the rows that failed', async () => {
    const source = testSource({ batches: [records(0, 5)] })
    const sink = testSink({
      onPut: (_, attempt) => {
        if (attempt === 1)
          throw new PartialBatchError([
            { row: 1, error: down() },
            { row: 3, error: down() },
          ])
      },
    })
    const { runner } = testRunner(pipelineConfig(source, sink))
    await runner.run()
    expect(sink.puts).toEqual([5, 2])
    expect(sink.written).toEqual(['t/0/1=v1', 't/0/3=v3'])
    expect(runner.snapshot().ledger.written).toBe(5)
    expect(committedOffset(source)).toBe(5)
  })

  it('bisects a batch with poison in it: its neighbours are written, it is dropped and counted', async () => {
    const source = testSource({ batches: [records(0, 100)] })
    const bad = new Set([17, 18, 93])
    const sink = testSink({
      onPut: (batch) => {
        for (const r of batch) if (bad.has(r.offset)) throw poison()
      },
    })
    const { runner } = testRunner(pipelineConfig(source, sink, { errors: all }))
    await runner.run()
    expect(sink.written).toHaveLength(97)
    expect(runner.snapshot()).toMatchObject({ state: 'ended', ledger: { read: 100, written: 97, dropped: 3 } })
    expect(committedOffset(source)).toBe(100)
  })

  it('fails before a poison record where nothing is tolerated, and does not restart', async () => {
    const source = testSource({ batches: [records(0, 4), records(4, 8)] })
    const sink = testSink({
      onPut: (batch) => {
        for (const r of batch) if (r.offset === 5) throw poison()
      },
    })
    const config = pipelineConfig(source, sink, {
      sink: { batch: { maxRecords: 4, lingerMs: 1 } },
      restart: { maxRestarts: 5, initialDelayMs: 1, maxDelayMs: 1, resetAfterMs: 1000 },
    })
    const { runner } = testRunner(config)
    await runner.run()
    expect(source.starts).toBe(1)
    expect(committedOffset(source)).toBe(4)
    expect(runner.snapshot().state).toBe('failed')
    expect(runner.snapshot().failure).toMatchObject({
      code: 'RECORD_REJECTED',
      message: expect.stringContaining('t/0/5'),
    })
  })

  it('restarts a failed task from what is committed, by policy', async () => {
    const source = testSource({ batches: [records(0, 3)] })
    const sink = testSink({
      onPut: (_, attempt) => {
        if (attempt <= 2) throw new Error('a defect')
      },
    })
    const restart = { maxRestarts: 5, initialDelayMs: 1, maxDelayMs: 2, resetAfterMs: 60_000 }
    const { runner, logger } = testRunner(pipelineConfig(source, sink, { restart }))
    await runner.run()
    expect(source.starts).toBe(3)
    expect(sink.written).toHaveLength(3)
    expect(runner.snapshot()).toMatchObject({
      state: 'ended',
      ledger: { read: 9, written: 3, released: 6, inFlight: 0 },
    })
    expect(logger.lines.filter((line) => line.message.includes('it restarts'))).toHaveLength(2)
  })

  it('gives up after the restarts that are allowed', async () => {
    const source = testSource({ batches: [records(0, 3)] })
    const sink = testSink({
      onPut: () => {
        throw new Error('a defect')
      },
    })
    const restart = { maxRestarts: 2, initialDelayMs: 1, maxDelayMs: 2, resetAfterMs: 60_000 }
    const { runner } = testRunner(pipelineConfig(source, sink, { restart }))
    await runner.run()
    expect(source.starts).toBe(3)
    expect(runner.snapshot()).toMatchObject({ state: 'failed', problem: 'a defect' })
  })

  it('gives up retrying where the config says so', async () => {
    const source = testSource({ batches: [records(0, 3)] })
    const sink = testSink({
      onPut: () => {
        throw down()
      },
    })
    const retry = { initialDelayMs: 1, maxDelayMs: 2, maxAttempts: 4, maxElapsedMs: 0, attemptTimeoutMs: 0 }
    const { runner } = testRunner(pipelineConfig(source, sink, { sink: { retry } }))
    await runner.run()
    expect(sink.puts).toHaveLength(4)
    expect(runner.snapshot().failure).toMatchObject({ code: 'RETRIES_EXHAUSTED' })
  })

  it('ends an attempt that takes too long and tries again', async () => {
    const source = testSource({ batches: [records(0, 3)] })
    const sink = testSink({
      onPut: (_, attempt, signal) => {
        if (attempt > 1) return
        return new Promise<void>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        })
      },
    })
    const retry = { initialDelayMs: 1, maxDelayMs: 2, maxAttempts: 0, maxElapsedMs: 0, attemptTimeoutMs: 20 }
    const { runner } = testRunner(pipelineConfig(source, sink, { sink: { retry } }))
    await runner.run()
    expect(sink.written).toHaveLength(3)
  })

  it('slows the source down when the sink is slow: what is in flight is bounded', async () => {
    const source = testSource({
      batches: Array.from({ length: 50 }, (_, i) => records(i * 10, i * 10 + 10)),
      endless: true,
    })
    let release = (): void => undefined
    const gate = new Promise<void>((resolve) => (release = resolve))
    const sink = testSink({ onPut: () => gate })
    const config = pipelineConfig(source, sink, { limits: { maxRecords: 35, maxBytes: 1 << 20 } })
    const { runner, stop } = testRunner(config)
    const done = runner.run()
    await until(() => source.polls.filter((limits) => limits.maxRecords === 0).length > 2, 'polls without room')
    expect(runner.snapshot().ledger.inFlight).toBeLessThanOrEqual(40)
    expect(runner.snapshot().ledger.inFlight).toBeGreaterThanOrEqual(20)
    release()
    await until(() => sink.written.length === 500, 'all records')
    stop()
    await done
    expect(committedOffset(source)).toBe(500)
  })

  it('bounds bytes in flight as well', async () => {
    const source = testSource({
      batches: Array.from({ length: 50 }, (_, i) => records(i * 10, i * 10 + 10)),
      endless: true,
    })
    const sink = testSink({
      onPut: (_batch, _attempt, signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('x')))),
    })
    const { runner, kill, stop } = testRunner(
      pipelineConfig(source, sink, { limits: { maxRecords: 1000, maxBytes: 50 } }),
    )
    const done = runner.run()
    await until(() => source.polls.some((limits) => limits.maxRecords === 0), 'a poll without room')
    expect(runner.snapshot().ledger.inFlight).toBeLessThanOrEqual(30)
    stop()
    kill()
    await done
  })

  it('keeps one batch of a partition in flight where order matters, and several partitions at a time', async () => {
    const batches = Array.from({ length: 6 }, (_, i) => [
      ...records(i * 2, i * 2 + 2, 0),
      ...records(i * 2, i * 2 + 2, 1),
    ])
    const source = testSource({ batches })
    const open = new Set<number>()
    const sink = testSink({
      traits: { ordered: true, concurrency: 2 },
      onPut: async (batch) => {
        const mine = new Set(Array.from(batch, (r) => r.partition))
        for (const p of mine) expect(open.has(p)).toBe(false)
        for (const p of mine) open.add(p)
        await new Promise((resolve) => setTimeout(resolve, 2))
        for (const p of mine) open.delete(p)
      },
    })
    const { runner } = testRunner(pipelineConfig(source, sink, { sink: { batch: { maxRecords: 4, lingerMs: 1 } } }))
    await runner.run()
    expect(runner.snapshot()).toMatchObject({ state: 'ended', ledger: { written: 24 } })
    expect(sink.mostRunning).toBe(2)
    for (const p of [0, 1]) {
      const seen = sink.written
        .filter((name) => name.startsWith(`t/${p}/`))
        .map((name) => Number(name.split(/[/=]/)[2]))
      expect(seen).toEqual([...seen].sort((a, b) => a - b))
    }
  })

  it('a graceful stop finishes and commits what is in flight', async () => {
    const source = testSource({ batches: [records(0, 50)], endless: true })
    const sink = testSink({ onPut: () => new Promise((resolve) => setTimeout(resolve, 30)) })
    const { runner, stop } = testRunner(pipelineConfig(source, sink))
    const done = runner.run()
    await until(() => sink.running > 0, 'a running put')
    stop()
    await done
    expect(committedOffset(source)).toBe(50)
    expect(runner.snapshot()).toMatchObject({ state: 'ended', ledger: { read: 50, written: 50, inFlight: 0 } })
  })

  it('a graceful stop does not wait for a sink that is down', async () => {
    const source = testSource({ batches: [records(0, 5)], endless: true })
    const sink = testSink({
      onPut: () => {
        throw down()
      },
    })
    const retry = { initialDelayMs: 600_000, maxDelayMs: 600_000, maxAttempts: 0, maxElapsedMs: 0, attemptTimeoutMs: 0 }
    const { runner, stop } = testRunner(pipelineConfig(source, sink, { sink: { retry } }))
    const done = runner.run()
    await until(() => sink.puts.length > 0)
    stop()
    await done
    expect(source.commits).toEqual([])
    expect(runner.snapshot()).toMatchObject({
      state: 'stopped',
      problem: 'the sink is down',
      failure: { code: 'UNREACHABLE' },
      ledger: { read: 5, released: 5, inFlight: 0 },
    })
  })

  it('flushes the sink, then stores positions with it, then lets them pass', async () => {
    const steps: string[] = []
    const source = testSource({ batches: [records(0, 3)], onCommit: () => void steps.push('source.commit') })
    const sink = testSink({
      extras: {
        flush: async () => void steps.push('sink.flush'),
        commit: async (positions) => void steps.push(`sink.commit ${positions[0]!.position.offset}`),
      },
    })
    const { runner } = testRunner(pipelineConfig(source, sink, { commitIntervalMs: 100_000 }))
    await runner.run()
    expect(steps).toEqual(['sink.flush', 'sink.commit 3', 'source.commit'])
  })

  it('does not let positions pass when the flush fails', async () => {
    const source = testSource({ batches: [records(0, 3)] })
    const sink = testSink({ extras: { flush: () => Promise.reject(new Error('the disk is full')) } })
    const { runner } = testRunner(pipelineConfig(source, sink, { commitIntervalMs: 100_000 }))
    await runner.run()
    expect(source.commits).toEqual([])
    expect(runner.snapshot()).toMatchObject({ state: 'failed', problem: 'the disk is full' })
  })

  it('keeps positions of a source without its own store in the state store', async () => {
    const state = memoryState([{ ...partition(0), position: { offset: 7 } }])
    const source = testSource({ batches: [records(7, 9)], commits: false })
    const { runner } = testRunner(pipelineConfig(source, testSink()), { stateStore: state.store })
    await runner.run()
    expect(source.context?.positions).toEqual([{ ...partition(0), position: { offset: 7 } }])
    expect(state.written[state.written.length - 1]).toEqual([{ ...partition(0), position: { offset: 9 } }])
  })

  it('asks the sink for its positions also where the state store has none, as after a crash before its first write', async () => {
    const asked: unknown[] = []
    const source = testSource({ batches: [], commits: false })
    const recover = async (request: unknown) => {
      asked.push(request)
      return [{ ...partition(0), position: { offset: 5 } }]
    }
    const { runner } = testRunner(pipelineConfig(source, testSink({ extras: { recover } })), {
      stateStore: memoryState([]).store,
    })
    await runner.run()
    expect(asked).toEqual([{ partitions: undefined, stored: [] }])
    expect(source.context?.positions).toEqual([{ ...partition(0), position: { offset: 5 } }])
  })

  it('lets positions held by the sink take precedence', async () => {
    const state = memoryState([{ ...partition(0), position: { offset: 7 } }])
    const source = testSource({ batches: [], commits: false })
    const sink = testSink({ extras: { recover: async () => [{ ...partition(0), position: { offset: 5 } }] } })
    const { runner } = testRunner(pipelineConfig(source, sink), { stateStore: state.store })
    await runner.run()
    expect(source.context?.positions).toEqual([{ ...partition(0), position: { offset: 5 } }])
  })

  it('drains and commits revoked partitions before they are given up, and drops late rows', async () => {
    const source = testSource({
      batches: [[...records(0, 4, 0), ...records(0, 4, 1)], records(4, 6, 1)],
      endless: true,
      onStart: (self) => void self.context!.assigned([partition(0), partition(1)], []),
      onPoll: async (self, poll) => {
        if (poll === 2) await self.context!.revoking([partition(1)])
      },
    })
    const sink = testSink({ onPut: () => new Promise((resolve) => setTimeout(resolve, 20)) })
    const { runner, stop } = testRunner(pipelineConfig(source, sink, { commitIntervalMs: 100_000 }))
    const done = runner.run()
    await until(() => source.polls.length > 5)
    expect(committedOffset(source, 1)).toBe(4)
    stop()
    await done
    expect(sink.written.filter((name) => name.startsWith('t/1/'))).toHaveLength(4)
    expect(runner.snapshot().ledger).toMatchObject({ read: 8, written: 8, released: 0 })
  })

  it('gives revoked partitions up at once while the sink is down', async () => {
    const source = testSource({
      batches: [[...records(0, 4, 0), ...records(0, 4, 1)]],
      endless: true,
      onStart: (self) => void self.context!.assigned([partition(0), partition(1)], []),
    })
    let isDown = true
    const sink = testSink({
      onPut: () => {
        if (isDown) throw down()
      },
    })
    const { runner, stop } = testRunner(
      pipelineConfig(source, sink, {
        commitIntervalMs: 100_000,
        sink: { retry: { initialDelayMs: 40, maxDelayMs: 40, maxAttempts: 0, maxElapsedMs: 0, attemptTimeoutMs: 0 } },
      }),
    )
    const done = runner.run()
    await until(() => sink.puts.length > 0)
    const began = performance.now()
    await source.context!.revoking([partition(1)])
    expect(performance.now() - began).toBeLessThan(5000)
    expect(source.commits).toEqual([])
    isDown = false
    await until(() => sink.written.length > 0)
    stop()
    await done
    expect(sink.written).toEqual(['t/0/0=v0', 't/0/1=v1', 't/0/2=v2', 't/0/3=v3'])
    expect(runner.snapshot().ledger).toMatchObject({ read: 8, written: 4, released: 4, inFlight: 0 })
  })

  it('ends with --once when everything up to the end at the start is read', async () => {
    const ends = [{ ...partition(0), position: { offset: 20 } }]
    const source = testSource({ batches: [records(0, 10), records(10, 20)], endless: true, ends })
    const sink = testSink()
    const { runner } = testRunner(pipelineConfig(source, sink), { once: true })
    await runner.run()
    expect(sink.written).toHaveLength(20)
    expect(committedOffset(source)).toBe(20)
    expect(runner.snapshot()).toMatchObject({ state: 'ended', total: 20 })
  })

  it('skips tombstones where the sink does not want them', async () => {
    const batch = [...records(0, 2), { stream: 't', partition: 0, offset: 2, value: null }]
    const source = testSource({ batches: [batch] })
    const sink = testSink({ traits: { tombstones: 'skip' } })
    const { runner } = testRunner(pipelineConfig(source, sink))
    await runner.run()
    expect(runner.snapshot().ledger).toMatchObject({ read: 3, written: 2, skipped: 1, inFlight: 0 })
    expect(committedOffset(source)).toBe(3)
  })

  it('retries a start that fails for a reason that passes, with a new task', async () => {
    const source = testSource({
      batches: [records(0, 2)],
      onStart: (self) => {
        if (self.starts < 2) throw down()
      },
    })
    const sink = testSink()
    const { runner } = testRunner(pipelineConfig(source, sink))
    await runner.run()
    expect(source.starts).toBe(2)
    expect(sink.written).toHaveLength(2)
  })

  it('stops before more is set aside than is allowed, passes nothing of it, and does not start again', async () => {
    const letters = testSink()
    const source = testSource({ batches: [records(0, 50), records(50, 200)], endless: true })
    const sink = testSink({
      onPut: (batch) => {
        const error = poison()
        throw new PartialBatchError(Array.from(batch, (_, row) => ({ row, error })))
      },
    })
    const target = { kind: 'sink', plugin: letters.plugin, config: {}, options: {}, describe: 'x' } as const
    const deadLetterLimits = { maxRate: { records: 60, windowMs: 60_000 } }
    const errors = { tolerance: 'all', deadLetterQueue: target, deadLetterLimits } as const
    const restart = { maxRestarts: 5, initialDelayMs: 1, maxDelayMs: 2, resetAfterMs: 60_000 }
    const own = { batch: { maxRecords: 50, lingerMs: 1 } }
    const { runner } = testRunner(pipelineConfig(source, sink, { errors, restart, sink: own }))
    await runner.run()
    expect(runner.snapshot()).toMatchObject({ state: 'failed', failure: { code: 'DEAD_LETTER_LIMIT' } })
    expect(letters.written).toHaveLength(50)
    expect(source.starts).toBe(1)
    expect(committedOffset(source)).toBe(50)
  })

  it('writes dead letters to a private file, with original bytes and the reason, before the position passes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'connect-run-'))
    try {
      const path = join(folder, 'dlq', 'p.jsonl')
      const binary = { stream: 't', partition: 0, offset: 3, key: Buffer.from('k'), value: Buffer.from([0xff, 0x00]) }
      const source = testSource({ batches: [[...records(0, 3), binary]] })
      const sink = testSink({
        onPut: (batch) => {
          for (const r of batch) if (r.offset === 3) throw poison()
        },
      })
      const errors = { tolerance: 'all', deadLetterQueue: { kind: 'file', path, maxFileBytes: 1e6 } } as const
      const { runner } = testRunner(pipelineConfig(source, sink, { errors }))
      await runner.run()
      const [line, end] = (await readFile(path, 'utf8')).split('\n')
      expect(end).toBe('')
      const letter = JSON.parse(line!) as { headers: { key: string; value: { utf8: string } }[] }
      expect(letter).toMatchObject({
        stream: 't',
        partition: 0,
        offset: 3,
        key: { utf8: 'k' },
        value: { base64: '/wA=' },
      })
      const headers = Object.fromEntries(
        letter.headers.map(({ key, value }) => [key.replace('__connect.errors.', ''), value.utf8]),
      )
      expect(headers).toMatchObject({
        topic: 't',
        partition: '0',
        offset: '3',
        stage: 'TASK_PUT',
        code: 'RECORD_REJECTED',
        'exception.message': 'this one is bad',
        pipeline: 'w-p',
      })
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      expect(runner.snapshot().ledger).toMatchObject({ read: 4, written: 3, deadLettered: 1 })
      expect(committedOffset(source)).toBe(4)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('does not pass a record that could not be dead-lettered', async () => {
    const source = testSource({ batches: [records(0, 2)] })
    const sink = testSink({
      onPut: () => {
        throw poison()
      },
    })
    const dead = testSink({
      onPut: () => {
        throw poison()
      },
    })
    const target = { kind: 'sink', plugin: dead.plugin, config: {}, options: {}, describe: 'topic x' } as const
    const { runner } = testRunner(
      pipelineConfig(source, sink, { errors: { tolerance: 'all', deadLetterQueue: target } }),
    )
    await runner.run()
    expect(source.commits).toEqual([])
    expect(runner.snapshot().failure).toMatchObject({ code: 'DEAD_LETTER_FAILED' })
  })

  it('takes a record that was split for done when all its pieces are, and counts it once', async () => {
    const source = testSource({ batches: [records(0, 3)] })
    const bad = (record: { offset: number; index: number }): boolean => record.offset === 1 && record.index === 1
    const sink = testSink({
      onPut: (batch) => {
        for (const record of batch) if (bad(record)) throw poison()
      },
    })
    const twice = {
      name: 'twice',
      effects: { readsValues: true, changesValues: true, drops: false, splits: true },
      run: (batch: RecordBatch) => {
        const rows = Array.from({ length: batch.length * 2 }, (_, i) => i >> 1)
        return {
          batch: batch.expand(
            rows,
            rows.map((row, i) => Buffer.from(`${row}.${i % 2}`)),
          ),
        }
      },
    }
    const { runner } = testRunner(pipelineConfig(source, sink, { transforms: [twice], errors: all }))
    await runner.run()
    expect(sink.written).toEqual(['t/0/0=0.0', 't/0/0=0.1', 't/0/1=1.0', 't/0/2=2.0', 't/0/2=2.1'])
    const { ledger } = runner.snapshot()
    expect(ledger).toMatchObject({ read: 3, inFlight: 0 })
    expect(ledger.written + ledger.dropped).toBe(3)
    expect(committedOffset(source)).toBe(3)
  })

  it('tells a run that was stopped before its end from one that ended', async () => {
    const ends = [{ ...partition(0), position: { offset: 20 } }]
    const source = testSource({ batches: [records(0, 10)], endless: true, ends })
    const sink = testSink()
    const { runner, stop } = testRunner(pipelineConfig(source, sink), { once: true })
    const done = runner.run()
    await until(() => sink.written.length === 10)
    stop()
    await done
    expect(runner.snapshot()).toMatchObject({ state: 'stopped', ledger: { written: 10, inFlight: 0 } })
    expect(committedOffset(source)).toBe(10)
  })

  it('shows where an unforeseen error was thrown', async () => {
    const source = testSource({ batches: [records(0, 3)] })
    const sink = testSink({
      onPut: () => {
        throw new TypeError('x is not a function')
      },
    })
    const { runner, logger } = testRunner(pipelineConfig(source, sink))
    await runner.run()
    const said = logger.lines.find((line) => line.level === 'error')!
    expect((said.fields as { stack: string }).stack).toContain('pipeline-runner.test.ts')
  })
})
