import { describe, expect, it } from '@jest/globals'
import { PartialBatchError, type RecordBatch, RecordError, RetriableError } from '../../src/index.ts'
import type { RetryConfig } from '../../src/config/pipeline-config.ts'
import { Delivery } from '../../src/delivery/delivery.ts'
import { SinkCalls } from '../../src/delivery/sink-calls.ts'
import { AckTracker } from '../../src/offsets/ack-tracker.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { Health } from '../../src/worker/health.ts'
import { LedgerBook } from '../../src/worker/ledger.ts'
import { recordingLogger, records } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const down = (retryAfterMs?: number): RetriableError =>
  new RetriableError('UNREACHABLE', 'down', retryAfterMs === undefined ? {} : { retryAfterMs })

/** One call of the sink: which batch (they have one record each), and when. */
interface Call {
  readonly batch: number
  readonly atMs: number
}

interface Setting {
  readonly retry?: Partial<RetryConfig>
  readonly random?: () => number
}

/** Delivers batches of one record each; `put` throws what is wrong, and takes 10 ms. */
function world(put: (call: Call) => unknown, { retry = {}, random = () => 1 }: Setting = {}) {
  const clock = new VirtualClock()
  const logger = recordingLogger()
  const tracker = new AckTracker()
  const stopping = new AbortController()
  const hard = new AbortController()
  const made: Call[] = []
  const gauges: number[] = []
  const open = { now: 0, most: 0 }
  const metrics = {
    count() {},
    observe() {},
    gauge: (name: string, value: number) => void (name === 'sink_breaker_open' && gauges.push(value)),
  }
  const shared = {
    retry: { initialDelayMs: 100, maxDelayMs: 1000, maxAttempts: 0, maxElapsedMs: 0, attemptTimeoutMs: 0, ...retry },
    metrics,
    logger,
    clock,
    random,
    stopping: stopping.signal,
    signal: hard.signal,
  }
  const take = async (batch: RecordBatch): Promise<void> => {
    const call = { batch: batch.offset(0), atMs: clock.monotonic() }
    made.push(call)
    open.most = Math.max(open.most, ++open.now)
    await clock.sleep(10)
    open.now--
    const error = put(call)
    if (error !== undefined) throw error
  }
  const calls = new SinkCalls({ ...shared, sink: { put: take } })
  const health = new Health('sink', recordingLogger(), clock)
  const ledger = new LedgerBook(metrics, 'p')
  const reject = (): Promise<boolean> => Promise.resolve(true)
  const delivery = new Delivery({ ...shared, calls, tracker, ledger, health, reject, park: undefined })
  const deliver = (count: number): Promise<boolean[]> => {
    const batches = Array.from({ length: count }, (_, n) =>
      tracker.register(packSourceRecords(records(n, n + 1, n), 't')),
    )
    return Promise.all(batches.map((batch) => delivery.deliver(batch)))
  }
  const restMs = (): number => clock.monotonic()
  return { calls, clock, deliver, gauges, hard, logger, made, open, restMs, stopping, tracker }
}

/** The calls after the first `count`. */
function after(made: readonly Call[], count: number): readonly Call[] {
  return made.slice(count)
}

describe('Breaker', () => {
  it('makes one call at a time while the sink fails, and lets all go on when it works again', async () => {
    const until = 3000
    const { calls, clock, deliver, made, open } = world(({ atMs }) => (atMs < until ? down() : undefined))
    await expect(clock.runUntil(deliver(8))).resolves.toEqual(Array.from({ length: 8 }, () => true))
    expect(open.most).toBe(8)
    // The first calls of all were under way when it broke.
    const later = after(made, 8)
    const probes = later.filter(({ atMs }) => atMs < until)
    expect(probes.every(({ atMs }, i) => i === 0 || atMs > probes[i - 1]!.atMs)).toBe(true)
    expect(probes.length).toBeLessThan(8)
    // The one that succeeds, and then all others at once.
    const [first, ...rest] = later.filter(({ atMs }) => atMs >= until)
    expect(new Set(rest.map(({ atMs }) => atMs))).toEqual(new Set([first!.atMs + 10]))
    expect(rest).toHaveLength(7)
    expect([calls.breaker, clock.sleeping]).toEqual(['closed', 0])
  })

  it('waits longer with each probe that fails, up to the longest delay', async () => {
    const { clock, deliver, made } = world(({ atMs }) => (atMs < 5000 ? down() : undefined))
    await clock.runUntil(deliver(4))
    const probes = after(made, 4)
    const pauses = probes.map(({ atMs }, i) => atMs - (i === 0 ? made[0]!.atMs : probes[i - 1]!.atMs) - 10)
    expect(pauses.slice(0, 6)).toEqual([100, 200, 400, 800, 1000, 1000])
  })

  it('probes with a different batch each time: one with a trouble of its own does not hold up the others', async () => {
    const { clock, deliver, made } = world(({ batch, atMs }) => (atMs < 500 || batch === 0 ? down() : undefined), {
      retry: { maxAttempts: 30 },
    })
    const outcome = Promise.allSettled([deliver(3)])
    await clock.runUntil(outcome)
    const done = made.filter(({ batch, atMs }) => batch !== 0 && atMs >= 500)
    expect(new Set(done.map(({ batch }) => batch))).toEqual(new Set([1, 2]))
  })

  it('learns nothing from rows that are refused again, neither that the sink fails nor that it works', async () => {
    const { calls, clock, tracker } = world(({ batch }) => {
      return batch < 3 ? down() : new PartialBatchError([{ row: 0, error: down() }])
    })
    const call = (batch: number): Promise<unknown> => {
      const rows = tracker.register(packSourceRecords(records(batch, batch + 1), 't'))
      return calls.call(rows, { turn: { isProbe: false }, attempt: 1, areRefused: batch >= 3 })
    }
    await clock.runUntil(Promise.all([3, 4, 5].map(call)))
    expect(calls.breaker).toBe('closed')
    // The last of them is under way when it breaks.
    await clock.runUntil(Promise.all([0, 1, 2, 3].map(call)))
    expect(calls.breaker).toBe('open')
  })

  it('takes a pause that the other side asks for as the least, for all of them', async () => {
    const { clock, deliver, made } = world(({ atMs, batch }) => {
      if (atMs === 0 && batch === 0) return down(7000)
      return atMs < 7000 && batch === 0 ? down() : undefined
    })
    await clock.runUntil(deliver(1))
    expect(made.map(({ atMs }) => atMs)).toEqual([0, 7110])
    const without = world(({ atMs }) => (atMs < 7000 ? down(7000) : undefined), { random: () => 0 })
    await without.clock.runUntil(without.deliver(3))
    expect(after(without.made, 3).map(({ atMs }) => atMs)).toEqual([7010, 7020, 7020])
  })

  it('keeps the longest pause that calls under way were asked for', async () => {
    const { clock, deliver, made } = world(({ atMs, batch }) => (atMs === 0 ? down([1000, 60_000][batch]) : undefined))
    await clock.runUntil(deliver(2))
    expect(made[2]!.atMs).toBeGreaterThanOrEqual(60_010)
  })

  it('takes an answer about records for a sink that works', async () => {
    const poison = new RecordError('RECORD_REJECTED', 'poison')
    const answers = [poison, new PartialBatchError([{ row: 0, error: poison }])]
    for (const answer of answers) {
      const { calls, clock, deliver, gauges } = world(({ atMs }) => (atMs < 1000 ? down() : answer))
      await clock.runUntil(deliver(4))
      expect(gauges.at(-1)).toBe(0)
      expect(calls.breaker).toBe('closed')
    }
  })

  it('takes a batch of which no row was written for a failure of the whole', async () => {
    const none = (): PartialBatchError => new PartialBatchError([{ row: 0, error: down() }])
    const { clock, deliver, gauges } = world(({ atMs }) => (atMs < 1000 ? none() : undefined))
    await clock.runUntil(deliver(4))
    expect(gauges).toContain(1)
  })

  it('is not taken for stuck by who looks while a batch is on its way to the sink', async () => {
    const { calls, clock, deliver } = world(() => undefined)
    const outcome = deliver(1)
    expect(calls.stuck).toBe(false)
    await Promise.resolve()
    expect(calls.stuck).toBe(false)
    await clock.runUntil(outcome)
  })

  it('is said once, and shown', async () => {
    const { calls, clock, deliver, gauges, logger, stopping } = world(() => down())
    const outcome = deliver(5)
    await clock.runUntil(clock.sleep(10_000))
    expect(gauges[0]).toBe(0)
    expect(['open', 'probing']).toContain(calls.breaker)
    expect(gauges.at(-1)).toBe(1)
    const said = logger.lines.filter(({ level }) => level === 'warn')
    expect(said.map(({ message }) => message)).toEqual([
      'writes wait, and one at a time tries whether the sink works again',
    ])
    expect(said[0]!.fields).toMatchObject({ code: 'UNREACHABLE', failures: 3 })
    stopping.abort(new Error('stop'))
    await expect(clock.runUntil(outcome)).resolves.toEqual(Array.from({ length: 5 }, () => false))
  })

  it('counts probes that fail for all that wait, so that a limit is reached as soon as without it', async () => {
    const byAttempts = world(() => down(), { retry: { maxAttempts: 6 } })
    await expect(byAttempts.clock.runUntil(byAttempts.deliver(4))).rejects.toMatchObject({ code: 'RETRIES_EXHAUSTED' })
    expect(byAttempts.made).toHaveLength(4 + 5)
    const byTime = world(() => down(), { retry: { maxElapsedMs: 2000 } })
    await expect(byTime.clock.runUntil(byTime.deliver(4))).rejects.toMatchObject({ code: 'RETRIES_EXHAUSTED' })
    expect(byTime.restMs()).toBeLessThan(3500)
  })

  it('lets another one probe when the rows of the one whose turn it is were given up', async () => {
    const { calls, clock, deliver, made, tracker } = world(({ atMs }) => (atMs < 500 ? down() : undefined), {
      retry: { initialDelayMs: 1000 },
    })
    const outcome = deliver(4)
    await clock.runUntil(clock.sleep(100))
    expect(calls.stuck).toBe(true)
    tracker.release([0, 1, 2].map((partition) => ({ stream: 't', partition })))
    await expect(clock.runUntil(outcome)).resolves.toEqual([true, true, true, true])
    expect(after(made, 4).map(({ batch }) => batch)).toEqual([3])
  })

  it('lets whoever comes after the pause probe at once', async () => {
    const { clock, deliver, made, tracker, calls } = world(({ atMs }) => (atMs < 500 ? down() : undefined))
    const first = deliver(3)
    await clock.runUntil(clock.sleep(50))
    tracker.release([0, 1, 2].map((partition) => ({ stream: 't', partition })))
    await clock.runUntil(first)
    expect(calls.breaker).toBe('open')
    await clock.runUntil(clock.sleep(5000))
    tracker.assign([{ stream: 't', partition: 0 }])
    await expect(clock.runUntil(deliver(1))).resolves.toEqual([true])
    expect(made).toHaveLength(4)
    expect(calls.breaker).toBe('closed')
  })
})
