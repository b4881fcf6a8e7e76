import { randomUUID } from 'node:crypto'
import { type Clock, type ConnectError, type Logger, RetriableError, isRetriable, crashPoint } from '@connect-run/core'
import {
  type RedisStateConfig,
  type StateStore,
  type StoredState,
  type TaskState,
  systemClock,
} from '@connect-run/core/runtime'
import { type Claimant, isGone, isSame, nameOf, parseClaimant, thisClaimant } from './claimant.ts'
import { StateConnection } from './connection.ts'
import { taskKeys } from './keys.ts'
import { unreadable } from './redis-errors.ts'
import { RedisTaskState, momentOf } from './redis-task-state.ts'
import { CLAIM } from './scripts.ts'
import { type Checked, checkServers, unsafe } from './server-checks.ts'
import { holderIn, FORMAT, storedState } from './state-fields.ts'

/** How long a worker that stands by waits before it looks again, at most, as a part of the lease. */
const STAND_BY = 1 / 5

export interface RedisStateOptions {
  readonly logger: Logger
  readonly clock?: Clock
}

/** Claims that stores of this process use. One of this process that is not among them is left over from a failed call. */
const inUse = new Set<string>()

/** State in Redis. Connects in the background; what needs the server says so when it is not there. */
export function openRedisState(config: RedisStateConfig, options: RedisStateOptions): StateStore {
  return new RedisStateStore(config, options.logger, options.clock ?? systemClock)
}

class RedisStateStore implements StateStore {
  readonly #config: RedisStateConfig
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #connection: StateConnection
  readonly #open = new Set<RedisTaskState>()
  /** Holders that this worker has stood by for, by task. */
  readonly #stoodBy = new Map<string, Holding>()
  readonly #self: Promise<Claimant> = thisClaimant()
  /** Of the servers that this is connected to now. */
  #checked: Promise<Checked> | undefined
  #wait: Checked['wait']
  #said = ''

  constructor(config: RedisStateConfig, logger: Logger, clock: Clock) {
    this.#config = config
    this.#logger = logger
    this.#clock = clock
    this.#connection = new StateConnection(config, () => {
      this.#checked = undefined
      // What fails here is tried again, and said, by those who need it.
      this.#check().catch(() => undefined)
      for (const state of this.#open) state.renew().catch(() => undefined)
    })
  }

  async open(task: string): Promise<TaskState> {
    await this.#connection.ready()
    await this.#refuseUnsafe()
    const claim = randomUUID()
    const holder = JSON.stringify(await this.#self)
    const askedAt = momentOf(this.#clock)
    // Before it is there: others of this process would take it for one that nobody uses.
    inUse.add(claim)
    const { epoch, stored } = await this.#claim({ task, claim, holder }).catch((error: unknown) => {
      inUse.delete(claim)
      throw error
    })
    crashPoint('redis-claimed')
    this.#stoodBy.delete(task)
    const claimed = { ...stored, keys: this.#keys(task), claim, holder, epoch, askedAt }
    const state: RedisTaskState = new RedisTaskState(claimed, {
      connection: this.#connection,
      leaseMs: this.#config.leaseMs,
      wait: () => this.#wait,
      clock: this.#clock,
      logger: this.#logger,
      onClose: () => {
        this.#open.delete(state)
        inUse.delete(claim)
      },
    })
    this.#open.add(state)
    return state
  }

  async check(): Promise<void> {
    if (!this.#config.strict) return
    try {
      await this.#connection.ready()
      await this.#refuseUnsafe()
    } catch (error) {
      if (!isRetriable(error)) throw error
    }
  }

  async read(task: string): Promise<readonly StoredState[]> {
    await this.#connection.ready()
    const names = (await this.#connection.call('SMEMBERS', this.#keys(task).index)) as readonly string[]
    const ordered = [...names].sort((one, other) => one.localeCompare(other, 'en', { numeric: true }))
    const states = await Promise.all(ordered.map((name) => this.#readOne(name)))
    return states.filter((state) => state !== undefined && state.savedAtMs > 0) as StoredState[]
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#open].map((state) => state.close()))
    this.#connection.close()
  }

  async #readOne(name: string): Promise<StoredState | undefined> {
    const flat = (await this.#connection.call('HGETALL', this.#keys(name).state)) as readonly string[]
    if (flat.length === 0) return undefined
    return { ...this.#understood(name, flat), heldBy: holderIn(flat, this.#clock.now()) }
  }

  /** Claims it; once more where the holder turns out to be dead. */
  async #claim(request: ClaimRequest): Promise<{ readonly epoch: string; readonly stored: StoredState }> {
    let takeOver = ''
    for (;;) {
      const [outcome, ...details] = await this.#ask(request, takeOver)
      if (outcome === 'claimed') {
        return { epoch: String(details[0]), stored: this.#understood(request.task, details[1] as readonly string[]) }
      }
      if (outcome === 'format') throw this.#unreadable(request.task, `it has format ${String(details[0])}`)
      if (outcome === 'behind') throw this.#vanished(request.task)
      const [claim = '', text = '', left = '0', epoch = '0'] = details as readonly string[]
      const holder = parseClaimant(text)
      if (claim === takeOver || !(await this.#isOver(claim, holder))) {
        this.#stoodBy.set(request.task, { epoch, missingSince: undefined })
        throw this.#locked(request.task, holder, Number(left))
      }
      takeOver = claim
    }
  }

  async #ask({ task, claim, holder }: ClaimRequest, takeOver: string): Promise<readonly unknown[]> {
    const { state, index } = this.#keys(task)
    const known = this.#knownEpoch(task)
    const args = [FORMAT, task, claim, holder, String(this.#config.leaseMs), takeOver, known]
    return (await this.#connection.run(CLAIM, [state, index], args, this.#wait)) as readonly unknown[]
  }

  /** The holder is dead, or it is a claim of this very process that is no longer used. */
  async #isOver(claim: string, holder: Claimant | undefined): Promise<boolean> {
    if (holder === undefined) return false
    const self = await this.#self
    if (!isSame(holder, self)) return isGone(holder, self)
    return !inUse.has(claim)
  }

  /** What a holder was known to have, it gets a lease's time to write again. */
  #knownEpoch(task: string): string {
    const known = this.#stoodBy.get(task)
    if (known?.missingSince === undefined) return known?.epoch ?? '0'
    if (this.#clock.monotonic() - known.missingSince < this.#config.leaseMs) return known.epoch
    this.#stoodBy.delete(task)
    return '0'
  }

  #vanished(task: string): RetriableError {
    const known = this.#stoodBy.get(task)
    if (known !== undefined) known.missingSince ??= this.#clock.monotonic()
    const message = `Redis at ${this.#connection.location} has lost the claim on ${task}, whose holder may write it again`
    return new RetriableError('STATE_LOCKED', message, {
      hint: 'this worker takes over if that does not happen within `state.lease`',
      retryAfterMs: this.#config.leaseMs * STAND_BY,
    })
  }

  #locked(task: string, holder: Claimant | undefined, leftMs: number): RetriableError {
    return new RetriableError('STATE_LOCKED', `the state of ${task} is held by ${nameOf(holder)}`, {
      hint: 'stop that worker, or let this one stand by; it takes over when the other is not heard of for `state.lease`',
      retryAfterMs: Math.min(leftMs + 10, this.#config.leaseMs * STAND_BY),
    })
  }

  async #refuseUnsafe(): Promise<void> {
    const { findings } = await this.#check()
    const [worst] = findings
    if (!this.#config.strict || worst === undefined) return
    throw unsafe(this.#connection.location, findings)
  }

  /** Once for each connection; a check that failed is made again. What is wrong is said when it is new. */
  #check(): Promise<Checked> {
    this.#checked ??= this.#checkNow().catch((error: unknown) => {
      this.#checked = undefined
      throw error
    })
    return this.#checked
  }

  async #checkNow(): Promise<Checked> {
    const checked = await checkServers(this.#connection, this.#config)
    this.#wait = checked.wait
    const text = checked.findings.map(({ message }) => message).join('; ')
    if (text !== this.#said && !this.#config.strict) {
      for (const { message, hint } of checked.findings) {
        this.#logger.warn({ code: 'STATE_UNSAFE', hint }, `Redis at ${this.#connection.location}: ${message}`)
      }
    }
    this.#said = text
    return checked
  }

  #keys(name: string) {
    return taskKeys(this.#config.keyPrefix, name)
  }

  #understood(task: string, flat: readonly string[]): StoredState {
    try {
      return storedState(task, flat)
    } catch (error) {
      throw this.#unreadable(task, (error as Error).message)
    }
  }

  #unreadable(task: string, reason: string): ConnectError {
    return unreadable(this.#connection.location, `${this.#keys(task).state}: ${reason}`)
  }
}

interface Holding {
  readonly epoch: string
  /** When it was first found to be gone, by the monotonic clock. */
  missingSince: number | undefined
}

interface ClaimRequest {
  readonly task: string
  readonly claim: string
  readonly holder: string
}
