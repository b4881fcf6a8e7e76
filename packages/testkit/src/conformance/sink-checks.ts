import assert from 'node:assert/strict'
import { type Positions, isPartialBatch, isRetriable } from '@connect-run/core'
import { type Check, registerChecks, rejection, within } from './check.ts'
import { watchResources } from './open-resources.ts'
import { hasProbe, probed, probedInVain, probedUntilAborted } from './probe-check.ts'
import type { SinkDriver } from './sink-driver.ts'
import { STREAM, SinkRun, batchOf, numberedBatch, rowsNamed, sinkOf } from './sink-run.ts'
import { DEADLINE_MS } from './source-run.ts'
import { type Options, configOf } from './validated.ts'

const LARGE = 2000

/** What every sink promises, as functions; {@link describeSink} runs them as tests. */
export const sinkChecks: readonly Check<SinkDriver>[] = [
  {
    name: 'writes every record, in order within a partition',
    run: (driver) =>
      withRun(driver, async (run) => {
        await run.putNumbers(0, 10)
        await run.putNumbers(10, 11)
        await run.putNumbers(11, 40)
        assertWritten(await run.read(), numbers(0, 40), run.traits.ordered === true)
      }),
  },
  {
    name: 'writes a large batch',
    run: (driver) =>
      withRun(driver, async (run) => {
        await run.putNumbers(0, LARGE)
        assertWritten(await run.read(), numbers(0, LARGE), run.traits.ordered === true)
      }),
  },
  {
    name: 'writes the rows of a view, and no others',
    run: (driver) =>
      withRun(driver, async (run) => {
        const batch = numberedBatch(driver, 0, 20)
        await run.put(batch.select([3, 4, 9, 16]))
        await run.put(batch.slice(17, 20).select([0, 2]))
        assertWritten(await run.read(), [3, 4, 9, 16, 17, 19], run.traits.ordered === true)
      }),
  },
  {
    name: 'takes as many puts at a time as it says',
    run: (driver) =>
      withRun(driver, async (run) => {
        const { concurrency = 1, ordered = false } = run.traits
        const batch = numberedBatch(driver, 0, concurrency * 10)
        // An ordered sink gets one batch of a partition at a time, and there are two partitions.
        const count = ordered ? Math.min(concurrency, 2) : concurrency
        const shares = Array.from({ length: count }, (_, i) => numbers(0, batch.length).filter((n) => n % count === i))
        await Promise.all(shares.map((rows) => run.put(batch.select(rows))))
        assertWritten(await run.read(), numbers(0, batch.length), ordered)
      }),
  },
  {
    name: 'writes tombstones unless it skips them',
    run: (driver) =>
      withRun(driver, async (run) => {
        // The runtime keeps them from a sink that skips them.
        if (run.traits.tombstones === 'skip') return
        const tombstone = { n: 1, seed: { ...driver.record(1), value: null } }
        const batch = batchOf([{ n: 0, seed: driver.record(0) }, tombstone, { n: 2, seed: driver.record(2) }])
        await run.put(batch)
        const written = await run.read()
        assertWritten(
          written.filter((n) => n !== 1),
          [0, 2],
          run.traits.ordered === true,
        )
      }),
  },
  {
    name: 'changes nothing when a batch comes again, if it says so',
    run: (driver) =>
      withOptions(driver, async (options) => {
        const first = await SinkRun.start(driver, options)
        const { idempotent = false } = first.traits
        try {
          await first.putNumbers(0, 20)
          if (!idempotent) return
          await first.putNumbers(0, 20)
          assertWritten(await first.read(), numbers(0, 20), false)
        } finally {
          await first.stop()
        }
        // One that holds positions is not given again what it holds.
        if (first.recovered !== undefined) return
        const second = await SinkRun.start(driver, options)
        try {
          await second.putNumbers(10, 30)
          assertWritten(await second.read(), numbers(0, 30), false)
        } finally {
          await second.stop()
        }
      }),
  },
  {
    name: 'rejects a put whose signal has aborted',
    run: (driver) =>
      withRun(driver, async (run) => {
        await rejection(run.put(numberedBatch(driver, 0, 10), AbortSignal.abort()), 'put with an aborted signal')
        await run.putNumbers(10, 20)
        const written = await run.read()
        assertWritten(
          written.filter((n) => n >= 10),
          numbers(10, 20),
          run.traits.ordered === true,
        )
      }),
  },
  {
    name: 'gives up a put soon when its signal aborts',
    appliesTo: (driver) => driver.hang !== undefined,
    run: (driver) =>
      withOptions(driver, async (options) => {
        const run = await SinkRun.start(driver, options)
        const resume = await driver.hang!(options)
        try {
          const put = run.put(numberedBatch(driver, 0, 10), AbortSignal.timeout(50))
          await within(2000, 'put after its signal had aborted', rejection(put, 'put with an aborted signal'))
        } finally {
          await resume()
          await run.stop()
        }
      }),
  },
  {
    name: 'names a record that can never be written',
    appliesTo: (driver) => driver.poison !== undefined,
    run: (driver) =>
      withRun(driver, async (run) => {
        const batch = batchOf(numbers(0, 10).map((n) => ({ n, seed: n === 6 ? driver.poison!(n) : driver.record(n) })))
        // As a view, so that rows of the batch and rows of its columns differ.
        const good = await putPoisoned(run, batch.select([2, 3, 6, 7, 8]), 2)
        const written = await run.read()
        assert.ok(!written.includes(6), 'the poison record was written')
        if (good) assertWritten(written, [2, 3, 7, 8], run.traits.ordered === true)
      }),
  },
  {
    name: 'names a poison record that is alone',
    appliesTo: (driver) => driver.poison !== undefined,
    run: (driver) =>
      withRun(driver, async (run) => {
        const error = await rejection(run.put(batchOf([{ n: 0, seed: driver.poison!(0) }])), 'put of a poison record')
        const rows = rowsNamed(error, 1)
        assert.ok(rows === 'one of them' || rows[0] === 0)
        await run.putNumbers(1, 5)
        assertWritten(await run.read(), numbers(1, 5), run.traits.ordered === true)
      }),
  },
  {
    name: 'recovers the positions that it holds',
    run: (driver) =>
      withOptions(driver, async (options) => {
        const positions: Positions = [0, 1].map((partition) => ({
          stream: STREAM,
          partition,
          position: { offset: 11 - partition },
        }))
        const first = await SinkRun.start(driver, options)
        try {
          const held = first.recovered
          assert.equal(held === undefined, first.task.commit === undefined, 'recover and commit come together')
          if (held === undefined) return
          assert.deepEqual(held, [], 'a new destination holds no positions')
          await first.putNumbers(0, 11)
          await first.flush()
          await first.within('commit', first.task.commit!(positions, []))
          // Taken and not committed: recovering cuts it off.
          await first.putNumbers(11, 15)
        } finally {
          await first.stop()
        }
        const second = await SinkRun.start(driver, options)
        try {
          assert.deepEqual(
            second.recovered?.toSorted((a, b) => a.partition - b.partition),
            positions,
          )
          assertWritten(await second.read(), numbers(0, 11), second.traits.ordered === true)
        } finally {
          await second.stop()
        }
      }),
  },
  {
    name: 'writes nothing when it is probed',
    run: (driver) =>
      withRun(driver, async (run) => {
        if (run.task.probe === undefined) return
        await run.within('probe', run.task.probe(new AbortController().signal))
        assert.deepEqual(await run.read(), [])
      }),
  },
  {
    name: 'leaves nothing open and nothing written when its config is probed',
    appliesTo: (driver) => hasProbe(driver, 'sink'),
    run: (driver) =>
      withRun(driver, async (run) => {
        await probed({ driver, side: 'sink', options: run.options, streams: [STREAM] })
        assert.deepEqual(await run.read(), [])
      }),
  },
  {
    name: 'says what is wrong when a config is probed without the other side',
    appliesTo: (driver) => driver.unreachable !== undefined && hasProbe(driver, 'sink'),
    run: async (driver) => probedInVain({ driver, side: 'sink', options: await driver.unreachable!() }),
  },
  {
    name: 'gives up a probe soon when its signal aborts',
    appliesTo: (driver) => driver.hang !== undefined && hasProbe(driver, 'sink'),
    run: (driver) =>
      withOptions(driver, async (options) => {
        const resume = await driver.hang!(options)
        try {
          await probedUntilAborted({ driver, side: 'sink', options })
        } finally {
          await resume()
        }
      }),
  },
  {
    name: 'asks for another attempt where the other side is not there',
    appliesTo: (driver) => driver.unreachable !== undefined,
    run: async (driver) => {
      const resources = watchResources(driver.deadlineMs)
      const options = await driver.unreachable!()
      const error = await rejection(startAndPut(driver, options), 'start or put without the other side')
      const rows = isPartialBatch(error) ? error.failures.map((failure) => failure.error) : [error]
      assert.ok(rows.every(isRetriable), `it must reject with a RetriableError, not ${String(error)}`)
      await resources.assertAllClosed()
    },
  },
  {
    name: 'can be stopped without having been started',
    run: (driver) =>
      withOptions(driver, async (options) => {
        const resources = watchResources(driver.deadlineMs)
        const sink = sinkOf(driver)
        const task = sink.create(configOf(sink.config as never, options))
        await within(driver.deadlineMs ?? DEADLINE_MS, 'stop without start', task.stop())
        await resources.assertAllClosed()
      }),
  },
  {
    name: 'frees everything when it stops',
    run: (driver) =>
      withOptions(driver, async (options) => {
        const resources = watchResources(driver.deadlineMs)
        const run = await SinkRun.start(driver, options)
        try {
          await run.putNumbers(0, 20)
        } finally {
          await run.stop()
        }
        await resources.assertAllClosed()
      }),
  },
]

/** Registers all checks of a sink as tests. */
export function describeSink(name: string, driver: SinkDriver): void {
  registerChecks(`${name} sink conforms`, sinkChecks, driver)
}

/** Whether the sink named the row, so that all others are written. */
async function putPoisoned(run: SinkRun, batch: ReturnType<typeof batchOf>, row: number): Promise<boolean> {
  const rows = rowsNamed(await rejection(run.put(batch), 'put of a poison record'), batch.length)
  if (rows === 'one of them') return false
  assert.deepEqual(rows, [row], 'only the poison record is named')
  return true
}

async function startAndPut(driver: SinkDriver, options: Options): Promise<void> {
  const run = await SinkRun.start(driver, options)
  try {
    await run.putNumbers(0, 1)
    await run.flush()
  } finally {
    await run.stop()
  }
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}

/** Each number once; numbers of one partition in their order, if order matters to the sink. */
function assertWritten(found: readonly number[], expected: readonly number[], ordered: boolean): void {
  const sorted = found.toSorted((a, b) => a - b)
  assert.deepEqual(sorted, expected, 'every record is written, and written once')
  if (!ordered) return
  for (const partition of [0, 1]) {
    const inPartition = (n: number): boolean => n % 2 === partition
    assert.deepEqual(found.filter(inPartition), expected.filter(inPartition), `order within partition ${partition}`)
  }
}

async function withOptions(driver: SinkDriver, use: (options: Options) => Promise<void>): Promise<void> {
  const options = await driver.options()
  try {
    await use(options)
  } finally {
    await driver.cleanUp?.(options)
  }
}

function withRun(driver: SinkDriver, use: (run: SinkRun) => Promise<void>): Promise<void> {
  return withOptions(driver, async (options) => {
    const run = await SinkRun.start(driver, options)
    try {
      await use(run)
    } finally {
      await run.stop()
    }
  })
}
