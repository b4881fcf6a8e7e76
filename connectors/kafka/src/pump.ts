import { type Clock, type Partition, type PollLimits, RecordBatch } from '@connect-run/core'
import { withoutPartitions } from './assignment.ts'
import type { FetchLimits, Fetched } from './client/consumer-client.ts'
import { Doorbell } from './doorbell.ts'

/** How long a fetch waits for the first record, on a thread of the pool; a rebalance and the end wait for it. */
const FETCH_WAIT_MS = 50
/** Most bytes of one fetch: decoding them holds the event loop. */
const FETCH_BYTES = 2 * 1024 * 1024
/** How often callbacks are served while nobody wants records: quickly for a commit that waits, else rarely. */
const SERVE_COMMIT_MS = 5
const SERVE_MS = 50
/** How long a poll takes that wants nothing. */
const FULL_WAIT_MS = 5
/** Nobody has wanted records for so long, or so many bytes of them wait: stop the brokers from sending more. */
const PAUSE_AFTER_MS = 1500
const PAUSE_AFTER_BYTES = 8 * 1024 * 1024
const AFTER_ERROR_MS = 200

export interface PumpParts {
  readonly clock: Clock
  /** How long a fetch waits for more records after the first, in milliseconds. */
  readonly lingerMs: number
  fetch(limits: FetchLimits): Promise<Fetched>
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
 * fetches. One fetch at a time, and one batch ahead of the polls: it is fetched while the sink works on the last. While
 * that waits to be polled, single records are fetched, now and then, and kept too; if that lasts or they are large, the
 * flow is paused and the serving goes on.
 */
export class Pump {
  readonly #parts: PumpParts
  readonly #stopping = new AbortController()
  /** Wakes the loop, and the poll. */
  readonly #loopBell: Doorbell
  readonly #pollBell: Doorbell
  #running: Promise<void> = Promise.resolve()
  #backlog: RecordBatch[] = []
  /** Whether the last poll wanted records, at most how many bytes of them, and the most that one ever wanted. */
  #wanting = false
  #maxBytes = 0
  #maxRecords = 1
  #holds = 0
  #fetching: Promise<void> = Promise.resolve()
  #paused = false
  #unwantedSince = 0
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

  /** Whether nothing fetched waits to be polled. */
  get isEmpty(): boolean {
    return this.#backlog.length === 0
  }

  async poll(limits: PollLimits, signal: AbortSignal): Promise<RecordBatch> {
    this.#note(limits)
    // Where nothing is wanted the runtime waits for room, and the group is served all the time.
    if (!this.#wanting) await this.#pollBell.wait(Math.min(limits.maxWaitMs, FULL_WAIT_MS), signal)
    else if (this.isEmpty && this.#failure === undefined) await this.#pollBell.wait(limits.maxWaitMs, signal)
    if (this.#failure !== undefined) throw this.#failure.error
    if (!this.#wanting) return RecordBatch.empty
    this.#unwantedSince = this.#parts.clock.monotonic()
    const batch = this.#shift(limits.maxRecords)
    if (this.isEmpty) this.#loopBell.ring()
    return batch
  }

  #note({ maxRecords, maxBytes }: PollLimits): void {
    this.#wanting = maxRecords > 0
    this.#maxRecords = Math.max(this.#maxRecords, maxRecords)
    this.#maxBytes = Math.min(maxBytes, FETCH_BYTES)
    if (this.#wanting && this.isEmpty) this.#loopBell.ring()
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
      if (this.#holds > 0) await this.#loopBell.wait(SERVE_MS, signal)
      else if (this.#wanting && this.isEmpty) await this.#fetchAhead()
      else await this.#serve(signal)
      this.#parts.tick()
    }
  }

  async #fetchAhead(): Promise<void> {
    this.#resume()
    const bounds = { maxRecords: this.#maxRecords, maxBytes: this.#maxBytes }
    await (this.#fetching = this.#fetch({ ...bounds, waitMs: FETCH_WAIT_MS, lingerMs: this.#parts.lingerMs }))
  }

  /** Passes the time while nobody wants records. */
  async #serve(signal: AbortSignal): Promise<void> {
    await this.#loopBell.wait(this.#parts.committing() ? SERVE_COMMIT_MS : SERVE_MS, signal)
    if ((this.#wanting && this.isEmpty) || this.#holds > 0 || signal.aborted) return
    if (!this.#paused && this.#isEnough()) {
      this.#paused = true
      this.#parts.pauseAll()
    }
    await (this.#fetching = this.#fetch({ maxRecords: 1, maxBytes: FETCH_BYTES, waitMs: 0, lingerMs: 0 }))
  }

  #isEnough(): boolean {
    if (this.#parts.clock.monotonic() - this.#unwantedSince > PAUSE_AFTER_MS) return true
    // One batch ahead may be as large as its records are.
    if (this.#backlog.length < 2) return false
    return this.#backlog.reduce((bytes, { packed }) => bytes + packed.buffer.length, 0) > PAUSE_AFTER_BYTES
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#parts.resumeAll()
  }

  async #fetch(limits: FetchLimits): Promise<void> {
    try {
      const fetched = await this.#parts.fetch(limits)
      const batch = this.#parts.take(fetched)
      if (hasContent(batch)) this.#deliver(batch)
      for (const error of fetched.errors) this.#report(error)
      if (fetched.errors.length === 0) return
    } catch (error) {
      this.#report(error)
    }
    await this.#loopBell.wait(AFTER_ERROR_MS, this.#stopping.signal)
  }

  #report(error: unknown): void {
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
}

function hasContent(batch: RecordBatch): boolean {
  return batch.length > 0 || (batch.positions?.length ?? 0) > 0
}
