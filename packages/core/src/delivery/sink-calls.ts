import { RetriableError, errorKind, isPartialBatch, isRecordError, isRetriable } from '../api/errors.ts'
import type { SinkTask } from '../api/sink-task.ts'
import type { Clock, Logger } from '../api/task-context.ts'
import type { RetryConfig } from '../config/pipeline-config.ts'
import { crashPoint } from '../crash-points.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import type { PipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import { sayWhileSlow } from '../telemetry/say-while-slow.ts'
import { Breaker, type BreakerState, type Turn } from './breaker.ts'

export interface SinkCallParts {
  readonly sink: Pick<SinkTask, 'put'>
  readonly retry: RetryConfig
  readonly metrics: PipelineMetrics
  readonly logger: Logger
  readonly clock: Clock
  readonly random: () => number
  /** Aborts on a graceful stop: no wait goes on. */
  readonly stopping: AbortSignal
  /** Aborts when calls must end at once. */
  readonly signal: AbortSignal
}

export interface Attempt {
  readonly turn: Turn
  /** How often in a row it was tried with these rows, from 1. */
  readonly attempt: number
  /** They were refused before while others were written: that they are again says nothing about the sink. */
  readonly areRefused?: boolean
}

/**
 * A call of the sink that is under way. What it gets is a signal of its own: whatever the sink leaves at it goes with
 * it, and nothing gathers at the task's, as it would by `AbortSignal.any`.
 */
interface Call {
  /** Aborted when it has returned, or nobody waits for it any more. */
  readonly answered: AbortController
  /** Aborted when it must end. */
  readonly over: AbortController
  /** It has taken too long. */
  isLate: boolean
}

/** Calls to one sink: each with its deadline, all behind one breaker. */
export class SinkCalls {
  readonly #parts: SinkCallParts
  readonly #breaker: Breaker
  readonly #ending: AbortSignal
  readonly #calls = new Set<Call>()
  #waiting = 0

  constructor(parts: SinkCallParts) {
    this.#parts = parts
    this.#ending = AbortSignal.any([parts.stopping, parts.signal])
    this.#breaker = new Breaker({ ...parts, ending: this.#ending })
    parts.signal.addEventListener('abort', () => this.#calls.forEach((call) => this.#cut(call)), { once: true })
  }

  /** Whether all that is under way waits for a failing sink: nothing will be done soon. */
  get stuck(): boolean {
    return this.#waiting > 0 && this.#calls.size === 0
  }

  get breaker(): BreakerState {
    return this.#breaker.state
  }

  /** Probes that have failed since the start. */
  get failedProbes(): number {
    return this.#breaker.failedProbes
  }

  /** Waits until a call may be made; undefined when no wait may go on. Who takes a turn calls, or passes it on. */
  async turn(): Promise<Turn | undefined> {
    if (this.#breaker.state === 'closed') return this.#breaker.turn()
    this.#waiting++
    try {
      return await this.#breaker.turn()
    } finally {
      this.#waiting--
    }
  }

  passOn(turn: Turn): void {
    this.#breaker.passOn(turn)
  }

  /** Waits so many milliseconds; false when no wait may go on. */
  async pause(ms: number): Promise<boolean> {
    this.#waiting++
    try {
      await this.#parts.clock.sleep(ms, this.#ending)
      return true
    } catch {
      return false
    } finally {
      this.#waiting--
    }
  }

  /** Calls the sink once and returns what it threw, if anything. */
  async call(rows: RecordBatch, { turn, attempt, areRefused = false }: Attempt): Promise<unknown> {
    const error = await this.#call(rows)
    const none = noneWritten(error, rows)
    if (none !== undefined && areRefused && !turn.isProbe) return error
    const trouble = isRetriable(error) ? error : none
    if (trouble !== undefined) this.#breaker.failed(turn, trouble, attempt)
    else if (error === undefined || errorKind(error) !== 'fatal') this.#breaker.succeeded()
    return error
  }

  async #call(rows: RecordBatch): Promise<unknown> {
    const { sink, signal, retry, metrics, clock, logger } = this.#parts
    const began = clock.monotonic()
    const call: Call = { answered: new AbortController(), over: new AbortController(), isLate: false }
    this.#calls.add(call)
    if (signal.aborted) this.#cut(call)
    else void this.#limit(call)
    void sayWhileSlow(clock, call.answered.signal, (seconds) => {
      logger.warn({ records: rows.length, seconds }, `the sink has not answered for ${seconds} s`)
    })
    metrics.observe('batch_size_records', rows.length)
    try {
      crashPoint('before-put')
      await sink.put(rows, call.over.signal)
      crashPoint('after-put')
      metrics.count('batches_written_total')
      logger.debug({ records: rows.length, ms: Math.round(clock.monotonic() - began) }, 'batch written')
      return undefined
    } catch (error) {
      if (call.isLate && errorKind(error) === 'fatal') {
        return new RetriableError('TIMEOUT', `the sink did not answer within ${retry.attemptTimeoutMs} ms`)
      }
      return error ?? new Error('the sink threw nothing')
    } finally {
      call.answered.abort()
      this.#calls.delete(call)
      metrics.observe('put_seconds', (clock.monotonic() - began) / 1000)
    }
  }

  #cut({ answered, over }: Call): void {
    answered.abort()
    over.abort(this.#parts.signal.reason)
  }

  /** Ends an attempt that takes too long, where there is a limit. */
  async #limit(call: Call): Promise<void> {
    const { retry, clock } = this.#parts
    const { answered, over } = call
    if (retry.attemptTimeoutMs === 0) return
    await clock.sleep(retry.attemptTimeoutMs, answered.signal).catch(() => undefined)
    if (answered.signal.aborted) return
    call.isLate = true
    over.abort(new Error('the attempt took too long'))
  }
}

/** Why not one of the rows was written, where that may pass for all of them. */
function noneWritten(error: unknown, rows: RecordBatch): RetriableError | undefined {
  if (!isPartialBatch(error) || error.failures.length < rows.length) return undefined
  const errors = error.failures.map((failure) => failure.error)
  return errors.some((each) => isRecordError(each)) ? undefined : errors.find((each) => isRetriable(each))
}
