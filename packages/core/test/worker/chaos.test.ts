import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { type Converter, RecordError, type RecordBatch } from '../../src/index.ts'
import type { PipelineConfig, TransformStep } from '../../src/config/pipeline-config.ts'
import { bytesConverter } from '../../src/converters/bytes.ts'
import { settledIn } from '../../src/offsets/tally.ts'
import { PipelineRunner } from '../../src/worker/pipeline-runner.ts'
import { chaosEnds } from '../support/chaos-ends.ts'
import { type ChaosSetting, ChaosWorld } from '../support/chaos-world.ts'
import { recordingLogger } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const text: Converter = {
  format: 'chaos',
  schemas: false,
  decode(buffer, start, end) {
    const value = buffer.toString('utf8', start, end)
    if (value === 'undecodable') throw new RecordError('CONVERSION_FAILED', 'not text')
    return value
  },
  encode: (value) => Buffer.from(String(value)),
}

const effects = { readsValues: true, changesValues: true, drops: true, splits: true }

/** Makes of a record its pieces; leaves it to the runtime to find out which can't be read. */
const split: TransformStep = {
  name: 'split',
  effects,
  run: (batch) => {
    const rows: number[] = []
    const values: string[] = []
    for (let row = 0; row < batch.length; row++) {
      const [, pieces] = (batch.value(row) as string).split(':')
      for (const piece of pieces!) {
        rows.push(row)
        values.push(piece)
      }
    }
    return { batch: batch.expand(rows, values) }
  },
}

/** Says of each piece whether it goes on, is left out, or fails. */
const sort: TransformStep = {
  name: 'sort',
  effects,
  run: (batch) => {
    const rows = (piece: string): number[] => all(batch).filter((row) => batch.value(row) === piece)
    const failures = rows('x').map((row) => ({ row, error: new RecordError('TRANSFORM_FAILED', 'x') }))
    return { batch: batch.select(all(batch).filter((row) => !'fx'.includes(batch.value(row) as string))), failures }
  },
}

function all(batch: RecordBatch): number[] {
  return Array.from({ length: batch.length }, (_, row) => row)
}

function configOf(world: ChaosWorld, clock: VirtualClock): PipelineConfig {
  const { setting } = world
  const { source, sink, deadLetters } = chaosEnds(world, clock)
  const converters = { key: bytesConverter, value: text }
  const retry = { initialDelayMs: 5, maxDelayMs: 50, maxAttempts: 0, maxElapsedMs: 0, attemptTimeoutMs: 0 }
  const target = { kind: 'sink', plugin: deadLetters, config: {}, options: {}, describe: 'dead letters' } as const
  return {
    name: 'p',
    source: { plugin: source, config: {}, ...converters },
    transforms: [split, sort],
    sink: {
      plugin: sink,
      config: {},
      ...converters,
      batch: { maxRecords: setting.batchRecords, lingerMs: setting.lingerMs },
      concurrency: undefined,
      parking: undefined,
      retry,
    },
    errors: { tolerance: 'all', deadLetterQueue: setting.deadLetters ? target : undefined },
    limits: { maxRecords: setting.maxInFlight, maxBytes: setting.maxInFlight * 8 },
    restart: { maxRestarts: 100, initialDelayMs: 5, maxDelayMs: 50, resetAfterMs: 60_000 },
    latency: 'balanced',
    delivery: 'at-least-once',
    commitIntervalMs: 20,
  }
}

/** One worker process: runs until the source has ended, or the stop or kill that is due. */
async function live(world: ChaosWorld, stop: ChaosSetting['stops'][number] | undefined): Promise<void> {
  const { setting, sourceStarts: starts } = world
  const clock = new VirtualClock()
  const stopping = new AbortController()
  const hard = new AbortController()
  const ended = new AbortController()
  const logger = recordingLogger()
  const runner = new PipelineRunner({
    worker: 'w',
    pipeline: configOf(world, clock),
    stateStore: world.state,
    parkingLot: undefined,
    clock,
    random: world.random,
    logger,
    metrics: { count() {}, gauge() {}, observe() {} },
    once: false,
    endAfter: undefined,
    stopping: stopping.signal,
    signal: hard.signal,
  })
  const end = (): void => {
    stopping.abort(new Error('stop'))
    if (stop?.kill === true) hard.abort(new Error('kill'))
  }
  if (stop !== undefined) clock.sleep(stop.afterMs, ended.signal).then(end, () => undefined)
  await clock.runUntil(runner.run())
  ended.abort(new Error('ended'))
  const { ledger, state } = runner.snapshot()
  const { read, inFlight, retried: _retried, ...outcomes } = ledger
  expect({ inFlight, state }).toEqual({
    inFlight: 0,
    state: expect.stringMatching(stop ? /ended|stopped|failed/ : /ended/),
  })
  expect(Object.values(outcomes).reduce((sum, count) => sum + count, 0)).toBe(read)
  expect(Math.min(...Object.values(outcomes))).toBeGreaterThanOrEqual(0)
  expect(logger.lines.filter(({ message }) => message.includes('does not add up'))).toEqual([])
  await checkPartitions(world)
  // Where nothing failed, nothing is left for another time.
  if (stop === undefined && world.sourceStarts === starts + 1) {
    expect(world.finished).toBe(true)
    if (setting.rebalances === 0) expect(outcomes.released).toBe(0)
  }
  // What is killed may still be waiting, a process that ends well leaves nothing behind.
  if (stop?.kill !== true && setting.rebalances === 0) expect(clock.sleeping).toBe(0)
}

/** The stored ledger of each partition adds up; who has ended in peace has released what was in flight. */
async function checkPartitions(world: ChaosWorld): Promise<void> {
  const { stored, faults, stops } = world.setting
  const isQuiet = !stored && faults === 0 && stops.every(({ kill }) => !kill)
  const slots = await world.state.read('w-p')
  for (const { ledger } of slots) {
    for (const { stream, partition: _, retried: __, read, ...outcomes } of ledger) {
      const inFlight = read - Object.values(outcomes).reduce((sum, count) => sum + count, 0)
      expect(stream).toBe('t')
      expect(Math.min(...Object.values(outcomes), inFlight)).toBeGreaterThanOrEqual(0)
      if (isQuiet) expect(inFlight).toBe(0)
    }
  }
}

/** How many records of a partition have become something. */
async function countedOf(world: ChaosWorld, partition: number): Promise<number> {
  const entries = (await world.state.read('w-p')).flatMap(({ ledger }) => ledger)
  const own = entries.filter((entry) => entry.partition === partition)
  return own.reduce((sum, entry) => sum + settledIn(entry), 0)
}

async function simulate(setting: ChaosSetting): Promise<void> {
  const world = new ChaosWorld(setting)
  for (const stop of setting.stops) await live(world, stop)
  for (let life = 0; life < 20 && (life === 0 || !world.finished); life++) await live(world, undefined)
  expect(world.violations).toEqual([])
  expect(world.finished).toBe(true)
  const good = world.goodPieces()
  expect([...world.durable].sort()).toEqual(good.sort())
  if (setting.stops.length === 0 && setting.rebalances === 0 && world.sourceStarts === 1) {
    for (const piece of good) expect([piece, world.acknowledged.get(piece)]).toEqual([piece, 1])
    for (const [number, own] of world.topic.entries()) expect(await countedOf(world, number)).toBe(own.length)
  }
  // The ledger that is stored with the positions counts each record once, whatever happened.
  if (setting.stored) {
    for (const [number, own] of world.topic.entries()) expect(await countedOf(world, number)).toBe(own.length)
  }
  if (setting.ordered) expect(inOrder(world)).toBe(true)
}

/** Whether the first writes of each partition came by offset. */
function inOrder(world: ChaosWorld): boolean {
  const reached = new Map<string, number>()
  return [...world.firstWrites].every((piece) => {
    const [partition, offset] = piece.split(/[/#]/)
    const isLater = Number(offset) >= (reached.get(partition!) ?? -1)
    reached.set(partition!, Number(offset))
    return isLater
  })
}

const settings = fc.record<ChaosSetting>({
  seed: fc.integer(),
  partitions: fc.integer({ min: 1, max: 4 }),
  recordsEach: fc.integer({ min: 1, max: 25 }),
  ordered: fc.boolean(),
  concurrency: fc.integer({ min: 1, max: 4 }),
  batchRecords: fc.integer({ min: 1, max: 6 }),
  lingerMs: fc.constantFrom(0, 5, 100),
  maxInFlight: fc.integer({ min: 1, max: 20 }),
  flushes: fc.boolean(),
  deadLetters: fc.boolean(),
  poison: fc.boolean(),
  splits: fc.boolean(),
  faults: fc.constantFrom(0, 3, 12),
  fatal: fc.boolean(),
  rebalances: fc.constantFrom(0, 0, 1, 4),
  stored: fc.boolean(),
  stops: fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 300 }), kill: fc.boolean() }), { maxLength: 3 }),
})

describe('a pipeline through chaos', () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  beforeEach(() => void process.on('unhandledRejection', note))
  afterEach(() => void process.off('unhandledRejection', note))

  it('loses nothing, keeps order where it matters, accounts for every record and always ends', async () => {
    await fc.assert(fc.asyncProperty(settings, simulate), { seed: 20_261, numRuns: 200, endOnFailure: true })
    expect(unhandled).toEqual([])
  }, 60_000)
})
