import { ConnectError, isPartialBatch, isRecordError, isRetriable } from '../api/errors.ts'
import type { PartialBatchError, RetriableError } from '../api/errors.ts'
import type { Clock } from '../api/task-context.ts'
import type { RetryConfig } from '../config/pipeline-config.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import type { StageFailure } from '../pipeline/stage.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import type { PipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import { type Health, describe } from '../worker/health.ts'
import type { LedgerBook } from '../worker/ledger.ts'
import { askedMs, backoffMs, mayRetry } from './backoff.ts'
import type { Turn } from './breaker.ts'
import type { SinkCalls } from './sink-calls.ts'
import { sortOut, stageOf } from './sort-out.ts'

export interface DeliveryParts {
  readonly calls: SinkCalls
  readonly tracker: AckTracker
  readonly ledger: LedgerBook
  readonly retry: RetryConfig
  readonly health: Health
  readonly metrics: PipelineMetrics
  readonly clock: Clock
  readonly random: () => number
  /** Takes records that can never succeed, or throws where that is not tolerated. False: given up, by a stop. */
  readonly reject: (failures: readonly StageFailure[], tried: Tried) => Promise<boolean>
  /**
   * Sets rows aside that may succeed later; resolves with how many of them, from the first, are safe
   * elsewhere. Undefined where the sink's records may not overtake each other, or there is nowhere to park them.
   */
  readonly park: ((rows: RecordBatch, tried: Tried) => Promise<number>) | undefined
  /** Aborts on a graceful stop: no wait goes on, and no attempt is made after one that failed. */
  readonly stopping: AbortSignal
  /** Aborts when attempts must end at once. */
  readonly signal: AbortSignal
}

/** How often the sink was asked to take a record, and since when that failed. */
export interface Tried {
  readonly attempts: number
  /** Milliseconds since 1970; undefined: now. */
  readonly firstFailureMs: number | undefined
}

/** What has been tried with some rows so far. */
interface Story extends Tried {
  attempts: number
  firstFailureMs: number | undefined
  /** How often in a row, since something last went well, it failed for a reason that may pass. */
  failures: number
  /** When the first of these failed; undefined without. */
  since: number | undefined
  /** Whether the sink took others of their batch: it works, but not for these. */
  areRefused: boolean
  /** Whether these rows are counted as retried. */
  retried: boolean
}

/**
 * Brings batches to the sink until every row is settled: waits and repeats what may pass, repeats only the rows that
 * failed, bisects a batch with a poison record in it, and hands poison records on. Any number may be under way.
 */
export class Delivery {
  readonly #parts: DeliveryParts
  #abandoned = false

  constructor(parts: DeliveryParts) {
    this.#parts = parts
  }

  /** Resolves true when every row is settled, false when a stop cut it short; rejects when the task must fail. */
  deliver(batch: RecordBatch): Promise<boolean> {
    const story = {
      attempts: 0,
      firstFailureMs: undefined,
      failures: 0,
      since: undefined,
      areRefused: false,
      retried: false,
    }
    return this.#deliver(batch, story)
  }

  async #deliver(batch: RecordBatch, story: Story): Promise<boolean> {
    const { tracker, calls, clock, signal } = this.#parts
    let rows = batch
    for (;;) {
      const turn = await this.#turn(story)
      rows = tracker.owned(rows)
      // After a failure nothing more is written: in an ordered sink it would stand before what has failed.
      const isOver = turn === undefined || this.#abandoned || signal.aborted
      if (isOver || rows.length === 0) {
        if (turn !== undefined) calls.passOn(turn)
        return rows.length === 0 || this.#abandon()
      }
      story.attempts++
      const error = await calls.call(rows, { turn, attempt: story.failures + 1, areRefused: story.areRefused })
      if (error === undefined) return this.#written(rows)
      story.firstFailureMs ??= clock.now()
      if (isRecordError(error)) return this.#poisoned(rows, error, story)
      let reason: unknown = error
      if (isPartialBatch(error)) {
        const rest = await this.#settlePartly(rows, error, story)
        if (rest === undefined) return this.#abandon()
        reason = rest.reason
        rows = await this.#park(rest.rows, reason, story)
        if (rows.length === 0) return true
      }
      if (!(await this.#wait(rows, reason, story))) return this.#abandon()
    }
  }

  /** Waits for its turn. A probe of another batch that fails meanwhile is a failure of the same sink: it counts. */
  async #turn(story: Story): Promise<Turn | undefined> {
    const { calls, clock } = this.#parts
    const before = calls.failedProbes
    const began = clock.monotonic()
    const turn = await calls.turn()
    const failed = calls.failedProbes - before
    if (failed > 0) {
      story.failures += failed
      story.since ??= began
    }
    return turn
  }

  #written(rows: RecordBatch, which?: readonly number[]): true {
    const { tracker, ledger, health } = this.#parts
    ledger.add('written', tracker.settle(rows, which))
    health.succeeded()
    return true
  }

  /** One of the rows is poison: alone it is known; otherwise each half is tried by itself, in order. */
  async #poisoned(rows: RecordBatch, error: StageFailure['error'], story: Story): Promise<boolean> {
    if (rows.length === 1) {
      const failure: StageFailure = { batch: rows, row: 0, stage: stageOf(error), error }
      return (await this.#parts.reject([failure], story)) || this.#abandon()
    }
    const middle = rows.length >>> 1
    const half = (): Story => ({ ...story, failures: 0, since: undefined })
    const first = await this.#deliver(rows.slice(0, middle), half())
    return first && this.#deliver(rows.slice(middle, rows.length), half())
  }

  /** Settles what the sink said of each row; returns the rows to try again, or undefined when a stop cut it short. */
  async #settlePartly(
    rows: RecordBatch,
    partial: PartialBatchError,
    story: Story,
  ): Promise<{ rows: RecordBatch; reason: unknown } | undefined> {
    const { written, poison, again, reason } = sortOut(rows, partial)
    if (written.length > 0) {
      this.#written(rows, written)
      story.failures = 0
      story.since = undefined
      story.areRefused = true
    }
    if (poison.length > 0 && !(await this.#parts.reject(poison, story))) return undefined
    return { rows: rows.select(again), reason }
  }

  /** Parks rows that the sink refuses while it takes others; returns those that are left. */
  async #park(rows: RecordBatch, reason: unknown, story: Story): Promise<RecordBatch> {
    const { park, calls, tracker, ledger } = this.#parts
    if (rows.length === 0 || !isRetriable(reason)) return rows
    this.#countRetried(rows, story)
    // Not where it fails as a whole: that is for all of the stream, which has a place of its own.
    if (park === undefined || calls.breaker !== 'closed') return rows
    const parked = await park(rows, story)
    if (parked === 0) return rows
    ledger.add('parked', tracker.settle(rows.slice(0, parked)))
    return rows.slice(parked, rows.length)
  }

  #countRetried(rows: RecordBatch, story: Story): void {
    const { ledger, tracker } = this.#parts
    if (!story.retried) ledger.retried(tracker.pending(rows))
    story.retried = true
  }

  /** Waits before the next attempt; false when a stop is under way. Throws what is no reason to try again. */
  async #wait(rows: RecordBatch, error: unknown, story: Story): Promise<boolean> {
    const { retry, health, calls, clock, random, signal, metrics } = this.#parts
    if (signal.aborted) return false
    if (!isRetriable(error)) throw error
    if (this.#parts.stopping.aborted) return false
    story.failures++
    story.since ??= clock.monotonic()
    const elapsed = clock.monotonic() - story.since
    if (!mayRetry(retry, story.failures, elapsed)) throw exhausted(error, story.failures, elapsed)
    health.failed(error)
    metrics.count('retries_total', 1, { code: error.code })
    this.#countRetried(rows, story)
    // Behind an open breaker it is the breaker that says when.
    if (calls.breaker !== 'closed') return true
    return calls.pause(askedMs(error) + backoffMs(retry, story.failures, random))
  }

  #abandon(): false {
    this.#abandoned = true
    return false
  }
}

function exhausted(error: RetriableError, attempts: number, elapsedMs: number): ConnectError {
  const tried = `${attempts} attempts over ${Math.round(elapsedMs / 1000)} s`
  return new ConnectError('RETRIES_EXHAUSTED', `given up after ${tried}: ${describe(error)}`, {
    hint: 'cure the cause, or let `retry.maxAttempts` and `retry.maxElapsed` of the sink be larger (0: no limit)',
    cause: error,
  })
}
