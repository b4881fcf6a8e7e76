import { describe, expect, it } from '@jest/globals'
import { type Clock, RetriableError } from '../../src/index.ts'
import { systemClock } from '../../src/worker/clock.ts'
import { pipelineConfig, records, testRunner, testSink, testSource, until } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** Seconds pass in milliseconds; what waits for an hour waits. */
const fast = {
  ...systemClock,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms < 3_600_000 ? Math.min(ms, 5) : ms, signal),
}

const some = { batches: [records(0, 3)], endless: true }

describe('a task that is ended at once', () => {
  type Ends = [
    string,
    (never: () => Promise<never>) => [Parameters<typeof testSource>[0], Parameters<typeof testSink>[0]],
  ]
  const hangs: Ends[] = [
    ['a start', (onStart) => [{ ...some, onStart }, {}]],
    ['a poll', (onPoll) => [{ ...some, onPoll }, {}]],
    ['a put', (onPut) => [some, { onPut }]],
    ['a commit', (onCommit) => [{ ...some, onCommit }, {}]],
    ['a flush', (flush) => [some, { extras: { flush } }]],
    ['a stop of the sink', (stop) => [some, { extras: { stop } }]],
  ]

  it.each(hangs)('ends though %s hangs and ignores its signal', async (_, endsOf) => {
    let hung = false
    const [source, sink] = endsOf(() => ((hung = true), new Promise(() => undefined)))
    const reads = testSource(source)
    const config = pipelineConfig(reads, testSink(sink), { commitIntervalMs: 3_600_000 })
    const { runner, stop, kill } = testRunner(config, { clock: fast })
    const done = runner.run()
    await until(() => hung || reads.polls.length > 2)
    stop()
    await until(() => hung)
    kill()
    await done
    const { ledger, state } = runner.snapshot()
    expect(state).toMatch(/ended|stopped/)
    expect(ledger).toMatchObject({ inFlight: 0 })
    expect(ledger.written + ledger.released).toBe(ledger.read)
  })
})

describe('a sink', () => {
  it('is not stopped under a put that ends when it is told to', async () => {
    const clock = new VirtualClock()
    const steps: string[] = []
    const onPut = async (_batch: unknown, _attempt: unknown, signal: AbortSignal): Promise<void> => {
      steps.push('put')
      await clock.sleep(60_000, signal).catch(() => clock.sleep(100))
      steps.push('put has ended')
      signal.throwIfAborted()
    }
    const sink = testSink({ onPut, extras: { stop: async () => void steps.push('stop') } })
    const { runner, stop, kill } = testRunner(pipelineConfig(testSource(some), sink), { clock })
    const done = runner.run()
    await clock.runUntil(clock.sleep(50))
    stop()
    kill()
    await clock.runUntil(done)
    expect(steps).toEqual(['put', 'put has ended', 'stop'])
    expect(clock.monotonic()).toBeLessThan(1000)
  })
})

describe('a task that fails', () => {
  it('restarts at once though another batch waits for a long retry', async () => {
    const clock = new VirtualClock()
    let failures = 0
    const sink = testSink({
      traits: { ordered: true, concurrency: 2 },
      onPut: async (batch) => {
        if (failures > 0) return
        if (batch.partition(0) === 1) throw new RetriableError('THROTTLED', 'slowly', { retryAfterMs: 3_600_000 })
        await clock.sleep(10)
        failures++
        throw new Error('a defect')
      },
    })
    const source = testSource({ batches: [[...records(0, 2, 0), ...records(0, 2, 1)]] })
    const restart = { maxRestarts: 1, initialDelayMs: 1, maxDelayMs: 1, resetAfterMs: 60_000 }
    const { runner } = testRunner(pipelineConfig(source, sink, { restart }), { clock })
    await clock.runUntil(runner.run())
    expect(runner.snapshot()).toMatchObject({ state: 'ended', ledger: { written: 4, released: 4 } })
    expect(clock.monotonic()).toBeLessThan(1000)
    expect(clock.sleeping).toBe(0)
  })

  it('does not count twice what a put writes that ends too late', async () => {
    const clock = new VirtualClock()
    let answer = (): void => undefined
    const sink = testSink({
      traits: { ordered: true, concurrency: 2 },
      onPut: (batch) => {
        if (batch.partition(0) === 1) throw new Error('a defect')
        return new Promise<void>((resolve) => (answer = resolve))
      },
    })
    const source = testSource({ batches: [[...records(0, 2, 0), ...records(0, 2, 1)]] })
    const { runner } = testRunner(pipelineConfig(source, sink), { clock })
    await clock.runUntil(runner.run())
    expect(clock.monotonic()).toBeGreaterThanOrEqual(10_000)
    answer()
    await new Promise(setImmediate)
    expect(runner.snapshot()).toMatchObject({
      state: 'failed',
      ledger: { read: 4, released: 4, written: 0, inFlight: 0 },
    })
  })
})

describe('a task that ends', () => {
  it('leaves no timer behind, however long batches may linger', async () => {
    const clock = new VirtualClock()
    const source = testSource({ batches: [records(0, 3)] })
    const config = pipelineConfig(source, testSink(), { sink: { batch: { lingerMs: 3_600_000 } } })
    const { runner } = testRunner(config, { clock })
    await clock.runUntil(runner.run())
    expect(runner.snapshot()).toMatchObject({ state: 'ended', ledger: { written: 3 } })
    expect([clock.monotonic() < 1000, clock.sleeping]).toEqual([true, 0])
  })

  it('asks an idle source less often, also one that takes a moment to say that there is nothing', async () => {
    const clock = new VirtualClock()
    const source = testSource({ batches: Array.from({ length: 1000 }, () => []), onPoll: () => clock.sleep(2) })
    const { runner, stop } = testRunner(pipelineConfig(source, testSink()), { clock })
    const done = runner.run()
    await clock.runUntil(clock.sleep(1000))
    stop()
    await clock.runUntil(done)
    expect(source.polls.length).toBeLessThan(40)
  })

  it('reports nothing in flight', async () => {
    const gauges = new Map<string, number>()
    const metrics = { count() {}, observe() {}, gauge: (name: string, value: number) => void gauges.set(name, value) }
    const source = testSource({ batches: [records(0, 3)] })
    await testRunner(pipelineConfig(source, testSink()), { metrics }).runner.run()
    expect([gauges.get('in_flight_records'), gauges.get('in_flight_bytes')]).toEqual([0, 0])
  })

  it('reports no trouble that is over', async () => {
    let commits = 0
    const source = testSource({
      batches: [records(0, 3)],
      endless: true,
      onCommit: () => {
        if (commits++ === 0) throw new RetriableError('CONNECTION_LOST', 'gone')
      },
    })
    const { runner, stop } = testRunner(pipelineConfig(source, testSink()))
    const done = runner.run()
    await until(() => runner.snapshot().problem === 'gone')
    stop()
    await done
    expect(runner.snapshot()).toMatchObject({ state: 'ended', problem: undefined })
  })
})

describe('commits', () => {
  it.each([
    ['a second where the source keeps its positions', true, 1000],
    ['a tenth of a second where the state store does', false, 100],
  ])('come every %s', async (_, commits, intervalMs) => {
    const slept: number[] = []
    const clock: Clock = { ...systemClock, sleep: (ms, signal) => (slept.push(ms), systemClock.sleep(ms, signal)) }
    const config = pipelineConfig(testSource({ batches: [], commits }), testSink(), { commitIntervalMs: undefined })
    await testRunner(config, { clock }).runner.run()
    expect(slept.filter((ms) => ms === 100 || ms === 1000)).toEqual([intervalMs])
  })
})
