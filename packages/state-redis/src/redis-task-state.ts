import { type Clock, ConnectError, type Logger, type Positions, crashPoint } from '@connect-run/core'
import {
  type LedgerEntry,
  type StateChanges,
  type TaskState,
  mergeLedger,
  mergePositions,
} from '@connect-run/core/runtime'
import { nameOf, parseClaimant } from './claimant.ts'
import type { StateConnection } from './connection.ts'
import type { TaskKeys } from './keys.ts'
import { RELEASE, WRITE } from './scripts.ts'
import { FORMAT, changedFields } from './state-fields.ts'
import type { Wait } from './wait.ts'

/** How often a lease is renewed in its course. */
const RENEWALS = 3

export interface ClaimedTask {
  readonly task: string
  readonly keys: TaskKeys
  /** Names this claim. */
  readonly claim: string
  /** Who holds it, for others to read. */
  readonly holder: string
  readonly epoch: string
  readonly positions: Positions
  readonly ledger: readonly LedgerEntry[]
  /** When the claim was asked for. */
  readonly askedAt: Moment
}

export interface TaskStateParts {
  readonly connection: StateConnection
  readonly leaseMs: number
  /** What makes a write durable; undefined: nothing is waited for. */
  readonly wait: () => Wait | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly onClose: () => void
}

/** What the last write is taken for by what is there. */
type Found = 'as expected' | 'an unconfirmed write' | 'something older'

/** A point in time by two clocks: one stands still while the machine sleeps, the other may be set. */
export interface Moment {
  readonly monotonic: number
  readonly wall: number
}

export function momentOf(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.now() }
}

/** A claim on a task, kept alive until it is closed or lost. */
export class RedisTaskState implements TaskState {
  readonly #claimed: ClaimedTask
  readonly #parts: TaskStateParts
  readonly #lost = new AbortController()
  readonly #closing = new AbortController()
  #positions: Positions
  #ledger: readonly LedgerEntry[]
  /** Numbers of the last write that was confirmed, and of the last that was tried. */
  #confirmed = 0
  #tried = 0
  /** Since when the lease runs, at the latest. */
  #renewedAt: Moment
  #last: Promise<unknown> = Promise.resolve()
  #closed: Promise<void> | undefined

  constructor(claimed: ClaimedTask, parts: TaskStateParts) {
    this.#claimed = claimed
    this.#parts = parts
    this.#positions = claimed.positions
    this.#ledger = claimed.ledger
    this.#renewedAt = claimed.askedAt
    void this.#keepAlive()
  }

  get positions(): Positions {
    return this.#positions
  }

  get ledger(): readonly LedgerEntry[] {
    return this.#ledger
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** One at a time, in the order of the calls. */
  write(changes: StateChanges): Promise<void> {
    return this.#inTurn(async () => {
      const positions = mergePositions(this.#positions, changes.positions)
      const ledger = mergeLedger(this.#ledger, changes.ledger ?? [])
      const number = ++this.#tried
      crashPoint('redis-before-write')
      const found = await this.#send(changes, number)
      if (found !== 'as expected') await this.#rewrite({ positions, ledger }, number, found)
      crashPoint('redis-written')
      this.#confirmed = number
      this.#positions = positions
      this.#ledger = ledger
    })
  }

  async confirm(): Promise<void> {
    if (!this.#isLeased()) await this.renew()
  }

  /** Gives a sign of life; it also finds out whether what was written is still there, and writes it again if not. */
  renew(): Promise<void> {
    return this.#inTurn(async () => {
      const found = await this.#send({ positions: [] }, this.#confirmed)
      if (found === 'as expected') return
      const number = ++this.#tried
      await this.#rewrite({ positions: this.#positions, ledger: this.#ledger }, number, found)
      this.#confirmed = number
    })
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#closing.abort()
    await this.#last
    const { connection, onClose } = this.#parts
    onClose()
    if (!this.lost.aborted) await connection.run(RELEASE, [this.#claimed.keys.state], [this.#claimed.claim])
  }

  #isLeased(): boolean {
    if (this.lost.aborted) return false
    const { leaseMs, clock } = this.#parts
    const { monotonic, wall } = this.#renewedAt
    return clock.monotonic() - monotonic < leaseMs && clock.now() - wall < leaseMs
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) {
      return Promise.reject(new ConnectError('STOPPED', `the state of ${this.#claimed.task} is closed`))
    }
    const done = this.#last.then(() => {
      this.lost.throwIfAborted()
      return act()
    })
    this.#last = done.catch(() => undefined)
    return done
  }

  /** Renews the lease in good time, for as long as there is one. What fails is tried again, and said by others. */
  async #keepAlive(): Promise<void> {
    const { leaseMs, clock } = this.#parts
    const over = AbortSignal.any([this.#closing.signal, this.lost])
    while (!over.aborted) {
      await clock.sleep(leaseMs / RENEWALS, over).catch(() => undefined)
      if (!over.aborted) await this.renew().catch(() => undefined)
    }
  }

  async #send(changes: StateChanges, number: number): Promise<Found> {
    const [outcome, last] = await this.#run(changes, number, 'changes')
    if (outcome === 'done') return 'as expected'
    // A write of ours whose answer was lost is no surprise.
    const isOurs = last !== '' && Number(last) > this.#confirmed && Number(last) <= this.#tried
    return isOurs ? 'an unconfirmed write' : 'something older'
  }

  async #rewrite(all: StateChanges, number: number, found: Found): Promise<void> {
    await this.#run(all, number, 'all')
    if (found === 'something older') this.#sayTakenBack()
  }

  async #run(changes: StateChanges, number: number, mode: 'changes' | 'all'): Promise<readonly string[]> {
    const { connection, leaseMs, clock, wait } = this.#parts
    const { keys, task, claim, holder, epoch } = this.#claimed
    const { set, remove } = changedFields(changes)
    const head = [FORMAT, task, claim, holder, String(leaseMs), epoch]
    const numbers = [String(this.#confirmed), String(number), mode, String(remove.length)]
    const askedAt = momentOf(clock)
    const isSignOfLife = mode === 'changes' && number === this.#confirmed
    const args = [...head, ...numbers, ...remove, ...set]
    const reply = await connection.run(WRITE, [keys.state, keys.index], args, isSignOfLife ? undefined : wait())
    const [outcome, detail = ''] = reply as readonly string[]
    if (outcome === 'fenced') throw this.#fenced(detail)
    if (outcome === 'done') this.#renewedAt = askedAt
    return [outcome!, detail]
  }

  #fenced(holder: string): ConnectError {
    const { task } = this.#claimed
    const by = nameOf(parseClaimant(holder))
    const error = new ConnectError('STATE_FENCED', `the state of ${task} has been taken over by ${by}`, {
      hint: 'this worker was suspended or cut off for longer than `state.lease`; it stands by now',
    })
    this.#lost.abort(error)
    return error
  }

  #sayTakenBack(): void {
    const { connection, logger } = this.#parts
    const { task } = this.#claimed
    logger.warn(
      { code: 'STATE_UNSAFE', task },
      `Redis at ${connection.location} has lost state of ${task} that it had confirmed (emptied, restarted without its ` +
        'data, or failed over to a replica that had not got it); it has been written again',
    )
  }
}
