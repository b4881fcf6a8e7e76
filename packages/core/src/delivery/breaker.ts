import type { RetriableError } from '../api/errors.ts'
import type { Clock, Logger } from '../api/task-context.ts'
import type { RetryConfig } from '../config/pipeline-config.ts'
import type { PipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import { askedMs, backoffMs } from './backoff.ts'

/** `closed`: calls go through. `open`: all wait. `probing`: one call is under way, to see whether others may follow. */
export type BreakerState = 'closed' | 'open' | 'probing'

/** The leave to make one call. */
export interface Turn {
  readonly isProbe: boolean
}

export interface BreakerParts {
  readonly retry: Pick<RetryConfig, 'initialDelayMs' | 'maxDelayMs'>
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  readonly metrics: PipelineMetrics
  /** Aborts when no wait may go on. */
  readonly ending: AbortSignal
}

/** So many calls that fail in a row open it. */
const OPENS_AFTER = 3
const FREE: Turn = { isProbe: false }

/**
 * Lets calls through while the other side works. After failures in a row, or when it asks for a pause, all wait; after
 * pauses that grow, one at a time probes it, each a different one, so that none with a trouble of its own holds up the
 * others. When one succeeds all go on.
 */
export class Breaker {
  readonly #parts: BreakerParts
  readonly #waiting: ((turn: Turn | undefined) => void)[] = []
  #state: BreakerState = 'closed'
  #failures = 0
  #failedProbes = 0
  /** The exponent of the next pause. */
  #pauses = 0
  #notBefore = 0
  #probe: Turn | undefined
  /** A pause is over, and nobody was there to probe. */
  #isDue = false
  #pausing = new AbortController()

  constructor(parts: BreakerParts) {
    this.#parts = parts
    const end = (): void => {
      this.#pausing.abort()
      for (const go of this.#waiting.splice(0)) go(undefined)
    }
    parts.ending.addEventListener('abort', end, { once: true })
    // The task before this one may have ended with another.
    this.#become('closed')
  }

  get state(): BreakerState {
    return this.#state
  }

  /** Probes that have failed since the start. */
  get failedProbes(): number {
    return this.#failedProbes
  }

  /** Resolves when the caller may make its call, with undefined when no wait may go on. */
  turn(): Promise<Turn | undefined> {
    if (this.#state === 'closed') return Promise.resolve(FREE)
    if (this.#parts.ending.aborted) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#letOneProbe()
    })
  }

  /** The caller has nothing to call for any more. */
  passOn(turn: Turn): void {
    if (turn !== this.#probe) return
    this.#probe = undefined
    this.#become('open')
    this.#isDue = true
    this.#letOneProbe()
  }

  /** `attempt`: how often in a row the caller has failed, which is where the pauses begin to grow from. */
  failed(turn: Turn, error: RetriableError, attempt: number): void {
    const asked = askedMs(error)
    this.#failures++
    this.#notBefore = Math.max(this.#notBefore, this.#parts.clock.monotonic() + asked)
    if (turn === this.#probe) {
      this.#failedProbes++
      this.#pauses++
      void this.#pause()
    } else if (this.#state === 'closed' && (asked > 0 || this.#failures >= OPENS_AFTER)) {
      const fields = { code: error.code, failures: this.#failures }
      this.#parts.logger.warn(fields, 'writes wait, and one at a time tries whether the sink works again')
      this.#pauses = attempt
      void this.#pause()
    }
  }

  succeeded(): void {
    this.#failures = 0
    if (this.#state === 'closed') return
    this.#pausing.abort()
    this.#probe = undefined
    this.#notBefore = 0
    this.#isDue = false
    this.#become('closed')
    for (const go of this.#waiting.splice(0)) go(FREE)
  }

  async #pause(): Promise<void> {
    const { clock, retry, random, ending } = this.#parts
    this.#probe = undefined
    this.#become('open')
    this.#pausing = new AbortController()
    const { signal } = this.#pausing
    if (ending.aborted) return
    const jitterMs = backoffMs(retry, this.#pauses, random)
    do {
      const askedFor = Math.max(0, this.#notBefore - clock.monotonic())
      await clock.sleep(askedFor + jitterMs, signal).catch(() => undefined)
      // Calls that were under way may have been told meanwhile to wait longer.
    } while (!signal.aborted && this.#notBefore > clock.monotonic())
    if (signal.aborted) return
    this.#isDue = true
    this.#letOneProbe()
  }

  #letOneProbe(): void {
    if (!this.#isDue || this.#waiting.length === 0) return
    this.#isDue = false
    this.#probe = { isProbe: true }
    this.#become('probing')
    this.#waiting.shift()!(this.#probe)
  }

  #become(state: BreakerState): void {
    this.#state = state
    this.#parts.metrics.gauge('sink_breaker_open', state === 'closed' ? 0 : 1)
  }
}
