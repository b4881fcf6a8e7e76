import assert from 'node:assert/strict'
import { errorKind } from '@connect-run/core'
import { type Check, registerChecks, rejection, within } from './check.ts'
import { watchResources } from './open-resources.ts'
import { hasProbe, probed, probedInVain } from './probe-check.ts'
import type { SeedRecord, SourceDriver } from './source-driver.ts'
import { DEADLINE_MS, type ReadRecord, SourceRun, partitionKey, sourceOf } from './source-run.ts'
import { type Options, configOf } from './validated.ts'

const COUNT = 60
const SLACK_MS = 1000

/** What every source promises, as functions; {@link describeSource} runs them as tests. */
export const sourceChecks: readonly Check<SourceDriver>[] = [
  {
    name: 'reads everything once, in order',
    run: (driver) =>
      withRecords(driver, COUNT, async (options, expected) => {
        await withRun(driver, options, async (run) => {
          await run.read(COUNT)
          if (driver.seed !== undefined) await run.drain()
          assertSame(run.records, expected)
        })
      }),
  },
  {
    name: 'goes on at its positions, with nothing missing and nothing doubled',
    run: (driver) => withRecords(driver, COUNT, (options, expected) => resume(driver, options, expected)),
  },
  {
    name: 'keeps to maxRecords',
    run: (driver) =>
      withRecords(driver, COUNT, async (options, expected) => {
        // The run asserts it at every poll.
        await withRun(driver, options, async (run) => assertSame(await run.read(COUNT, { maxRecords: 7 }), expected))
      }),
  },
  {
    name: 'returns no rows for maxRecords 0, and goes on afterwards',
    run: (driver) =>
      withRecords(driver, COUNT, async (options, expected) => {
        await withRun(driver, options, async (run) => {
          for (let i = 0; i < 3; i++) assert.equal(await run.poll({ maxRecords: 0, maxWaitMs: 20 }), 0)
          await run.read(COUNT / 2)
          assert.equal(await run.poll({ maxRecords: 0, maxWaitMs: 20 }), 0)
          assertSame(await run.read(COUNT), expected)
        })
      }),
  },
  {
    name: 'returns within maxWaitMs when there is nothing',
    appliesTo: isSeeded,
    run: (driver) =>
      withOptions(driver, (options) =>
        withRun(driver, options, async (run) => {
          await run.drain()
          await within(50 + SLACK_MS, 'poll with maxWaitMs 50', run.poll({ maxWaitMs: 50 }))
          assert.equal(run.records.length, 0, 'nothing was there to be read')
        }),
      ),
  },
  {
    name: 'returns soon when its signal aborts',
    appliesTo: isSeeded,
    run: (driver) =>
      withOptions(driver, (options) =>
        withRun(driver, options, async (run) => {
          await run.drain()
          const poll = run.poll({ maxWaitMs: 30_000 }, AbortSignal.timeout(50))
          await within(50 + SLACK_MS, 'poll after its signal had aborted', poll)
        }),
      ),
  },
  {
    name: 'sees records that come later',
    appliesTo: isSeeded,
    run: (driver) =>
      withOptions(driver, (options) =>
        withRun(driver, options, async (run) => {
          await run.drain()
          if (run.ended) return
          const records = numbered(10)
          await driver.seed?.(options, records)
          assertSame(await run.read(10), inLanes(records))
        }),
      ),
  },
  {
    name: 'ends with --once, by EndOfSource or by its end positions',
    appliesTo: isSeeded,
    run: (driver) =>
      withRecords(driver, COUNT, async (options, expected) => {
        const run = await SourceRun.start(driver, options, { once: true })
        try {
          assertSame(await run.read(COUNT), expected)
          await run.drain()
          const ends = run.ended ? [] : await run.endPositions()
          assert.ok(ends !== undefined, 'it has neither thrown EndOfSource nor endPositions')
          for (const end of ends) {
            const reached = run.positions.find((position) => partitionKey(position) === partitionKey(end))
            assert.ok(
              end.position.offset === 0 || (reached?.position.offset ?? -1) >= end.position.offset,
              `${end.stream}/${end.partition} ends at ${end.position.offset} and was read to ${reached?.position.offset}`,
            )
          }
        } finally {
          await run.stop()
        }
      }),
  },
  content('reads values of any language', undefined, [json('naïve café 日本語 🎉 \u202Eright to left')]),
  content('reads large values', 'largestValueBytes', ({ carries }) => [
    json('x'.repeat((carries?.largestValueBytes ?? 0) - 20)),
    json('next'),
  ]),
  content('reads empty values', 'emptyValues', [json('before'), seed({ value: Buffer.alloc(0) }), json('after')]),
  content('reads tombstones', 'tombstones', [
    json('before'),
    seed({ key: Buffer.from('k'), value: null }),
    json('after'),
  ]),
  content('reads keys, and records without one', 'keys', [
    seed({ key: Buffer.from('key 日本'), value: Buffer.from('1') }),
    seed({ value: Buffer.from('2') }),
    seed({ key: Buffer.from([0x66, 0xff, 0x00, 0x67]), value: Buffer.from('3') }),
  ]),
  content('reads headers, in order and with doubles', 'headers', [
    seed({
      value: Buffer.from('1'),
      headers: [
        { key: 'a', value: Buffer.from('1') },
        { key: 'b', value: Buffer.from('é') },
        { key: 'a', value: Buffer.from('2') },
      ],
    }),
    seed({ value: Buffer.from('2') }),
  ]),
  {
    name: 'leaves nothing open and every position when its config is probed',
    appliesTo: (driver) => hasProbe(driver, 'source'),
    run: (driver) =>
      withRecords(driver, COUNT, async (options, expected) => {
        await probed({ driver, side: 'source', options })
        await withRun(driver, options, async (run) => assertSame(await run.read(COUNT), expected))
      }),
  },
  {
    name: 'says what is wrong when a config is probed without the other side',
    appliesTo: (driver) => driver.unreachable !== undefined && hasProbe(driver, 'source'),
    run: async (driver) => probedInVain({ driver, side: 'source', options: await driver.unreachable!() }),
  },
  {
    name: 'can be stopped after a failed start',
    appliesTo: (driver) => driver.unreachable !== undefined,
    run: async (driver) => {
      const resources = watchResources(driver.deadlineMs)
      const options = await driver.unreachable!()
      const source = sourceOf(driver)
      const config: unknown = configOf(source.config as never, options)
      // `start` of SourceRun stops the task before it rejects.
      const error = await rejection(SourceRun.start(driver, options), 'start where the other side is not there')
      assert.notEqual(errorKind(error), 'record', 'a failed start is not about a record')
      const unstarted = source.create(config)
      await within(driver.deadlineMs ?? DEADLINE_MS, 'stop without start', unstarted.stop())
      await resources.assertAllClosed()
    },
  },
  {
    name: 'frees everything when it stops',
    run: (driver) =>
      withRecords(driver, COUNT, async (options) => {
        const resources = watchResources(driver.deadlineMs)
        await withRun(driver, options, async (run) => {
          await run.read(COUNT / 2)
        })
        await resources.assertAllClosed()
      }),
  },
]

/** Registers all checks of a source as tests. */
export function describeSource(name: string, driver: SourceDriver): void {
  registerChecks(`${name} source conforms`, sourceChecks, driver)
}

/** Reads some in small polls, stops, and reads the rest with a new task. */
async function resume(driver: SourceDriver, options: Options, expected: Lanes): Promise<void> {
  const first = await SourceRun.start(driver, options)
  try {
    await first.read(23, { maxRecords: 5 })
    await first.commit()
  } finally {
    await first.stop()
  }
  const second = await SourceRun.start(driver, options, { positions: first.positions })
  try {
    await second.read(COUNT - 23)
    if (driver.seed !== undefined) await second.drain()
    assertSame([...first.records, ...second.records], expected)
  } finally {
    await second.stop()
  }
}

function content(
  name: string,
  carried: keyof NonNullable<SourceDriver['carries']> | undefined,
  seeds: readonly SeedRecord[] | ((driver: SourceDriver) => readonly SeedRecord[]),
): Check<SourceDriver> {
  return {
    name,
    appliesTo: (driver) => isSeeded(driver) && (carried === undefined || Boolean(driver.carries?.[carried])),
    run: (driver) =>
      withOptions(driver, async (options) => {
        const records = typeof seeds === 'function' ? seeds(driver) : seeds
        await driver.seed?.(options, records)
        await withRun(driver, options, async (run) => {
          const read = await run.read(records.length)
          assert.deepEqual(read.map(contentOf), records.map(contentOf))
        })
      }),
  }

  function contentOf({ key, value, headers }: SeedRecord | ReadRecord): readonly unknown[] {
    return [text(key), text(value), headers.map((header) => [header.key, text(header.value)])]
  }
}

function isSeeded(driver: SourceDriver): boolean {
  return driver.seed !== undefined
}

function seed(record: Partial<SeedRecord>): SeedRecord {
  return { partition: 0, key: null, value: null, headers: [], ...record }
}

function json(value: string): SeedRecord {
  return seed({ value: Buffer.from(JSON.stringify({ text: value })) })
}

function numbered(count: number): SeedRecord[] {
  return Array.from({ length: count }, (_, n) => seed({ partition: n % 2, value: Buffer.from(`{"n":${n}}`) }))
}

/** Values in the order in which they must come. */
interface Lane {
  readonly values: readonly string[]
  /** The partition that has exactly these; left out, a source may read them as any partition, or share them out. */
  readonly partition?: string
}

type Lanes = readonly Lane[]

function inLanes(records: readonly SeedRecord[]): Lanes {
  return [0, 1].map((lane) => ({
    values: records.filter(({ partition }) => partition === lane).map(({ value }) => text(value)),
  }))
}

/** Every value once, and those of a lane in their order within each partition that they came in. */
function assertSame(read: readonly ReadRecord[], lanes: Lanes): void {
  const expected = lanes.flatMap(({ values }) => values)
  const values = read.map(({ value }) => text(value))
  assert.deepEqual(values.toSorted(), expected.toSorted(), 'every record is read, and read once')
  for (const partition of new Set(read.map(partitionKey))) {
    const inPartition = read.filter((record) => partitionKey(record) === partition).map(({ value }) => text(value))
    for (const lane of lanes) assertOrder(inPartition, lane, partition)
  }
}

function assertOrder(inPartition: readonly string[], lane: Lane, partition: string): void {
  if (lane.partition !== undefined && lane.partition !== partition) return
  const ours = new Set(lane.values)
  const order = inPartition.filter((value) => ours.has(value))
  const kept = new Set(order)
  const expected = lane.values.filter((value) => kept.has(value))
  assert.deepEqual(order, expected, `order within partition ${partition}`)
}

function text(bytes: Buffer | null): string {
  return bytes === null ? 'null' : `${bytes.length}:${bytes.toString('latin1')}`
}

async function withOptions(driver: SourceDriver, use: (options: Options) => Promise<void>): Promise<void> {
  const options = await driver.options()
  try {
    await use(options)
  } finally {
    await driver.cleanUp?.(options)
  }
}

/** Seeded records, or what the source makes when nothing interrupts it. */
function withRecords(
  driver: SourceDriver,
  count: number,
  use: (options: Options, expected: Lanes) => Promise<void>,
): Promise<void> {
  return withOptions(driver, async (options) => {
    if (driver.seed !== undefined) {
      const records = numbered(count)
      await driver.seed(options, records)
      await use(options, inLanes(records))
      return
    }
    let made: readonly ReadRecord[] = []
    await withRun(driver, options, async (run) => {
      made = await run.read(count)
    })
    const partitions = [...new Set(made.map(partitionKey))]
    const lane = (partition: string): Lane => ({
      partition,
      values: made.filter((record) => partitionKey(record) === partition).map(({ value }) => text(value)),
    })
    await use(options, partitions.map(lane))
  })
}

async function withRun(driver: SourceDriver, options: Options, use: (run: SourceRun) => Promise<void>): Promise<void> {
  const run = await SourceRun.start(driver, options)
  try {
    await use(run)
  } finally {
    await run.stop()
  }
}
