import { type Clock, ConnectError, crashPoint, isConnectError, isRetriable } from '@connect-run/core'
import type { SendFailure, TransactionCalls } from './client/producer-client.ts'
import { connectError, explaining } from './error-map.ts'
import { KafkaError, isKafkaError } from './kafka-error.ts'

/** How long the coordinator has for one call, in milliseconds; … */
const CALL_MS = 10_000
/** … for ending what a predecessor has left; … */
const INIT_MS = 30_000
/** … for a call with all its repetitions; … */
const REPEATED_MS = 60_000
/** … and how much later the client must have returned, whatever the brokers do. */
const OVERDUE_MS = 20_000
const PAUSE_MS = 100

/** Somebody else works with the same transactional id. */
const TAKEN_OVER: ReadonlySet<number> = new Set([-144, 47, 90])
/** The group does not take the positions of this member. */
const EXPELLED: ReadonlySet<number> = new Set([22, 25, 27, 82])

/** What the client still had when it gave up, because something worse has happened. */
const PURGED: ReadonlySet<number> = new Set([-151, -152])

/** The transactions of one producer, one after the other. */
export class Transactions {
  readonly #calls: TransactionCalls
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #isReady = false
  #begun: Promise<void> | undefined
  #failure: ConnectError | undefined

  /** `signal` aborts when everything must end at once. */
  constructor(calls: TransactionCalls, clock: Clock, signal: AbortSignal) {
    this.#calls = calls
    this.#clock = clock
    this.#signal = signal
  }

  /**
   * Ends what the last producer of the same id has left open, and shuts that out. Before all else; asked for again, it
   * has been done, as the client takes that call only once.
   */
  async init(): Promise<void> {
    if (this.#isReady) return
    await explaining("can't begin to write in transactions", () => this.#inTime(this.#calls.init(INIT_MS), INIT_MS))
    this.#isReady = true
  }

  /** Opens a transaction unless one is open. */
  async begin(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    this.#begun ??= this.#repeated("can't begin a transaction", () => this.#calls.begin())
    await this.#begun
    crashPoint('transaction-begun')
  }

  /**
   * What is in the transaction is not known any more: nothing is written or committed until another producer takes
   * over. Returns the error that fails the task.
   */
  fail(error: unknown, doing: string): ConnectError {
    return (this.#failure ??= transactionError(error, doing))
  }

  /** Ends the transaction with everything that was written and what `addPositions` adds. */
  async commit(addPositions: () => Promise<void>): Promise<void> {
    await this.begin()
    await addPositions()
    crashPoint('transaction-positions-added')
    await this.#repeated("can't commit a transaction", () => this.#calls.commit(CALL_MS))
    crashPoint('transaction-committed')
    this.#begun = undefined
  }

  /** Adds positions of a group, in the name of its member. */
  async addOffsets(add: (timeoutMs: number) => Promise<void>): Promise<void> {
    await this.#repeated("can't add the positions of the group to a transaction", () => add(CALL_MS))
  }

  /** Sends records to a topic. One that was not delivered, or whose fate is not known, is the end of the transaction. */
  async send(topic: string, send: () => Promise<readonly SendFailure[]>): Promise<void> {
    await this.begin()
    const doing = `can't write to ${topic}`
    const failures = await send().catch((error: unknown) => {
      throw this.fail(error, doing)
    })
    if (failures.length === 0) return
    const telling = failures.find(({ error }) => !PURGED.has(error.code))
    throw this.fail(telling?.error ?? (await this.abort()) ?? failures[0]!.error, doing)
  }

  /**
   * Ends the open transaction without what was written. Resolves with what stands against that, if anything does: then
   * the next producer of the id ends it.
   */
  async abort(): Promise<unknown> {
    if (this.#begun === undefined) return undefined
    this.#begun = undefined
    try {
      await this.#inTime(this.#calls.abort(CALL_MS), CALL_MS)
      return undefined
    } catch (error) {
      return error
    }
  }

  /** Repeats a call that asks for it. Whatever else goes wrong is the end of the transaction. */
  async #repeated(doing: string, call: () => Promise<void>): Promise<void> {
    const until = this.#clock.monotonic() + REPEATED_MS
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      try {
        return await this.#inTime(call(), CALL_MS)
      } catch (error) {
        const isPassing = isKafkaError(error) && error.retriable && !error.fatal
        if (!isPassing || this.#clock.monotonic() >= until) throw this.fail(error, doing)
      }
      await this.#clock.sleep(PAUSE_MS, this.#signal).catch((error: unknown) => {
        throw this.fail(error, doing)
      })
    }
  }

  /** librdkafka does not always keep to the time that it is given. */
  async #inTime(call: Promise<void>, givenMs: number): Promise<void> {
    const returned = new AbortController()
    const overdue = async (): Promise<never> => {
      await this.#clock.sleep(givenMs + OVERDUE_MS, returned.signal)
      throw new KafkaError(-185, 'the client does not return')
    }
    const late = overdue()
    late.catch(() => undefined)
    try {
      await Promise.race([call, late])
    } finally {
      returned.abort()
    }
  }
}

/** Fails the task, whatever it is: rows are written again only after the transaction was aborted. */
function transactionError(error: unknown, doing: string): ConnectError {
  if (isConnectError(error) && !isRetriable(error)) return error
  if (!isKafkaError(error)) {
    const reason = error instanceof Error ? error.message : String(error)
    return new ConnectError('CONNECTION_LOST', `${doing}: ${reason}`, { cause: error })
  }
  if (TAKEN_OVER.has(error.code)) {
    return new ConnectError('FENCED', `${doing}: another worker has taken over this pipeline`, {
      hint: 'Nothing is doubled: what this one had not committed is written by the other. Run one worker, or share the state.',
      cause: error,
    })
  }
  if (EXPELLED.has(error.code)) {
    return new ConnectError('FENCED', `${doing}: the group has given its partitions anew meanwhile`, {
      hint: 'Nothing is lost or doubled: the next owner goes on from the last transaction that was committed.',
      cause: error,
    })
  }
  const { code, message, hint } = connectError(error, doing)
  return new ConnectError(code, message, { cause: error, ...(hint === undefined ? {} : { hint }) })
}
