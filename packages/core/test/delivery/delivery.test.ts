import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from '@jest/globals'
import { PartialBatchError, type RecordBatch, RecordError, RetriableError } from '../../src/index.ts'
import type { RetryConfig } from '../../src/config/pipeline-config.ts'
import { Delivery, type Tried } from '../../src/delivery/delivery.ts'
import { SinkCalls } from '../../src/delivery/sink-calls.ts'
import { AckTracker } from '../../src/offsets/ack-tracker.ts'
import type { StageFailure } from '../../src/pipeline/stage.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { Health } from '../../src/worker/health.ts'
import { LedgerBook } from '../../src/worker/ledger.ts'
import { recordingLogger, records } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const down = (): RetriableError => new RetriableError('UNREACHABLE', 'down')
const poison = (): RecordError => new RecordError('RECORD_REJECTED', 'poison')
const metrics = { count() {}, gauge() {}, observe() {} }

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

type Put = (offsets: number[], attempt: number, clock: VirtualClock, signal: AbortSignal) => Promise<void> | void

/** Delivers ten records; `put` throws what is wrong with the offsets that it is given. */
function delivering(put: Put, limits: Partial<RetryConfig> = {}) {
  const clock = new VirtualClock()
  const logger = recordingLogger()
  const tracker = new AckTracker()
  const stopping = new AbortController()
  const hard = new AbortController()
  const puts: number[][] = []
  const rejected: { offset: number; attempts: number }[] = []
  const stages: string[] = []
  const firstFailures: (number | undefined)[] = []
  const retry = {
    initialDelayMs: 100,
    maxDelayMs: 100,
    maxAttempts: 0,
    maxElapsedMs: 0,
    attemptTimeoutMs: 0,
    ...limits,
  }
  const ends = { stopping: stopping.signal, signal: hard.signal }
  const calls = new SinkCalls({
    sink: {
      put: async (batch, signal) => {
        puts.push(Array.from(batch, ({ offset }) => offset))
        await put(puts[puts.length - 1]!, puts.length, clock, signal)
      },
    },
    retry,
    metrics,
    logger,
    clock,
    random: () => 1,
    ...ends,
  })
  const delivery = new Delivery({
    calls,
    tracker,
    ledger: new LedgerBook(metrics, 'p'),
    retry,
    health: new Health('sink', recordingLogger(), clock),
    metrics,
    clock,
    random: () => 1,
    reject: async (failures: readonly StageFailure[], { attempts, firstFailureMs }: Tried) => {
      firstFailures.push(firstFailureMs)
      for (const { batch, row } of failures) rejected.push({ offset: batch.offset(row), attempts })
      for (const { stage } of failures) stages.push(stage)
      for (const { batch, row } of failures) tracker.settle(batch, [row])
      return true
    },
    park: undefined,
    ...ends,
  })
  const polled = (from: number, to: number): RecordBatch => tracker.register(packSourceRecords(records(from, to), 't'))
  const deliver = (): Promise<boolean> => clock.runUntil(delivery.deliver(polled(0, 10)))
  return {
    logger,
    calls,
    delivery,
    deliver,
    polled,
    clock,
    tracker,
    stopping,
    hard,
    puts,
    rejected,
    stages,
    firstFailures,
  }
}

describe('Delivery', () => {
  it('tries a batch with poison in it by halves, in order, and says how often a record was tried', async () => {
    const { deliver, puts, rejected, tracker } = delivering((offsets) => {
      if (offsets.includes(6)) throw poison()
    })
    await expect(deliver()).resolves.toBe(true)
    expect(puts.filter((offsets) => !offsets.includes(6))).toEqual([[0, 1, 2, 3, 4], [5], [7, 8, 9]])
    expect(rejected).toEqual([{ offset: 6, attempts: 4 }])
    expect(tracker.records).toBe(0)
  })

  it("tells a value that the sink found out it can't convert from one that it can't write", async () => {
    const { deliver, stages } = delivering((_, attempt) => {
      const unreadable = new RecordError('CONVERSION_FAILED', 'not JSON')
      const failures = [
        { row: 2, error: poison() },
        { row: 3, error: unreadable },
      ]
      if (attempt === 1) throw new PartialBatchError(failures)
    })
    await deliver()
    expect(stages).toEqual(['TASK_PUT', 'VALUE_CONVERTER'])
  })

  it('knows when a record failed first, and not when it was given up', async () => {
    const began = new VirtualClock().now()
    const { deliver, clock, rejected, firstFailures } = delivering(async (offsets, put, time) => {
      if (put === 1) await time.sleep(50)
      if (put < 4) throw new RetriableError('UNREACHABLE', 'down')
      if (offsets.includes(6)) throw new RecordError('RECORD_REJECTED', 'bad')
    })
    await deliver()
    expect(rejected).toMatchObject([{ offset: 6 }])
    expect(clock.now()).toBeGreaterThan(began + 300)
    expect(firstFailures).toEqual([began + 50])
  })

  it('holds nothing of an attempt that is over, whatever the sink leaves at its signal', async () => {
    const left: WeakRef<AbortSignal>[] = []
    const limits = { attemptTimeoutMs: 2000 }
    const at = delivering((_offsets, _put, _clock, signal) => {
      signal.addEventListener('abort', () => undefined)
      left.push(new WeakRef(signal))
    }, limits)
    for (let n = 0; n < 10; n++) await at.delivery.deliver(at.polled(n, n + 1))
    await nextTurn()
    collectGarbage()
    expect(left).toHaveLength(10)
    expect(left.filter((signal) => signal.deref() !== undefined)).toEqual([])
  })

  it('does not take the search for poison for failed attempts', async () => {
    const failed = new Set<string>()
    const { deliver } = delivering(
      (offsets) => {
        if (offsets.includes(6)) throw poison()
        // Each half is refused once for a reason that passes.
        if (failed.has(offsets.join())) return
        failed.add(offsets.join())
        throw down()
      },
      { maxAttempts: 2 },
    )
    await expect(deliver()).resolves.toBe(true)
  })

  it('counts attempts and time from the first failure since something was written', async () => {
    const oneByOne: Put = (offsets) => {
      if (offsets.length > 1)
        throw new PartialBatchError(offsets.slice(1).map((_, i) => ({ row: i + 1, error: down() })))
    }
    await expect(delivering(oneByOne, { maxAttempts: 2 }).deliver()).resolves.toBe(true)
    await expect(delivering(oneByOne, { maxElapsedMs: 150 }).deliver()).resolves.toBe(true)
    const slow: Put = async (_, attempt, clock) => {
      await clock.sleep(1000)
      if (attempt === 1) throw down()
    }
    await expect(delivering(slow, { maxElapsedMs: 500 }).deliver()).resolves.toBe(true)
  })

  it('gives up after the attempts or the time that are allowed', async () => {
    const limits: Partial<RetryConfig>[] = [{ maxAttempts: 3 }, { maxElapsedMs: 200 }]
    for (const limit of limits) {
      const { deliver, puts } = delivering(() => {
        throw down()
      }, limit)
      await expect(deliver()).rejects.toMatchObject({ code: 'RETRIES_EXHAUSTED' })
      expect(puts).toHaveLength(3)
    }
  })

  it('gives up an attempt that takes too long, and tries again', async () => {
    const signals: AbortSignal[] = []
    const { deliver, clock, logger } = delivering(
      async (_offsets, attempt, time, signal) => {
        signals.push(signal)
        if (attempt === 1) await time.sleep(60_000, signal)
      },
      { attemptTimeoutMs: 2000 },
    )
    await expect(deliver()).resolves.toBe(true)
    expect(clock.monotonic()).toBe(2100)
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    expect(clock.sleeping).toBe(0)
    expect(logger.lines.filter(({ level }) => level === 'warn')).toEqual([])
  })

  it('takes nothing for written when the sink names rows that are not there', async () => {
    for (const row of [10, -1, 0.5, Number.NaN]) {
      const { deliver, tracker } = delivering(() => {
        throw new PartialBatchError([{ row, error: down() }])
      })
      await expect(deliver()).rejects.toThrow(`row ${row} of a batch of 10`)
      expect(tracker.records).toBe(10)
    }
  })

  it('fails with the reason when a row failed for one that does not pass, whatever the others say', async () => {
    const fatal = new Error('a defect') as RetriableError
    const { deliver, tracker } = delivering(() => {
      throw new PartialBatchError([
        { row: 1, error: down() },
        { row: 2, error: fatal },
      ])
    })
    await expect(deliver()).rejects.toBe(fatal)
    expect(tracker.records).toBe(2)
  })

  it('writes nothing more after a failure, and ends its waits', async () => {
    const { calls, delivery, polled, hard, puts, clock } = delivering(() => {
      throw down()
    })
    const waiting = delivery.deliver(polled(0, 1))
    await new Promise(setImmediate)
    expect(calls.stuck).toBe(true)
    hard.abort(new Error('failed'))
    await expect(waiting).resolves.toBe(false)
    await expect(delivery.deliver(polled(1, 2))).resolves.toBe(false)
    expect([puts, clock.sleeping]).toEqual([[[0]], 0])
  })

  it('makes no further attempt once a stop is under way, and goes on with nothing that stands behind', async () => {
    const { delivery, polled, stopping, puts } = delivering(() => {
      throw down()
    })
    stopping.abort(new Error('stop'))
    await expect(delivery.deliver(polled(0, 1))).resolves.toBe(false)
    await expect(delivery.deliver(polled(1, 2))).resolves.toBe(false)
    expect(puts).toEqual([[0]])
  })

  it('says during a stop as well what can not pass', async () => {
    const { deliver, stopping } = delivering(() => {
      throw new Error('a defect')
    })
    stopping.abort(new Error('stop'))
    await expect(deliver()).rejects.toThrow('a defect')
  })

  it('repeats nothing of partitions that were given up meanwhile', async () => {
    const { delivery, polled, tracker, clock, puts } = delivering(() => {
      throw down()
    })
    const waiting = delivery.deliver(polled(0, 3))
    await new Promise(setImmediate)
    tracker.release([{ stream: 't', partition: 0 }])
    await expect(clock.runUntil(waiting)).resolves.toBe(true)
    expect(puts).toHaveLength(1)
  })

  it('says that the sink does not answer, once a minute', async () => {
    const { deliver, logger, clock } = delivering(async (_offsets, _attempt, time) => time.sleep(150_000))
    await expect(deliver()).resolves.toBe(true)
    const warnings = logger.lines.filter(({ level }) => level === 'warn').map(({ message }) => message)
    expect(warnings).toEqual(['the sink has not answered for 60 s', 'the sink has not answered for 120 s'])
    expect(clock.sleeping).toBe(0)
  })
})
