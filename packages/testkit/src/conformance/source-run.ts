import assert from 'node:assert/strict'
import {
  type ConnectorPlugin,
  type Header,
  type PartitionPosition,
  type PollLimits,
  type PollResult,
  type Positions,
  type RecordBatch,
  type SourceConnector,
  type SourceTask,
  isEndOfSource,
} from '@connect-run/core'
import { packSourceRecords } from '@connect-run/core/runtime'
import { within } from './check.ts'
import { testContext } from './context.ts'
import type { SourceDriver } from './source-driver.ts'
import { type Options, configOf } from './validated.ts'

export interface ReadRecord {
  readonly stream: string
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
}

export interface RunOptions {
  readonly positions?: Positions
  readonly once?: boolean
}

export const DEADLINE_MS = 10_000
const POLL_MS = 100
const MAX_BYTES = 64 * 1024 * 1024

/** A started source whose every poll is held to the contract. */
export class SourceRun {
  readonly records: ReadRecord[] = []
  readonly #task: SourceTask
  readonly #plugin: ConnectorPlugin
  readonly #deadlineMs: number
  readonly #positions = new Map<string, PartitionPosition>()
  readonly #lastOffsets = new Map<string, number>()
  #ended = false

  private constructor(task: SourceTask, driver: SourceDriver) {
    this.#task = task
    this.#plugin = driver.plugin
    this.#deadlineMs = driver.deadlineMs ?? DEADLINE_MS
  }

  /** Rejects as `start` does, after `stop`. */
  static async start(
    driver: SourceDriver,
    options: Options,
    { positions = [], once = false }: RunOptions = {},
  ): Promise<SourceRun> {
    const source = sourceOf(driver)
    const config: unknown = configOf(source.config as never, options)
    const task = source.create(config)
    const run = new SourceRun(task, driver)
    // A source that keeps its own positions learns them from where it stored them.
    const context = testContext({ config, once, positions: task.commit === undefined ? positions : [] })
    try {
      await within(run.#deadlineMs, 'start', task.start(context))
    } catch (error) {
      await run.stop()
      throw error
    }
    return run
  }

  get positions(): Positions {
    return [...this.#positions.values()]
  }

  /** Whether the source said that nothing will follow. */
  get ended(): boolean {
    return this.#ended
  }

  /** One poll. Its records are added to `records`. */
  async poll(limits: Partial<PollLimits> = {}, signal: AbortSignal = new AbortController().signal): Promise<number> {
    const { maxRecords = 1000, maxBytes = MAX_BYTES, maxWaitMs = POLL_MS } = limits
    let result: PollResult
    try {
      const polled = this.#task.poll({ maxRecords, maxBytes, maxWaitMs }, signal)
      result = await within(maxWaitMs + this.#deadlineMs, 'poll', polled)
    } catch (error) {
      if (!isEndOfSource(error)) throw error
      this.#ended = true
      return 0
    }
    const batch = asBatch(result, this.#plugin.name)
    assert.ok(batch.length <= maxRecords, `poll returned ${batch.length} records of at most ${maxRecords}`)
    for (let i = 0; i < batch.length; i++) this.#take(batch, i)
    this.#pass(batch)
    return batch.length
  }

  /** Polls until there are so many records in all. */
  async read(count: number, limits: Partial<PollLimits> = {}): Promise<readonly ReadRecord[]> {
    const deadline = performance.now() + this.#deadlineMs
    while (this.records.length < count && !this.#ended) {
      if (performance.now() > deadline) break
      const maxRecords = Math.min(limits.maxRecords ?? 1000, count - this.records.length)
      await this.poll({ ...limits, maxRecords })
    }
    assert.equal(this.records.length, count, `read ${this.records.length} of ${count} records`)
    return this.records
  }

  /** Polls until nothing comes. */
  async drain(): Promise<void> {
    while (!this.#ended && (await this.poll()) > 0);
  }

  /** Stores the positions where the source keeps its own. */
  async commit(): Promise<void> {
    if (this.#task.commit === undefined) return
    const positions = this.positions
    const done = new AbortController()
    const committed = within(this.#deadlineMs, 'commit', this.#task.commit(positions)).finally(() => done.abort())
    // A client may deliver the result of a commit only while it is polled.
    const polled = this.#pollUntil(done.signal)
    await Promise.all([committed, polled])
  }

  async #pollUntil(done: AbortSignal): Promise<void> {
    while (!done.aborted) await this.poll({ maxRecords: 0, maxWaitMs: 10 })
  }

  async endPositions(): Promise<Positions | undefined> {
    return this.#task.endPositions?.()
  }

  async stop(): Promise<void> {
    await within(this.#deadlineMs, 'stop', this.#task.stop())
  }

  #take(batch: RecordBatch, i: number): void {
    const record = recordAt(batch, i)
    const partition = partitionKey(record)
    const last = this.#lastOffsets.get(partition) ?? -Infinity
    const where = `${record.stream}/${record.partition}`
    assert.ok(record.offset > last, `offset ${record.offset} follows ${last} in ${where}`)
    this.#lastOffsets.set(partition, record.offset)
    this.records.push(record)
  }

  #pass(batch: RecordBatch): void {
    const positions = batch.positions ?? derivedPositions(batch)
    const named = new Set(positions.map(partitionKey))
    assert.equal(named.size, positions.length, 'a batch has at most one position for each partition')
    for (let i = 0; i < batch.length; i++) {
      const key = partitionKey({ stream: batch.stream(i), partition: batch.partition(i) })
      assert.ok(named.has(key), `no position for ${batch.stream(i)}/${batch.partition(i)}, of which there are records`)
    }
    for (const next of positions) {
      const before = this.#positions.get(partitionKey(next))
      const where = `${next.stream}/${next.partition}`
      assert.ok(
        before === undefined || next.position.offset >= before.position.offset,
        `the position of ${where} went back from ${before?.position.offset} to ${next.position.offset}`,
      )
      this.#positions.set(partitionKey(next), next)
    }
  }
}

export function sourceOf({ plugin }: { readonly plugin: ConnectorPlugin }): SourceConnector<unknown> {
  assert.ok(plugin.source !== undefined, `${plugin.name} is no source`)
  return plugin.source as unknown as SourceConnector<unknown>
}

export function partitionKey({ stream, partition }: { readonly stream: string; readonly partition: number }): string {
  return `${partition} ${stream}`
}

function asBatch(result: PollResult, defaultStream: string): RecordBatch {
  return Array.isArray(result) ? packSourceRecords(result, defaultStream) : (result as RecordBatch)
}

function derivedPositions(batch: RecordBatch): Positions {
  const positions = new Map<string, PartitionPosition>()
  for (let i = 0; i < batch.length; i++) {
    const at = { stream: batch.stream(i), partition: batch.partition(i) }
    positions.set(partitionKey(at), { ...at, position: { offset: batch.offset(i) + 1 } })
  }
  return [...positions.values()]
}

/** Copied, because the batch may go. What never was bytes is compared as JSON. */
function recordAt(batch: RecordBatch, i: number): ReadRecord {
  const asBytes = (raw: Buffer | null | undefined, made: unknown): Buffer | null => {
    if (raw === undefined && made !== null) return Buffer.from(JSON.stringify(made))
    return raw === null || raw === undefined ? null : Buffer.from(raw)
  }
  const raw = { key: batch.rawKey(i), value: batch.rawValue(i) }
  return {
    stream: batch.stream(i),
    partition: batch.partition(i),
    offset: batch.offset(i),
    key: asBytes(raw.key, raw.key === undefined ? batch.key(i) : null),
    value: asBytes(raw.value, raw.value === undefined ? batch.value(i) : null),
    headers: batch.headers(i).map(({ key, value }) => ({ key, value: value === null ? null : Buffer.from(value) })),
  }
}
