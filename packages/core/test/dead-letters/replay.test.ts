import { setMaxListeners } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { PartialBatchError, type Positions, RecordError, RetriableError, type SinkTask } from '../../src/index.ts'
import type { PipelineConfig } from '../../src/config/pipeline-config.ts'
import { jsonConverter } from '../../src/converters/json.ts'
import { FileJournal } from '../../src/dead-letters/file-journal.ts'
import type { DeadLetterQueue } from '../../src/dead-letters/queue.ts'
import { type PlanOptions, type ReplayPlan, planReplay, replayChunks } from '../../src/dead-letters/replay-plan.ts'
import { REPLAY_STREAM } from '../../src/dead-letters/replay-position.ts'
import { type ChunkResult, Replayer, type ReplayerOptions } from '../../src/dead-letters/replayer.ts'
import { systemClock } from '../../src/worker/clock.ts'
import { type LetterSetting, letter } from '../support/letters.ts'
import { type TestSink, pipelineConfig, recordingLogger, testSink, testSource } from '../support/pipeline.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const folder = temporaryFolder('replay')
const { signal } = new AbortController()
setMaxListeners(0, signal)
const openJournal = (): Promise<FileJournal> => FileJournal.open(join(folder(), 'q.journal'))

function queueOf(...settings: LetterSetting[]): DeadLetterQueue {
  const letters = settings.map(letter)
  return {
    target: 'q',
    async *read() {
      for (let i = 0; i < letters.length; i += 3) yield { letters: letters.slice(i, i + 3), damaged: [] }
    },
  }
}

const offsets = (...numbers: number[]): LetterSetting[] => numbers.map((offset) => ({ offset }))

interface Setting {
  readonly queue: DeadLetterQueue
  readonly sink: TestSink
  readonly pipeline?: Partial<PipelineConfig>
  readonly replayer?: Partial<ReplayerOptions>
  readonly plan?: Partial<PlanOptions>
}

/** Replays all, as the command does. */
async function replay({ queue, sink, ...changes }: Setting): Promise<{ results: ChunkResult[]; plan: ReplayPlan }> {
  const journal = await openJournal()
  const pipeline = { ...pipelineConfig(testSource({ batches: [] }), sink), ...changes.pipeline }
  const stopping = new AbortController().signal
  const world = { clock: systemClock, random: () => 0, logger: recordingLogger(), stopping, signal }
  const options = { worker: 'w', pipeline, from: 'transforms' as const, journal, ...world, ...changes.replayer }
  const results: ChunkResult[] = []
  try {
    const replayer = await Replayer.open(options)
    try {
      const wanted = { selection: {}, marks: journal.marks, limit: undefined, again: false, signal, ...changes.plan }
      const plan = await planReplay(queue, wanted)
      for await (const chunk of replayChunks(queue, plan, signal)) results.push((await replayer.run(chunk))!)
      return { results, plan }
    } finally {
      await replayer.close()
    }
  } finally {
    await journal.close()
  }
}

describe('a replay', () => {
  it('puts records as they were read, and never twice', async () => {
    const seen: unknown[] = []
    const sink = testSink({
      onPut: (batch) => {
        for (const { timestamp, headers, keyBytes } of batch) seen.push({ timestamp, headers, keyBytes })
      },
    })
    const headers = [{ key: 'h', value: Buffer.from([255]) }]
    const queue = queueOf({ offset: 5, partition: 3, key: Buffer.from([0, 200]), headers }, ...offsets(9, 2))
    await replay({ queue, sink })
    expect(sink.written).toEqual(['t/0/2=v2', 't/0/9=v9', 't/3/5=v5'])
    expect(seen[2]).toEqual({ timestamp: 1_600_000_000_000, headers, keyBytes: Buffer.from([0, 200]) })
    const { plan } = await replay({ queue, sink })
    expect(plan).toMatchObject({ records: new Map(), replayedBefore: 3 })
    expect(sink.written).toHaveLength(3)
    await replay({ queue, sink, plan: { again: true, limit: 1 } })
    expect(sink.written).toHaveLength(4)
  })

  it('takes a record once that was set aside several times, and again when it fails anew', async () => {
    const sink = testSink()
    const twice = [{ offset: 1, failedMs: 1000 }, ...offsets(2), { offset: 1, failedMs: 2000 }]
    await replay({ queue: queueOf(...twice), sink, plan: { selection: { toMs: 1500 } } })
    expect(sink.written).toEqual(['t/0/1=v1'])
    await replay({ queue: queueOf(...twice), sink })
    expect(sink.written).toEqual(['t/0/1=v1', 't/0/2=v2'])
    await replay({ queue: queueOf(...twice, { offset: 1, failedMs: 9_000_000_000_000 }), sink })
    expect(sink.written.at(-1)).toBe('t/0/1=v1')
    expect(sink.written).toHaveLength(3)
  })

  it('counts one attempt more for records that fail again, and tries them the next time', async () => {
    let isCured = false
    const sink = testSink({
      onPut: (batch) => {
        const bad = Array.from(batch, ({ offset }, row) => ({ offset, row })).filter(({ offset }) => offset === 2)
        if (isCured || bad.length === 0) return
        throw new PartialBatchError([{ row: bad[0]!.row, error: new RecordError('RECORD_TOO_LARGE', 'too large') }])
      },
    })
    const queue = queueOf(...offsets(1, 2, 3))
    const { results } = await replay({ queue, sink })
    expect(results).toMatchObject([{ replayed: 2, failed: [{ item: { letter: { offset: 2 } } }] }])
    await replay({ queue, sink })
    const journal = await openJournal()
    const { id } = letter({ offset: 2 })
    expect(journal.marks.of(id)).toMatchObject({
      attempts: 2,
      last: { code: 'RECORD_TOO_LARGE', message: 'too large' },
    })
    await journal.close()
    isCured = true
    expect((await replay({ queue, sink })).results).toMatchObject([{ replayed: 1, failed: [] }])
  })

  it('runs converters and transforms again, or leaves the transforms out', async () => {
    const drop = {
      name: 'odd',
      effects: { readsValues: true, changesValues: false, drops: true, splits: false },
      run: (batch: Parameters<PipelineConfig['transforms'][number]['run']>[0]) => {
        const rows = Array.from(batch, ({ offset }, row) => ({ offset, row })).filter(({ offset }) => offset % 2 === 1)
        return { batch: batch.select(rows.map(({ row }) => row)) }
      },
    }
    const sink = testSink()
    const source = { ...pipelineConfig(testSource({ batches: [] }), sink).source, value: jsonConverter }
    const pipeline = { transforms: [drop], source }
    const queue = queueOf({ offset: 1 }, { offset: 2, value: Buffer.from('2') }, { offset: 3, value: Buffer.from('3') })
    const { results } = await replay({ queue, sink, pipeline })
    expect(results).toMatchObject([{ replayed: 2, filtered: 1, failed: [{ failure: { stage: 'VALUE_CONVERTER' } }] }])
    expect(sink.written).toEqual(['t/0/3=3'])
    await replay({ queue, sink, pipeline, plan: { again: true }, replayer: { from: 'sink' } })
    expect(sink.written).toEqual(['t/0/3=3', 't/0/2=2', 't/0/3=3'])
  })

  it('makes values again of what never was bytes', async () => {
    const made = letter({ offset: 1, value: Buffer.from('{"a":[1.5,null]}') })
    const told = { ...made, errors: { ...made.errors, encoded: 'value' } }
    const queue: DeadLetterQueue = {
      target: 'q',
      async *read() {
        yield { letters: [told], damaged: [] }
      },
    }
    const values: unknown[] = []
    const seeing = testSink({ onPut: (batch) => void values.push(batch.value(0)) })
    await replay({ queue, sink: seeing })
    expect(values).toEqual([{ a: [1.5, null] }])
  })

  it('waits for a sink that is down', async () => {
    const sink = testSink({
      onPut: (_batch, attempt) => {
        if (attempt < 3) throw new RetriableError('UNREACHABLE', 'down')
      },
    })
    await replay({ queue: queueOf(...offsets(1, 2)), sink })
    expect(sink.written).toEqual(['t/0/1=v1', 't/0/2=v2'])
  })

  it('marks nothing of a chunk that a stop or a failure cut short', async () => {
    const queue = queueOf(...offsets(1, 2))
    const stopping = new AbortController()
    const down = testSink({
      onPut: () => {
        stopping.abort()
        throw new RetriableError('UNREACHABLE', 'down')
      },
    })
    const { results } = await replay({ queue, sink: down, replayer: { stopping: stopping.signal } })
    expect(results).toEqual([undefined])
    const broken = testSink({ onPut: () => Promise.reject(new Error('broken')) })
    await expect(replay({ queue, sink: broken })).rejects.toThrow('broken')
    const { plan } = await replay({ queue, sink: testSink() })
    expect(plan.records.size).toBe(2)
  })
})

describe('a replay into a sink that holds positions', () => {
  /** What is behind the last commit is gone after a crash; `killAt` makes a crash of it. */
  function holding(setting: { transactional?: boolean; known?: Positions; killAt?: 'commit' | 'committed' }) {
    const durable = { rows: [] as string[], positions: setting.known ?? [] }
    let killAt = setting.killAt
    const die = (): Promise<never> => Promise.reject(new Error('killed'))
    const pending: string[] = []
    const extras: Partial<SinkTask> = {
      ...(setting.transactional === true && { transactional: true }),
      start: async () => void pending.splice(0),
      put: async (batch) => {
        for (const { offset } of batch) pending.push(`v${offset}`)
      },
      recover: async () => durable.positions,
      commit: async (positions) => {
        if (killAt === 'commit') return die()
        durable.rows.push(...pending.splice(0))
        const names = new Set(positions.map(({ stream }) => stream))
        durable.positions = [...durable.positions.filter(({ stream }) => !names.has(stream)), ...positions]
        if (killAt === 'committed') return die()
      },
    }
    return { sink: testSink({ extras }), durable, cure: () => (killAt = undefined) }
  }

  it.each([
    ['before the commit: takes it again', 'commit' as const, []],
    ['after the commit: knows that it has it', 'committed' as const, ['v1', 'v2']],
  ])('that was killed %s', async (_what, killAt, then) => {
    const { sink, durable, cure } = holding({ transactional: true, killAt })
    const queue = queueOf(...offsets(1, 2))
    await expect(replay({ queue, sink })).rejects.toThrow('killed')
    expect(durable.rows).toEqual(then)
    cure()
    const { plan } = await replay({ queue, sink })
    expect(durable.rows).toEqual(['v1', 'v2'])
    expect(plan.records.size).toBe(killAt === 'commit' ? 2 : 0)
    expect(durable.positions).toMatchObject([{ stream: REPLAY_STREAM, partition: 0 }])
  })

  it('leaves out what the pipeline has not passed: it reads that again itself', async () => {
    const known = [{ stream: 't', partition: 0, position: { offset: 2 } }]
    const { sink, durable } = holding({ known })
    const queue = queueOf(...offsets(1, 2), { offset: 0, partition: 1 })
    const { results } = await replay({ queue, sink })
    expect(results).toMatchObject([{ replayed: 1, notPassed: 2 }])
    expect(durable.rows).toEqual(['v1'])
    expect(durable.positions[0]).toEqual(known[0])
  })
})
