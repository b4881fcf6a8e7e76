import { type Clock, type Partition, type PollLimits, RecordBatch } from '@connect-run/core'
import { withoutPartitions } from './assignment.ts'
import type { Fetched } from './client/consumer-client.ts'
import { Doorbell } from './doorbell.ts'

/** Most records of one fetch: more are slower by the record, for the garbage they make. */
const MAX_FETCH = 2000
/** How long a fetch waits for the first record. It occupies a thread of the pool for so long. */
const FETCH_WAIT_MS = 10
/** How often callbacks are served while nobody wants records: quickly for a commit that waits, else rarely. */
const SERVE_COMMIT_MS = 5
const SERVE_MS = 50
/** Nobody has wanted records for so long: stop the brokers from sending more. */
const PAUSE_AFTER_MS = 1500
const AFTER_ERROR_MS = 200

export interface PumpParts {
  readonly clock: Clock
  fetch(maxRecords: number, waitMs: number): Promise<Fetched>
  /** Rows that are this consumer's, and positions. */
  take(fetched: Fetched): RecordBatch
  /** Whether an answer to a commit is awaited. */
  committing(): boolean
  /** Stops and restarts the flow from the brokers. */
  pauseAll(): void
  resumeAll(): void
  /** Throws what fails the task; returns where the flow goes on. */
  failed(error: unknown): void
  /** Called between fetches, for what is due now and then. */
  tick(): void
}

/**
 * Fetches as long as the task lives, whether anybody polls or not: assignments and commit results only come through
 * fetches. One fetch at a time. While nobody polls it fetches single records, now and then, and keeps them; if that
 * lasts, it pauses the flow and goes on serving.
 */
export class Pump {
  readonly #parts: PumpParts
  readonly #stopping = new AbortController()
  /** Wakes the loop, and the poll. */
  readonly #loopBell: Doorbell
  readonly #pollBell: Doorbell
  #running: Promise<void> = Promise.resolve()
  #backlog: RecordBatch[] = []
  /** What the poll that waits now wants. */
  #wanted: PollLimits | undefined
  #holds = 0
  #fetching: Promise<void> = Promise.resolve()
  #paused = false
  #unwantedSince = 0
  #averageBytes = 16_384
  #failure: { readonly error: unknown } | undefined

  constructor(parts: PumpParts) {
    this.#parts = parts
    this.#loopBell = new Doorbell(parts.clock)
    this.#pollBell = new Doorbell(parts.clock)
  }

  start(): void {
    this.#unwantedSince = this.#parts.clock.monotonic()
    this.#running = this.#run()
  }

  /** Resolves when the last fetch has returned. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the pump has stopped'))
    await this.#running
  }

  get paused(): boolean {
    return this.#paused
  }

  async poll(limits: PollLimits, signal: AbortSignal): Promise<RecordBatch> {
    if (limits.maxRecords === 0) await this.#pollBell.wait(limits.maxWaitMs, signal)
    else if (this.#backlog.length === 0 && this.#failure === undefined) await this.#want(limits, signal)
    if (this.#failure !== undefined) throw this.#failure.error
    return limits.maxRecords === 0 ? RecordBatch.empty : this.#shift(limits.maxRecords)
  }

  /** Runs the action while no fetch is under way: what came before belongs to the assignment before. */
  async hold<T>(action: () => T): Promise<T> {
    this.#holds++
    try {
      await this.#fetching
      return action()
    } finally {
      this.#holds--
      this.#loopBell.ring()
    }
  }

  /** Forgets what was fetched and not yet polled of some partitions. */
  discard(partitions: readonly Partition[]): void {
    this.#backlog = this.#backlog.map((batch) => withoutPartitions(batch, partitions)).filter(hasContent)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const limits = this.#backlog.length === 0 ? this.#wanted : undefined
      if (this.#holds > 0) await this.#loopBell.wait(SERVE_MS, signal)
      else if (limits !== undefined) await this.#fetchWanted(limits)
      else await this.#serve(signal)
      this.#parts.tick()
    }
  }

  async #fetchWanted(limits: PollLimits): Promise<void> {
    this.#resume()
    await (this.#fetching = this.#fetch(this.#budget(limits), FETCH_WAIT_MS))
  }

  /** Passes the time while nobody wants records. */
  async #serve(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    await this.#loopBell.wait(this.#parts.committing() ? SERVE_COMMIT_MS : SERVE_MS, signal)
    if (this.#wanted !== undefined || this.#holds > 0 || signal.aborted) return
    if (!this.#paused && clock.monotonic() - this.#unwantedSince > PAUSE_AFTER_MS) {
      this.#paused = true
      this.#parts.pauseAll()
    }
    await (this.#fetching = this.#fetch(1, 0))
  }

  #resume(): void {
    this.#unwantedSince = this.#parts.clock.monotonic()
    if (!this.#paused) return
    this.#paused = false
    this.#parts.resumeAll()
  }

  async #fetch(maxRecords: number, waitMs: number): Promise<void> {
    try {
      const fetched = await this.#parts.fetch(maxRecords, waitMs)
      this.#measure(fetched.batch)
      const batch = this.#parts.take(fetched)
      if (hasContent(batch)) this.#deliver(batch)
    } catch (error) {
      this.#note(error)
      await this.#loopBell.wait(AFTER_ERROR_MS, this.#stopping.signal)
    }
  }

  #note(error: unknown): void {
    try {
      this.#parts.failed(error)
    } catch (failure) {
      this.fail(failure)
    }
  }

  /** From now on every poll fails with this; the first failure counts. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#pollBell.ring()
  }

  /** As many records as fit into the bytes, going by the average of late. */
  #budget({ maxRecords, maxBytes }: PollLimits): number {
    return Math.max(1, Math.min(maxRecords, MAX_FETCH, Math.floor(maxBytes / this.#averageBytes)))
  }

  #measure(batch: RecordBatch): void {
    if (batch.length === 0) return
    const average = batch.packed.buffer.length / batch.length
    // Up at once, down slowly: a few large records must not be taken for small ones.
    this.#averageBytes = Math.max(1, average, this.#averageBytes * 0.75)
  }

  #deliver(batch: RecordBatch): void {
    this.#backlog.push(batch)
    this.#pollBell.ring()
  }

  /** The next batch; of a large one a part, with the positions on the last. */
  #shift(maxRecords: number): RecordBatch {
    const batch = this.#backlog.shift()
    if (batch === undefined || batch.length <= maxRecords) return batch ?? RecordBatch.empty
    const rest = batch.slice(maxRecords, batch.length)
    this.#backlog.unshift(batch.positions === null ? rest : rest.withPositions(batch.positions))
    return batch.slice(0, maxRecords)
  }

  async #want(limits: PollLimits, signal: AbortSignal): Promise<void> {
    this.#wanted = limits
    this.#loopBell.ring()
    await this.#pollBell.wait(limits.maxWaitMs, signal)
    this.#wanted = undefined
    this.#unwantedSince = this.#parts.clock.monotonic()
  }
}

function hasContent(batch: RecordBatch): boolean {
  return batch.length > 0 || (batch.positions?.length ?? 0) > 0
}
