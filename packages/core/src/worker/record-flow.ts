import { setImmediate as nextTurn } from 'node:timers/promises'
import { isEndOfSource, isRetriable } from '../api/errors.ts'
import type { PollResult, SourceTask } from '../api/source-task.ts'
import type { Clock } from '../api/task-context.ts'
import { crashPoint } from '../crash-points.ts'
import { backoffMs } from '../delivery/backoff.ts'
import type { Delivery, Tried } from '../delivery/delivery.ts'
import type { Tolerance } from '../delivery/tolerance.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import { type BatchLimits, Batcher } from '../pipeline/batcher.ts'
import { type Prepared, pieces } from '../pipeline/record-pipeline.ts'
import { packSourceRecords } from '../records/batch-builder.ts'
import { RecordBatch } from '../records/record-batch.ts'
import type { PipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import { Dispatcher } from './dispatcher.ts'
import type { FlowControl } from './flow-control.ts'
import type { Health } from './health.ts'
import type { LedgerBook } from './ledger.ts'

/** What fails before the sink sees it. */
const UNTRIED: Tried = { attempts: 0, firstFailureMs: undefined }
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
  /** What was read while new records are held back, in order; undefined where they are not. */
  #held: (() => void)[] | undefined
  #hold: Promise<unknown> = Promise.resolve()
  /** Something may be with the sink, and nobody knows. */
  #gaveUp = false
  #lingering = false
  readonly #read = new AbortController()

  constructor(parts: RecordFlowParts) {
    const { delivery, ordered, concurrency, batch, afterBatch, fail } = parts
    this.#parts = parts
    this.#dispatcher = new Dispatcher({
      ordered,
      concurrency,
      deliver: (rows) => this.#noting(delivery.deliver(rows)).then(afterBatch).catch(fail),
    })
    this.#batcher = new Batcher(batch, (rows) => this.#dispatcher.dispatch(rows))
  }

  /**
   * Polls until the source has ended, `isDone` says so after a poll, or the signal aborts. Resolves with whether it was
   * one of the first two.
   */
  async run(source: Pick<SourceTask, 'poll'>, isDone: () => boolean, signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#pollOnAndOn(source, isDone, signal)
    } finally {
      this.#read.abort()
    }
  }

  async #pollOnAndOn(source: Pick<SourceTask, 'poll'>, isDone: () => boolean, signal: AbortSignal): Promise<boolean> {
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
    await this.#hold
    await this.#drain()
  }

  /**
   * Runs the action while everything that was given to the sink is settled: what is read meanwhile waits until it has
   * ended. Resolves without running it where something was given up, so that what the sink has of it is not known.
   * One call at a time.
   */
  async whileSettled(action: () => Promise<void>): Promise<void> {
    let release!: () => void
    this.#hold = new Promise<void>((resolve) => (release = resolve))
    this.#held = []
    try {
      await this.#drain()
      if (!this.#gaveUp) await action()
    } finally {
      const held = this.#held
      this.#held = undefined
      for (const goOn of held) goOn()
      release()
    }
  }

  async #drain(): Promise<void> {
    this.#batcher.flush()
    await this.#dispatcher.idle()
    while (this.#rejecting.size > 0) await Promise.all(this.#rejecting)
    this.#gauge()
  }

  async #noting(settled: Promise<boolean>): Promise<void> {
    const isSettled = await settled
    if (!isSettled) this.#gaveUp = true
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
    crashPoint('after-read')
    const { connector, tracker, ledger, tolerance, metrics, flow, clock, prepare } = this.#parts
    const batch = tracker.register(result instanceof RecordBatch ? result : packSourceRecords(result, connector))
    if (batch.length === 0) return
    ledger.read(batch.length)
    tolerance.read(batch.length)
    metrics.count('bytes_read_total', batch.packed.buffer.length)
    const began = clock.monotonic()
    const { ready, failures, filtered, skipped, transformed } = prepare(batch)
    crashPoint('after-transform')
    flow.prepared(batch.packed.buffer.length, clock.monotonic() - began)
    if (transformed.isSplit) tracker.split(pieces({ transformed, failures }))
    if (filtered.length > 0) ledger.add('filtered', tracker.settle(batch, filtered))
    if (skipped.length > 0) ledger.add('skipped', tracker.settle(batch, skipped))
    if (this.#held === undefined) this.#give(ready, failures)
    else this.#held.push(() => this.#give(ready, failures))
  }

  #give(ready: Prepared['ready'], failures: Prepared['failures']): void {
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
    const done: Promise<void> = this.#noting(tolerance.reject(failures, UNTRIED))
      .catch(fail)
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

function hasPositions(result: PollResult): boolean {
  return result instanceof RecordBatch && result.positions !== null && result.positions.length > 0
}
