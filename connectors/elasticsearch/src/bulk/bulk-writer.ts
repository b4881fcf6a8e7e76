import {
  type Clock,
  type ConnectError,
  type RecordError,
  type RowFailure,
  isConnectError,
  isRecordError,
  isRetriable,
} from '@connect-run/core'
import type { ClusterClient } from '../cluster/cluster-client.ts'
import { type BulkItem, type Rules, judgeItem, judgeRequest } from '../error-map.ts'
import type { Action, Operations } from '../operation/operations.ts'
import { bodyOf, fitting, idOf } from './bodies.ts'
import { ANSWER_FILTER, byOperation, parseAnswer } from './bulk-answer.ts'
import type { Flow, Load } from './flow.ts'
import type { IdGuard } from './id-guard.ts'
import { Outcome } from './outcome.ts'
import { SizeLimit } from './size-limit.ts'
import { wavesOf } from './waves.ts'

export interface BulkWriterParts {
  readonly client: Pick<ClusterClient, 'address' | 'request'>
  readonly rules: Rules
  readonly flow: Flow
  readonly guard: IdGuard
  readonly clock: Pick<Clock, 'now'>
  /** Deadline of a request, in milliseconds. */
  readonly timeoutMs: number
}

/** The operations of one call of `write`, and what became of them. */
interface Writing {
  readonly ops: Operations
  readonly outcome: Outcome
  readonly signal: AbortSignal
}

/** Sends operations in as few requests as the cluster takes, and finds out what became of each. */
export class BulkWriter {
  readonly #parts: BulkWriterParts
  readonly #limit: SizeLimit
  readonly #path: string

  constructor(parts: BulkWriterParts) {
    this.#parts = parts
    this.#limit = new SizeLimit(parts.client)
    // The server gives up before we do, so that it can say which operations it could not carry out.
    const timeoutMs = Math.max(1, Math.floor(parts.timeoutMs * 0.8))
    this.#path = `/_bulk?filter_path=${ANSWER_FILTER}&timeout=${timeoutMs}ms`
  }

  /**
   * Resolves with the rows that failed, when all others are written. Throws a `RetriableError` only where it is not
   * known of any operation what became of it, and another error where the task must stop.
   */
  async write(ops: Operations, signal: AbortSignal): Promise<readonly RowFailure[]> {
    const release = ops.guards === null ? undefined : await this.#parts.guard.take(ops.guards, signal)
    const outcome = new Outcome(ops)
    try {
      for (const wave of wavesOf(ops.rows.length, ops.guards)) await this.#write({ ops, outcome, signal }, wave)
    } catch (error) {
      if (!isRetriable(error) || outcome.isBlank) throw error
      outcome.failRest(error)
    } finally {
      release?.()
    }
    return outcome.failures
  }

  async #write(writing: Writing, wave: readonly number[]): Promise<void> {
    const todo = [writing.outcome.sendable(wave)]
    for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
      if (part.length === 0) continue
      const count = fitting(writing.ops, part, Math.min(this.#limit.bytes, this.#parts.flow.bodyBytes))
      if (count < part.length) todo.push(part.slice(count))
      todo.push(...(await this.#send(writing, part.slice(0, count))))
    }
  }

  /** Sends one request; returns what must be sent again in smaller ones, the first of them last. */
  async #send(writing: Writing, part: readonly number[]): Promise<readonly (readonly number[])[]> {
    const { ops, outcome, signal } = writing
    const body = bodyOf(ops, part)
    try {
      const verdicts = await this.#exchange(writing, part, body)
      verdicts.forEach((verdict, i) => {
        if (verdict !== 'unclear') outcome.settle(part[i]!, verdict)
      })
      return halves(part.filter((_, i) => verdicts[i] === 'unclear'))
    } catch (error) {
      if (!isRecordError(error)) throw error
      const isTooLarge = error.code === 'RECORD_TOO_LARGE'
      if (isTooLarge) await this.#limit.refused(body.length, part.length > 1, signal)
      if (part.length > 1) return halves(part)
      const refusal: RecordError = isTooLarge ? this.#limit.error(body.length) : error
      outcome.settle(part[0]!, refusal)
      return []
    }
  }

  /** What became of each operation. Throws what became of all of them: a `RecordError` is about one of them. */
  async #exchange({ ops, signal }: Writing, part: readonly number[], body: Buffer): Promise<readonly Verdict[]> {
    const { client, rules, flow, clock } = this.#parts
    const leave = await flow.enter(body.length, signal)
    let load: Load = 'unknown'
    try {
      const response = await client.request({ method: 'POST', path: this.#path, body, signal })
      const { address } = response
      const error = judgeRequest(response, address, clock.now())
      if (error !== undefined) throw error
      const actions = part.map((i) => ops.actions[i]!)
      const items = byOperation(parseAnswer(response.body, actions, address), (i) => idOf(ops, part[i]!))
      const verdicts = verdictsOf(items, { actions, address, rules })
      load = verdicts.some((verdict) => isConnectError(verdict) && verdict.code === 'THROTTLED') ? 'crowded' : 'taken'
      return verdicts
    } catch (error) {
      load = isConnectError(error) && overloads.has(error.code) ? 'refused' : 'unknown'
      throw error
    } finally {
      leave(load)
    }
  }
}

/** What became of an operation; `unclear`: one of several answers is its own, and it is not known which. */
type Verdict = ConnectError | undefined | 'unclear'

interface Asked {
  readonly actions: readonly Action[]
  readonly address: string
  readonly rules: Rules
}

function verdictsOf(items: readonly (BulkItem | undefined)[], { actions, address, rules }: Asked): readonly Verdict[] {
  // A full queue rejects thousands at a time: one error says it for all.
  const rejections = new Map<string | undefined, ConnectError>()
  return items.map((item, i) => {
    if (item === undefined) return 'unclear'
    if (item.status < 300) return undefined
    const known = item.status === 429 ? rejections.get(item.error?.type) : undefined
    if (known !== undefined) return known
    const verdict = judgeItem({ item, action: actions[i]!, address }, rules)
    if (verdict?.code === 'THROTTLED') rejections.set(item.error?.type, verdict)
    return verdict
  })
}

const overloads: ReadonlySet<string> = new Set(['THROTTLED', 'TIMEOUT'])

/** Two parts, or as many as there can be, the later one first. */
function halves(part: readonly number[]): readonly (readonly number[])[] {
  const middle = part.length >>> 1
  return [part.slice(middle), part.slice(0, middle)].filter(({ length }) => length > 0)
}
