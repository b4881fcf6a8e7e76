import { setMaxListeners } from 'node:events'
import { ConnectError, RetriableError, errorKind, isPartialBatch, isRecordError, isRetriable } from '../api/errors.ts'
import type { PartialBatchError, RecordError } from '../api/errors.ts'
import type { SinkTask } from '../api/sink-task.ts'
import type { Clock, Logger } from '../api/task-context.ts'
import type { RetryConfig } from '../config/pipeline-config.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import type { Stage, StageFailure } from '../pipeline/stage.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import type { PipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import { type Health, describe } from '../worker/health.ts'
import type { LedgerBook } from '../worker/ledger.ts'
import { backoffMs, mayRetry } from './backoff.ts'

export interface DeliveryParts {
  readonly sink: Pick<SinkTask, 'put'>
  readonly tracker: AckTracker
  readonly ledger: LedgerBook
  readonly retry: RetryConfig
  readonly health: Health
  readonly metrics: PipelineMetrics
  readonly logger: Logger
  readonly clock: Clock
  readonly random: () => number
  /** Takes records that can never succeed, or throws where that is not tolerated. False: given up, by a stop. */
  readonly reject: (failures: readonly StageFailure[], attempts: number) => Promise<boolean>
  /** Aborts on a graceful stop: no wait goes on, and no attempt is made after one that failed. */
  readonly stopping: AbortSignal
  /** Aborts when attempts must end at once. */
  readonly signal: AbortSignal
}

/** A call of the sink that takes longer is said, and again each time it has taken so long, in milliseconds. */
const SLOW_MS = 60_000

/** What has been tried with some rows so far. */
interface Story {
  attempts: number
  /** How often in a row, since something last went well, it failed for a reason that may pass. */
  failures: number
  /** When the first of these failed; undefined without. */
  since: number | undefined
}

/**
 * Brings batches to the sink until every row is settled: waits and repeats what may pass, repeats only the rows that
 * failed, bisects a batch with a poison record in it, and hands poison records on. Any number may be under way.
 */
export class Delivery {
  readonly #parts: DeliveryParts
  /** Aborts when no wait may go on. */
  readonly #ending: AbortSignal
  /** Aborted when a call of the sink has returned, or nobody waits for it any more. */
  readonly #calls = new Set<AbortController>()
  #attempting = 0
  #waiting = 0
  #abandoned = false

  constructor(parts: DeliveryParts) {
    this.#parts = parts
    this.#ending = AbortSignal.any([parts.stopping, parts.signal])
    parts.signal.addEventListener('abort', () => this.#calls.forEach((call) => call.abort()), { once: true })
    setMaxListeners(0, this.#ending)
  }

  /** Whether all that is under way waits for a failing sink: nothing will be done soon. */
  get stuck(): boolean {
    return this.#waiting > 0 && this.#attempting === 0
  }

  /** Resolves true when every row is settled, false when a stop cut it short; rejects when the task must fail. */
  deliver(batch: RecordBatch): Promise<boolean> {
    return this.#deliver(batch, { attempts: 0, failures: 0, since: undefined })
  }

  async #deliver(batch: RecordBatch, story: Story): Promise<boolean> {
    let rows = batch
    for (;;) {
      rows = this.#parts.tracker.owned(rows)
      if (rows.length === 0) return true
      // After a failure nothing more is written: in an ordered sink it would stand before what has failed.
      if (this.#abandoned || this.#parts.signal.aborted) return false
      story.attempts++
      const error = await this.#attempt(rows)
      if (error === undefined) return this.#written(rows)
      if (isRecordError(error)) return this.#poisoned(rows, error, story)
      let reason: unknown = error
      if (isPartialBatch(error)) {
        const rest = await this.#settlePartly(rows, error, story)
        if (rest === undefined) return this.#abandon()
        if (rest.rows.length === 0) return true
        rows = rest.rows
        reason = rest.reason
      }
      if (!(await this.#wait(reason, story))) return this.#abandon()
    }
  }

  async #attempt(rows: RecordBatch): Promise<unknown> {
    const { sink, signal, retry, metrics, clock, logger } = this.#parts
    const began = clock.monotonic()
    const deadline = retry.attemptTimeoutMs > 0 ? AbortSignal.timeout(retry.attemptTimeoutMs) : undefined
    this.#attempting++
    const answered = new AbortController()
    this.#calls.add(answered)
    void this.#sayWhileSlow(rows.length, answered.signal)
    metrics.observe('batch_size_records', rows.length)
    try {
      await sink.put(rows, deadline === undefined ? signal : AbortSignal.any([signal, deadline]))
      metrics.count('batches_written_total')
      logger.debug({ records: rows.length, ms: Math.round(clock.monotonic() - began) }, 'batch written')
      return undefined
    } catch (error) {
      if (deadline?.aborted === true && errorKind(error) === 'fatal') {
        return new RetriableError('TIMEOUT', `the sink did not answer within ${retry.attemptTimeoutMs} ms`)
      }
      return error ?? new Error('the sink threw nothing')
    } finally {
      answered.abort()
      this.#calls.delete(answered)
      this.#attempting--
      metrics.observe('put_seconds', (clock.monotonic() - began) / 1000)
    }
  }

  async #sayWhileSlow(records: number, answered: AbortSignal): Promise<void> {
    const { clock, logger } = this.#parts
    for (let seconds = SLOW_MS / 1000; ; seconds += SLOW_MS / 1000) {
      await clock.sleep(SLOW_MS, answered).catch(() => undefined)
      if (answered.aborted) return
      logger.warn({ records, seconds }, `the sink has not answered for ${seconds} s`)
    }
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
      return (await this.#parts.reject([failure], story.attempts)) || this.#abandon()
    }
    const middle = rows.length >>> 1
    const { attempts } = story
    const first = await this.#deliver(rows.slice(0, middle), { attempts, failures: 0, since: undefined })
    return first && this.#deliver(rows.slice(middle, rows.length), { attempts, failures: 0, since: undefined })
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
    }
    if (poison.length > 0 && !(await this.#parts.reject(poison, story.attempts))) return undefined
    return { rows: rows.select(again), reason }
  }

  /** Waits before the next attempt; false when a stop is under way. Throws what is no reason to try again. */
  async #wait(error: unknown, story: Story): Promise<boolean> {
    const { retry, health, clock, random, signal } = this.#parts
    if (signal.aborted) return false
    if (!isRetriable(error)) throw error
    if (this.#ending.aborted) return false
    story.failures++
    story.since ??= clock.monotonic()
    const elapsed = clock.monotonic() - story.since
    if (!mayRetry(retry, story.failures, elapsed)) throw exhausted(error, story.failures, elapsed)
    health.failed(error)
    this.#parts.metrics.count('retries_total', 1, { code: error.code })
    this.#waiting++
    try {
      await clock.sleep(error.retryAfterMs ?? backoffMs(retry, story.failures, random), this.#ending)
      return true
    } catch {
      return false
    } finally {
      this.#waiting--
    }
  }

  #abandon(): false {
    this.#abandoned = true
    return false
  }
}

interface Sorted {
  readonly written: number[]
  readonly poison: StageFailure[]
  /** In their order. */
  readonly again: number[]
  /** Why these failed; one that is no reason to try again comes first. */
  readonly reason: unknown
}

function sortOut(rows: RecordBatch, { failures }: PartialBatchError): Sorted {
  const failed = new Map<number, unknown>(failures.map((failure) => [failure.row, failure.error]))
  const stray = failures.find(({ row }) => !Number.isInteger(row) || row < 0 || row >= rows.length)
  // Which rows are written is not known then: all are taken as not written.
  if (stray !== undefined) throw new RangeError(`the sink names row ${stray.row} of a batch of ${rows.length}`)
  const others = failures.map(({ error }) => error as unknown).filter((error) => !isRecordError(error))
  const reason = others.find((error) => !isRetriable(error)) ?? others[0]
  const sorted: Sorted = { written: [], poison: [], again: [], reason }
  for (let row = 0; row < rows.length; row++) {
    const error = failed.get(row)
    if (error === undefined) sorted.written.push(row)
    else if (isRecordError(error)) sorted.poison.push({ batch: rows, row, stage: stageOf(error), error })
    else sorted.again.push(row)
  }
  return sorted
}

/** A sink that reads source bytes finds out itself what can't be converted. */
function stageOf({ code }: RecordError): Stage {
  return code === 'CONVERSION_FAILED' ? 'VALUE_CONVERTER' : 'TASK_PUT'
}

function exhausted(error: RetriableError, attempts: number, elapsedMs: number): ConnectError {
  const tried = `${attempts} attempts over ${Math.round(elapsedMs / 1000)} s`
  return new ConnectError('RETRIES_EXHAUSTED', `given up after ${tried}: ${describe(error)}`, {
    hint: 'cure the cause, or let `retry.maxAttempts` and `retry.maxElapsed` of the sink be larger (0: no limit)',
    cause: error,
  })
}
