import type { Clock, Logger } from '@connect-run/core'
import { type KafkaError, isKafkaError } from './kafka-error.ts'

/** Silence that makes it worth asking, that makes it worth a warning, and the least time between two questions. */
const ASK_AFTER_MS = 5000
const WARN_AFTER_MS = 10_000
const PROBE_MS = 2000
/** Codes that say why a connection failed; "all brokers are down" only says that they did. */
const ALL_DOWN = -187
const CAUSES: ReadonlySet<number> = new Set([-195, -193, -181, -169, -185])
/** Codes of librdkafka for what it learned from a broker. */
const UNKNOWN_HERE: ReadonlySet<number> = new Set([-190, -188])

export interface BrokerWatchParts {
  readonly brokers: string
  readonly clock: Clock
  readonly logger: Logger
  /** Asks a broker anything; rejects while none answers. Undefined where there is nothing to ask. */
  probe(): Promise<unknown> | undefined
}

/** Says once that no broker answers, and once that they do again. librdkafka reconnects by itself. */
export class BrokerWatch {
  readonly #parts: BrokerWatchParts
  #cause = ''
  #down = false
  /** A question was not answered since the last answer. */
  #unanswered = false
  #probing = false
  #answeredAt: number
  #probedAt: number

  constructor(parts: BrokerWatchParts) {
    this.#parts = parts
    this.#answeredAt = this.#probedAt = parts.clock.monotonic()
  }

  failed(error: KafkaError): void {
    if (CAUSES.has(error.code)) this.#cause = error.message
    if (error.code !== ALL_DOWN) return
    this.#endRest()
    this.#unanswered = true
    const why = this.#cause === '' ? '' : ` (${this.#cause})`
    this.#warn(`answers${why}; reconnecting`)
  }

  answered(): void {
    const { clock, logger, brokers } = this.#parts
    const now = clock.monotonic()
    const seconds = Math.round((now - this.#answeredAt) / 1000)
    if (this.#down) logger.info({ brokers }, `the brokers answer again after ${seconds} s`)
    this.#down = this.#unanswered = false
    this.#cause = ''
    this.#answeredAt = now
  }

  /** Called often; asks now and then whether the brokers are there, unless they have just shown it. */
  tick(): void {
    const now = this.#parts.clock.monotonic()
    if (this.#probing || now - this.#probedAt < PROBE_MS) return
    if (!this.#unanswered && now - this.#answeredAt < ASK_AFTER_MS) return
    this.#probedAt = now
    const asked = this.#parts.probe()
    if (asked === undefined) return
    this.#endRest()
    this.#probing = true
    void asked.then(
      () => this.#probed(),
      (error: unknown) => this.#probed(error),
    )
  }

  /** Ticks for as long as the call takes. */
  async during<T>(call: () => Promise<T>): Promise<T> {
    this.#endRest()
    const done = new AbortController()
    void this.#tickUntil(done.signal)
    try {
      return await call()
    } finally {
      done.abort()
    }
  }

  async #tickUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#parts.clock.sleep(PROBE_MS, signal).catch(() => undefined)
      if (!signal.aborted) this.tick()
    }
  }

  #probed(error?: unknown): void {
    this.#probing = false
    if (error === undefined || isAnswer(error)) return this.answered()
    this.#unanswered = true
    const silence = this.#parts.clock.monotonic() - this.#answeredAt
    if (silence >= WARN_AFTER_MS) this.#warn(`has answered for ${Math.round(silence / 1000)} s; waiting`)
  }

  /** While nothing was asked nothing could be answered: that time does not count. */
  #endRest(): void {
    const now = this.#parts.clock.monotonic()
    if (!this.#unanswered && now - this.#answeredAt > WARN_AFTER_MS) this.#answeredAt = now
  }

  #warn(what: string): void {
    if (this.#down) return
    this.#down = true
    const { brokers, logger } = this.#parts
    logger.warn({ brokers }, `no broker of ${brokers} ${what}`)
  }
}

/** A refusal shows a broker that is there. */
function isAnswer(error: unknown): boolean {
  return isKafkaError(error) && (error.code > 0 || UNKNOWN_HERE.has(error.code))
}
