import { setImmediate as nextTurn } from 'node:timers/promises'
import { isEndOfSource, isRetriable } from '../api/errors.ts'
import type { PollResult, SourceTask } from '../api/source-task.ts'
import type { Clock } from '../api/task-context.ts'
import { backoffMs } from '../delivery/backoff.ts'
import type { Delivery } from '../delivery/delivery.ts'
import type { Tolerance } from '../delivery/tolerance.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import { type BatchLimits, Batcher } from '../pipeline/batcher.ts'
import type { Prepared } from '../pipeline/record-pipeline.ts'
import { packSourceRecords } from '../records/batch-builder.ts'
import { RecordBatch } from '../records/record-batch.ts'
import type { PipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import { Dispatcher } from './dispatcher.ts'
import type { FlowControl } from './flow-control.ts'
import type { Health } from './health.ts'
import type { LedgerBook } from './ledger.ts'

const POLL_PAUSE = { initialDelayMs: 100, maxDelayMs: 15_000 }
/** A source that returns nothing sooner than this is asked again after a pause that grows to this, in milliseconds. */
const IDLE_MS = 50

export interface RecordFlowParts {
  readonly connector: string
  readonly prepare: (polled: RecordBatch) => Prepared
  readonly tracker: AckTracker
  readonly ledger: LedgerBook
  readonly flow: FlowControl
  readonly delivery: Delivery
  readonly tolerance: Tolerance
  readonly batch: BatchLimits
  readonly ordered: boolean
  readonly concurrency: number
  readonly sourceHealth: Health
  readonly metrics: PipelineMetrics
  readonly clock: Clock
  readonly random: () => number
  /** Called when a batch is done, before the next one of its lane is begun. */
  readonly afterBatch: () => Promise<void>
  /** Called with the error that must fail the task. */
  readonly fail: (error: unknown) => void
}

/** The way of the records: poll, prepare, batch, dispatch, deliver, settle. */
export class RecordFlow {
  readonly #parts: RecordFlowParts
  readonly #batcher: Batcher
  readonly #dispatcher: Dispatcher
  readonly #rejecting = new Set<Promise<void>>()
  #lingering = false
  readonly #read = new AbortController()

  constructor(parts: RecordFlowParts) {
    const { delivery, ordered, concurrency, batch, afterBatch, fail } = parts
    this.#parts = parts
    this.#dispatcher = new Dispatcher({
      ordered,
      concurrency,
      deliver: (rows) => delivery.deliver(rows).then(afterBatch).catch(fail),
    })
    this.#batcher = new Batcher(batch, (rows) => this.#dispatcher.dispatch(rows))
  }

  /**
   * Polls until the source has ended, `isDone` says so after a poll, or the signal aborts. Resolves with whether it was
   * one of the first two.
   */
  async run(source: SourceTask, isDone: () => boolean, signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#pollOnAndOn(source, isDone, signal)
    } finally {
      this.#read.abort()
    }
  }

  async #pollOnAndOn(source: SourceTask, isDone: () => boolean, signal: AbortSignal): Promise<boolean> {
    const { flow, clock, metrics } = this.#parts
    let idle = 0
    while (!signal.aborted) {
      const limits = flow.pollLimits()
      const began = clock.monotonic()
      const result = await this.#poll(() => source.poll(limits, signal), signal)
      if (result === 'ended') return !signal.aborted
      if (result.length > 0) metrics.observe('poll_seconds', (clock.monotonic() - began) / 1000)
      if (result.length > 0 || hasPositions(result)) this.#take(result)
      this.#gauge()
      if (isDone()) return true
      const isFull = limits.maxRecords === 0
      if (isFull) await flow.room()
      const waited = isFull || result.length > 0 || clock.monotonic() - began >= IDLE_MS
      idle = waited ? 0 : Math.min(IDLE_MS, idle * 2 + 1)
      // Records that are there at once must not keep the sink's answers waiting.
      await (idle === 0 ? nextTurn() : clock.sleep(idle, signal).catch(() => undefined))
    }
    return false
  }

  /** Sends what waits for a fuller batch. */
  flush(): void {
    this.#batcher.flush()
  }

  /** Resolves when nothing is under way: all settled, or given up by a stop or a failure. */
  async drained(): Promise<void> {
    this.#batcher.flush()
    await this.#dispatcher.idle()
    while (this.#rejecting.size > 0) await Promise.all(this.#rejecting)
    this.#gauge()
  }

  async #poll(poll: () => Promise<PollResult>, signal: AbortSignal): Promise<PollResult | 'ended'> {
    const { sourceHealth, clock, random } = this.#parts
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await poll()
        sourceHealth.succeeded()
        return result
      } catch (error) {
        if (isEndOfSource(error) || signal.aborted) return 'ended'
        if (!isRetriable(error)) throw error
        sourceHealth.failed(error)
        await clock.sleep(error.retryAfterMs ?? backoffMs(POLL_PAUSE, attempt, random), signal).catch(() => undefined)
        if (signal.aborted) return 'ended'
      }
    }
  }

  #take(result: PollResult): void {
    const { connector, tracker, ledger, metrics, flow, clock, prepare } = this.#parts
    const batch = tracker.register(result instanceof RecordBatch ? result : packSourceRecords(result, connector))
    if (batch.length === 0) return
    ledger.read(batch.length)
    metrics.count('bytes_read_total', batch.packed.buffer.length)
    const began = clock.monotonic()
    const { ready, failures, filtered, skipped, transformed } = prepare(batch)
    flow.prepared(batch.packed.buffer.length, clock.monotonic() - began)
    if (transformed.isSplit) tracker.split(pieces(transformed, failures))
    if (filtered.length > 0) ledger.add('filtered', tracker.settle(batch, filtered))
    if (skipped.length > 0) ledger.add('skipped', tracker.settle(batch, skipped))
    if (failures.length > 0) this.#reject(failures)
    if (ready.length === 0) return
    this.#batcher.add(ready)
    this.#linger()
  }

  #gauge(): void {
    const { tracker, metrics } = this.#parts
    metrics.gauge('in_flight_records', tracker.records)
    metrics.gauge('in_flight_bytes', tracker.bytes)
  }

  #reject(failures: Prepared['failures']): void {
    const { tolerance, fail } = this.#parts
    const done: Promise<void> = tolerance
      .reject(failures, 0)
      .then(() => undefined, fail)
      .finally(() => this.#rejecting.delete(done))
    this.#rejecting.add(done)
  }

  async #flushLater(): Promise<void> {
    await this.#parts.clock.sleep(this.#parts.batch.lingerMs, this.#read.signal).catch(() => undefined)
    this.#lingering = false
    this.#batcher.flush()
  }

  #linger(): void {
    if (this.#lingering || this.#batcher.pending === 0) return
    this.#lingering = true
    this.#flushLater().catch(this.#parts.fail)
  }
}

/** The numbers of all rows that a polled batch has become: those that transforms made, and those that failed there. */
function pieces(transformed: RecordBatch, failures: Prepared['failures']): number[] {
  const origins = failures.filter(({ stage }) => stage === 'TRANSFORMATION').map(({ batch, row }) => batch.origin(row))
  for (let i = 0; i < transformed.length; i++) origins.push(transformed.origin(i))
  return origins
}

function hasPositions(result: PollResult): boolean {
  return result instanceof RecordBatch && result.positions !== null && result.positions.length > 0
}
