import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  type Clock,
  ConnectError,
  PartialBatchError,
  type RecordBatch,
  type RecordError,
  type RowFailure,
  type SinkContext,
  type SinkTask,
  isRecordError,
} from '@connect-run/core'
import { type HttpResponse, statusError } from '@connect-run/http'
import { type Verdict, judge, requestError } from './error-map.ts'
import { type Encoded, LineEncoder } from './line-protocol/encoder.ts'
import { compileMapping } from './mapping.ts'
import type { CnosdbSinkConfig } from './sink-config.ts'
import { type Split, splitByConflict, splitByKinds } from './type-split.ts'
import { type WriteClient, createWriteClient } from './write-client.ts'

/** How often an answer that may be a record's fault is taken for a fault that passes. */
const PATIENCE = 3

interface Put {
  readonly batch: RecordBatch
  readonly signal: AbortSignal
  readonly failures: RowFailure[]
}

/** Writes points over HTTP, one request for a batch as a rule. */
export class CnosdbSinkTask implements SinkTask<CnosdbSinkConfig> {
  readonly #config: CnosdbSinkConfig
  #client: WriteClient | undefined
  #encoder!: LineEncoder
  #clock!: Clock
  #refusesSilently = false
  #doubts = 0
  #doubtedRows = 0
  #turn: Promise<void> = Promise.resolve()

  constructor(config: CnosdbSinkConfig) {
    this.#config = config
  }

  async start(context: SinkContext<CnosdbSinkConfig>): Promise<void> {
    this.#clock = context.clock
    this.#encoder = new LineEncoder(compileMapping(this.#config, context.streams), this.#config)
    const client = (this.#client ??= await createWriteClient(this.#config))
    const pong = await client.ping(context.signal)
    const error = statusError(pong, client.address, this.#clock.now())
    if (error !== undefined) throw error
    this.#refusesSilently = this.#config.api === 'cnosdb' && isBefore241(pong.body)
    if (this.#refusesSilently) {
      const advice =
        'CnosDB before 2.4.1 may store escaped characters differently, and does not say what it refuses: upgrade it'
      context.logger.warn({ address: client.address }, advice)
    }
    if (!this.#config.createDatabase) return
    const verdict = this.#judge(client, await client.createDatabase(context.signal))
    if (verdict.kind !== 'done') throw requestError(verdict)
  }

  async put(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    const put: Put = { batch, signal, failures: [] }
    const groups: (readonly number[] | undefined)[] = [undefined]
    while (groups.length > 0) {
      const split = await this.#write(put, groups.shift())
      groups.unshift(...split.groups)
      for (const failure of split.failures) put.failures.push(failure)
    }
    if (put.failures.length > 0) throw new PartialBatchError(put.failures)
  }

  async probe(signal: AbortSignal): Promise<void> {
    const client = this.#started()
    const verdict = this.#judge(client, await client.write(Buffer.alloc(0), signal))
    if (verdict.kind !== 'done') throw requestError(verdict)
  }

  async stop(): Promise<void> {
    await this.#client?.close()
  }

  /** Writes rows, all of them where none are given; returns what is still to be written. */
  async #write({ batch, signal, failures }: Put, rows: readonly number[] | undefined): Promise<Split> {
    await this.#ownTurn()
    const encoded = this.#encoder.encode(batch, rows)
    for (const failure of encoded.failures) failures.push(failure)
    if (encoded.rows.length === 0) return nothing
    if (encoded.mixedColumns.length > 0) {
      const split = splitByKinds(this.#encoder, { batch, encoded })
      if (split !== undefined) return split
    }
    const client = this.#started()
    const verdict = this.#judge(client, await client.write(encoded.body, signal))
    return verdict.kind === 'conflict'
      ? splitByConflict(this.#encoder, { batch, encoded }, verdict)
      : this.#settle(encoded, verdict)
  }

  /** Batches that come together are encoded in one turn of the event loop each, so that none of them holds up the rest. */
  async #ownTurn(): Promise<void> {
    const turn = this.#turn
    this.#turn = turn.then(() => nextTurn())
    await turn
  }

  #settle({ rows }: Encoded, verdict: Exclude<Verdict, { kind: 'conflict' }>): Split {
    if (verdict.kind === 'done') {
      if (rows.length >= this.#doubtedRows) this.#doubts = 0
      return nothing
    }
    if (verdict.kind === 'doubtful') {
      this.#doubtedRows = Math.max(rows.length, this.#doubts === 0 ? 0 : this.#doubtedRows)
      if (this.#doubts++ < PATIENCE) throw verdict.retry
      return refused(rows, verdict.reject)
    }
    if (isRecordError(verdict.error)) return refused(rows, verdict.error)
    throw verdict.error
  }

  #judge({ address }: WriteClient, response: HttpResponse): Verdict {
    const { api } = this.#config
    const nowMs = this.#clock.now()
    return judge(api, { response, address, nowMs, refusesSilently: this.#refusesSilently })
  }

  #started(): WriteClient {
    if (this.#client === undefined) throw new ConnectError('STOPPED', 'the sink is not started')
    return this.#client
  }
}

const nothing: Split = { groups: [], failures: [] }

/** One row is refused here; of several the runtime finds out which. */
function refused(rows: readonly number[], error: RecordError): Split {
  if (rows.length > 1) throw error
  return { groups: [], failures: rows.map((row) => ({ row, error })) }
}

function isBefore241(pong: Buffer): boolean {
  const match = /"version"\s*:\s*"\D*(\d+)\.(\d+)\.(\d+)/.exec(pong.toString())
  if (match === null) return false
  const [major = 0, minor = 0, patch = 0] = match.slice(1).map(Number)
  return major * 1e6 + minor * 1e3 + patch < 2_004_001
}
