import assert from 'node:assert/strict'
import {
  type Converter,
  type PackedInput,
  type Positions,
  type RecordBatch,
  type SinkConnector,
  type SinkTask,
  type SinkTraits,
  isPartialBatch,
  isRecordError,
  isRetriable,
  packRecords,
} from '@connect-run/core'
import { endConverters } from '@connect-run/core/runtime'
import { within } from './check.ts'
import { testContext } from './context.ts'
import type { SinkDriver, SinkSeed } from './sink-driver.ts'
import { DEADLINE_MS } from './source-run.ts'
import { type Options, configOf } from './validated.ts'

export const STREAM = 'conformance'
const TIMESTAMP = 1_700_000_000_000

/** A started sink that gets batches as from a pipeline with JSON at both ends. */
export class SinkRun {
  readonly task: SinkTask
  readonly traits: SinkTraits
  /** What the sink held when it started; undefined for one that holds no positions. */
  recovered: Positions | undefined
  readonly options: Options
  readonly #driver: SinkDriver

  private constructor(driver: SinkDriver, options: Options, config: unknown) {
    const sink = sinkOf(driver)
    this.#driver = driver
    this.options = options
    this.task = sink.create(config)
    this.traits = sink.traits?.(config) ?? {}
  }

  /** Rejects as `start` does, after `stop`. */
  static async start(driver: SinkDriver, options: Options): Promise<SinkRun> {
    const config: unknown = configOf(sinkOf(driver).config as never, options)
    const run = new SinkRun(driver, options, config)
    try {
      await run.within('start', run.task.start(testContext({ config, streams: [STREAM] })))
      await run.#recover()
    } catch (error) {
      await run.stop()
      throw error
    }
    return run
  }

  /** Rejects where `put` does, or takes too long. */
  async put(batch: RecordBatch, signal: AbortSignal = new AbortController().signal): Promise<void> {
    await this.within('put', this.task.put(batch, signal))
  }

  async putNumbers(from: number, to: number): Promise<void> {
    await this.put(numberedBatch(this.#driver, from, to))
  }

  async flush(): Promise<void> {
    await this.within('flush', this.task.flush?.(new AbortController().signal) ?? Promise.resolve())
  }

  /** What is at the destination once everything taken is durable. */
  async read(): Promise<readonly number[]> {
    await this.flush()
    return this.#driver.read(this.options)
  }

  async stop(): Promise<void> {
    await this.within('stop', this.task.stop())
  }

  /** As the runtime does for partitions that it is about to read. */
  async #recover(): Promise<void> {
    const partitions = [0, 1].map((partition) => ({ stream: STREAM, partition }))
    const recovering = this.task.recover?.({ partitions, stored: [] })
    if (recovering !== undefined) this.recovered = await this.within('recover', recovering)
  }

  within<T>(what: string, promise: Promise<T>): Promise<T> {
    return within(this.#driver.deadlineMs ?? DEADLINE_MS, what, promise)
  }
}

export function sinkOf({ plugin }: Pick<SinkDriver, 'plugin'>): SinkConnector<unknown> {
  assert.ok(plugin.sink !== undefined, `${plugin.name} is no sink`)
  return plugin.sink as unknown as SinkConnector<unknown>
}

/** Records `from` (inclusive) to `to` (exclusive). */
export function numberedBatch(driver: SinkDriver, from: number, to: number): RecordBatch {
  return batchOf(Array.from({ length: to - from }, (_, i) => ({ n: from + i, seed: driver.record(from + i) })))
}

/** Record `n` stands in partition n mod 2 at offset n; all have the same millisecond, as a broker's append time gives it. */
export function batchOf(records: readonly { readonly n: number; readonly seed: SinkSeed }[]): RecordBatch {
  const inputs = records.map(({ n, seed }): PackedInput => {
    const { key = null, value, headers } = seed
    const at = { stream: STREAM, partition: n % 2, offset: n, timestamp: TIMESTAMP }
    return { ...at, key: bytesOf(key), value: bytesOf(value), headers }
  })
  const ends = endConverters(json, json)
  return packRecords(inputs).withCodec({ key: ends, value: ends })
}

const json: Converter = {
  format: 'json',
  schemas: false,
  decode: (buffer, start, end) => JSON.parse(buffer.toString('utf8', start, end)) as unknown,
  encode: (value) => bytesOf(value),
}

function bytesOf(value: unknown): Buffer | null {
  if (value === null || Buffer.isBuffer(value)) return value
  return Buffer.from(JSON.stringify(value))
}

/** The rows that an error of `put` names; fails where it is not one that a batch of this length may give. */
export function rowsNamed(error: unknown, length: number): readonly number[] | 'one of them' {
  if (isRecordError(error)) return 'one of them'
  assert.ok(
    isPartialBatch(error),
    `put of a poison record rejects with a PartialBatchError or RecordError, not ${String(error)}`,
  )
  const rows = error.failures.map(({ row }) => row)
  assert.ok(rows.length > 0, 'a PartialBatchError names rows')
  assert.equal(new Set(rows).size, rows.length, 'a PartialBatchError names a row once')
  for (const { row, error: cause } of error.failures) {
    assert.ok(Number.isInteger(row) && row >= 0 && row < length, `row ${row} is not one of ${length}`)
    assert.ok(isRetriable(cause) || isRecordError(cause), `the error of row ${row} is a RetriableError or RecordError`)
  }
  return rows
}
