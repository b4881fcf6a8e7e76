import type { Clock, Logger } from '@connect-run/core'
import type { KafkaError } from './kafka-error.ts'

const PROBE_MS = 2000
/** Codes that say why a connection failed; "all brokers are down" only says that they did. */
const ALL_DOWN = -187
const CAUSES: ReadonlySet<number> = new Set([-195, -193, -181, -169, -185])

export interface BrokerWatchParts {
  readonly brokers: string
  readonly clock: Clock
  readonly logger: Logger
  /** Asks a broker anything; rejects while none answers. */
  probe?(): Promise<unknown>
}

/** Says once that no broker answers, and once that they do again. librdkafka reconnects by itself. */
export class BrokerWatch {
  readonly #parts: BrokerWatchParts
  #cause = ''
  #downSince: number | undefined
  #probedAt = 0

  constructor(parts: BrokerWatchParts) {
    this.#parts = parts
  }

  failed(error: KafkaError): void {
    const { brokers, clock, logger } = this.#parts
    if (CAUSES.has(error.code)) this.#cause = error.message
    if (error.code !== ALL_DOWN || this.#downSince !== undefined) return
    this.#downSince = clock.monotonic()
    const why = this.#cause === '' ? '' : ` (${this.#cause})`
    logger.warn({ brokers }, `no broker of ${brokers} answers${why}; reconnecting`)
  }

  answered(): void {
    if (this.#downSince === undefined) return
    const { clock, logger, brokers } = this.#parts
    const seconds = Math.round((clock.monotonic() - this.#downSince) / 1000)
    this.#downSince = undefined
    logger.info({ brokers }, `the brokers answer again after ${seconds} s`)
  }

  /** Called often; asks now and then whether the brokers are back. */
  tick(): void {
    const { clock } = this.#parts
    if (this.#parts.probe === undefined) return
    if (this.#downSince === undefined || clock.monotonic() - this.#probedAt < PROBE_MS) return
    this.#probedAt = clock.monotonic()
    this.#parts.probe().then(
      () => this.answered(),
      () => undefined,
    )
  }
}
