import type { Logger } from '@connect-run/core'

/**
 * What a request says about the load of the cluster: `taken` it keeps up; `crowded` there were too many at a time, since
 * some operations found a full queue; `refused` it was too much, since there was no memory for it, or no time; `unknown`
 * nothing.
 */
export type Load = 'taken' | 'crowded' | 'refused' | 'unknown'

/** Ends a request that was let through; called exactly once. */
export type Leave = (load: Load) => void

/** More than a pipeline has batches in flight: the runtime is what bounds them. */
const MOST_REQUESTS = 64
/** What a server is asked to take at once, in bytes, even where batches are larger. */
export const LARGEST_BODY: number = 20 * 1024 * 1024
/** What a body may have in any case, in bytes, and the least that it grows by. */
export const SMALLEST_BODY: number = 512
/** The share of its size that a body may grow by when one that filled the bound was taken. */
const BODY_STEP = 1 / 8
/** So many rounds of requests must be taken before there may be one more at a time: each trial too far costs a rejection. */
const ROUNDS = 8
/** So many requests in a row must have been taken before the cluster is said to keep up. */
const CALM = 16

/**
 * How many requests may be under way, and how large they may be. The one is halved when the cluster is overloaded, the
 * other where smaller requests help; both grow by steps while it keeps up, until they are again what they were before.
 * Who waits goes on in the order of arrival.
 */
export class Flow {
  readonly #logger: Logger
  readonly #waiters: (() => void)[] = []
  /** Grows by fractions. */
  #requests = MOST_REQUESTS
  #bodyBytes = LARGEST_BODY
  #inFlight = 0
  /** What was under way before the first halving; undefined while nothing is held back. */
  #before: { readonly requests: number; readonly bytes: number } | undefined
  /** Counts halvings: requests that were under way at one are no reason for another. */
  #round = 0
  /** Requests taken since the last one that was refused. */
  #taken = 0

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Requests that may be under way. */
  get requests(): number {
    return Math.floor(this.#requests)
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get waiting(): number {
    return this.#waiters.length
  }

  /** How large a body should be at most. */
  get bodyBytes(): number {
    return this.#bodyBytes
  }

  /** Waits until a request of so many bytes may be sent; rejects with the signal's reason. */
  async enter(bytes: number, signal: AbortSignal): Promise<Leave> {
    signal.throwIfAborted()
    if (this.#inFlight >= this.requests) await this.#wait(signal)
    else this.#inFlight++
    const round = this.#round
    return (load) => {
      if (load === 'crowded' || load === 'refused') this.#overloaded(load, bytes, round)
      if (load === 'taken') this.#grow(bytes)
      this.#inFlight--
      this.#letGo()
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(go), 1)
        reject(signal.reason as Error)
      }
      const go = (): void => {
        signal.removeEventListener('abort', abort)
        resolve()
      }
      this.#waiters.push(go)
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  #letGo(): void {
    while (this.#waiters.length > 0 && this.#inFlight < this.requests) {
      this.#inFlight++
      this.#waiters.shift()!()
    }
  }

  #overloaded(load: Load, bytes: number, round: number): void {
    this.#taken = 0
    if (round !== this.#round) return
    const requests = Math.min(this.requests, this.#inFlight)
    this.#round++
    this.#requests = Math.max(1, requests / 2)
    if (load === 'refused') this.#bodyBytes = Math.max(SMALLEST_BODY, Math.min(this.#bodyBytes, bytes) / 2)
    if (this.#before !== undefined) return
    this.#before = { requests, bytes }
    const fields = { requests: this.requests, bodyBytes: this.#bodyBytes }
    this.#logger.warn(fields, 'the cluster is overloaded: fewer and smaller requests until it keeps up')
  }

  /** Only what was used up to the bound shows that there may be more. */
  #grow(bytes: number): void {
    if (this.#before === undefined) return
    this.#taken++
    if (this.#inFlight >= this.requests) this.#requests += 1 / (ROUNDS * this.requests)
    if (bytes > this.#bodyBytes / 2) this.#bodyBytes += Math.max(SMALLEST_BODY, this.#bodyBytes * BODY_STEP)
    const isBack = this.#requests >= this.#before.requests && this.#bodyBytes >= this.#before.bytes
    if (!isBack || this.#taken < CALM) return
    this.#before = undefined
    this.#requests = MOST_REQUESTS
    this.#bodyBytes = LARGEST_BODY
    this.#logger.info({}, 'the cluster keeps up again')
  }
}
