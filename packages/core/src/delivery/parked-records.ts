import { RecordError, RetriableError, isPartialBatch, isRecordError, isRetriable } from '../api/errors.ts'
import type { SinkTraits } from '../api/sink-task.ts'
import type { Logger } from '../api/task-context.ts'
import type { ParkingConfig } from '../config/pipeline-config.ts'
import { crashPoint } from '../crash-points.ts'
import type { Prepared } from '../pipeline/record-pipeline.ts'
import type { StageFailure } from '../pipeline/stage.ts'
import { packRecords } from '../records/batch-builder.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { type Health, describe } from '../worker/health.ts'
import type { LedgerBook } from '../worker/ledger.ts'
import { plural } from '../worker/plural.ts'
import type { Tried } from './delivery.ts'
import { FateBook } from './parked-fates.ts'
import type { ParkedFate, ParkedRecord, ParkingLot, ParkingSpace } from './parking.ts'
import type { SinkCalls } from './sink-calls.ts'
import { sortOut, stageOf } from './sort-out.ts'
import type { Tolerance } from './tolerance.ts'

export interface ParkedRecordsParts {
  readonly task: string
  readonly limits: ParkingConfig
  readonly calls: SinkCalls
  readonly prepare: (polled: RecordBatch) => Prepared
  readonly tolerance: Tolerance
  readonly ledger: LedgerBook
  /** Of the parking lot. */
  readonly health: Health
  readonly logger: Logger
  readonly random: () => number
  /** Called with the error that must fail the task. */
  readonly fail: (error: unknown) => void
  readonly signal: AbortSignal
}

/** Whether records may overtake each other on the way to the sink, and come twice: only such a sink's may be parked. */
export function mayPark({ ordered = false, idempotent = false }: SinkTraits): boolean {
  return idempotent && !ordered
}

/**
 * Records that the sink refused for a reason that may pass, while it took others: they are kept in a parking lot, and
 * tried again from their original bytes, until they are written or out of attempts.
 */
export class ParkedRecords {
  readonly #parts: ParkedRecordsParts
  readonly #space: ParkingSpace

  constructor(lot: ParkingLot, parts: ParkedRecordsParts) {
    this.#parts = parts
    const { task, limits, logger, random } = parts
    const retry = (records: readonly ParkedRecord[]): Promise<readonly ParkedFate[]> => this.#retry(records)
    this.#space = lot.open({ task, limits, logger, random, retry })
  }

  start(): void {
    this.#space.start()
  }

  close(): Promise<void> {
    return this.#space.close()
  }

  /** How many of the rows, from the first, are parked durably. Never rejects: the others are tried again in place. */
  async park(rows: RecordBatch, { attempts, firstFailureMs = 0 }: Tried): Promise<number> {
    const { health } = this.#parts
    const records = recordsOf(rows, { attempts, retries: 0, firstFailureMs })
    if (records.length === 0) return 0
    try {
      const parked = await this.#space.park(records)
      crashPoint('record-parked')
      if (parked === records.length) health.succeeded()
      else health.failed(full(records.length - parked))
      return parked
    } catch (error) {
      health.failed(error)
      return 0
    }
  }

  async #retry(records: readonly ParkedRecord[]): Promise<readonly ParkedFate[]> {
    const { prepare, ledger, fail } = this.#parts
    const fates = new FateBook(records)
    try {
      const { ready, failures, filtered, skipped } = prepare(packRecords(records))
      for (const row of filtered) fates.note(row, 'filtered')
      for (const row of skipped) fates.note(row, 'skipped')
      for (let row = 0; row < ready.length; row++) fates.expect(ready.packedRow(row))
      for (const { batch, row } of failures) fates.expect(batch.packedRow(row))
      await this.#reject(failures, fates)
      if (ready.length > 0) await this.#put(ready, fates)
    } catch (error) {
      if (!this.#parts.signal.aborted) fail(error)
    }
    for (const { outcome, counts } of fates.counts()) ledger.unparked(outcome, counts)
    return fates.fates()
  }

  /** One attempt; a batch with poison in it is tried again by halves. */
  async #put(rows: RecordBatch, fates: FateBook): Promise<void> {
    const { calls } = this.#parts
    const turn = await calls.turn()
    if (turn === undefined) return
    const error = await calls.call(rows, { turn, attempt: 1, areRefused: true })
    if (error === undefined) return fates.written(rows)
    if (isRecordError(error)) {
      if (rows.length === 1) return this.#reject([{ batch: rows, row: 0, stage: stageOf(error), error }], fates)
      const middle = rows.length >>> 1
      await this.#put(rows.slice(0, middle), fates)
      return this.#put(rows.slice(middle, rows.length), fates)
    }
    if (isPartialBatch(error)) {
      const { written, poison, again, reason } = sortOut(rows, error)
      fates.written(rows.select(written))
      await this.#reject(poison, fates)
      // What a probe finds out is about the sink as well.
      if (turn.isProbe && written.length === 0 && poison.length === 0) return
      return this.#refused(rows.select(again), reason, fates)
    }
    // A call that fails as a whole is about the sink, and not about the records.
    if (!isRetriable(error)) throw error
  }

  /** Out of attempts: dead letters. The others wait for their next attempt. */
  async #refused(rows: RecordBatch, reason: unknown, fates: FateBook): Promise<void> {
    if (rows.length === 0) return
    if (!isRetriable(reason)) throw reason
    const { maxAttempts } = this.#parts.limits
    const over: StageFailure[] = []
    for (let row = 0; row < rows.length; row++) {
      const { attempts, retries } = fates.record(rows.packedRow(row))
      const isOver = maxAttempts > 0 && retries + 1 >= maxAttempts
      if (isOver) over.push({ batch: rows, row, stage: 'TASK_PUT', error: exhausted(reason, attempts + retries + 1) })
      else fates.note(rows.packedRow(row), 'refused')
    }
    await this.#reject(over, fates)
  }

  /** Dead-letters one by one, as each has its own story; what a stop cuts short stays parked. */
  async #reject(failures: readonly StageFailure[], fates: FateBook): Promise<void> {
    const { tolerance } = this.#parts
    for (const failure of failures) {
      const record = fates.record(failure.batch.packedRow(failure.row))
      const tried = { attempts: record.attempts + record.retries + 1, firstFailureMs: record.firstFailureMs }
      await tolerance.reject([failure], tried, (row, outcome) => fates.note(row.batch.packedRow(row.row), outcome))
    }
  }
}

/** The rows as they were read, up to the first that can't be had again from bytes. */
function recordsOf(
  rows: RecordBatch,
  story: Pick<ParkedRecord, 'attempts' | 'retries' | 'firstFailureMs'>,
): ParkedRecord[] {
  const records: ParkedRecord[] = []
  // Pieces of a split record are done together with the others, wherever these are.
  if (rows.isSplit) return records
  for (let row = 0; row < rows.length; row++) {
    const key = rows.rawKey(row)
    const value = rows.rawValue(row)
    if (key === undefined || value === undefined) break
    const at = { stream: rows.stream(row), partition: rows.partition(row), offset: rows.offset(row) }
    const timestamp = rows.timestamp(row) ?? -1
    records.push({ ...at, timestamp, key, value, headers: rows.headers(row), ...story })
  }
  return records
}

function full(records: number): RetriableError {
  const message = `no room to park ${plural(records, 'record')}, which are tried again in place`
  return new RetriableError('PARKING_UNAVAILABLE', message, {
    hint: 'cure what the sink says of them, or let `parking.maxRecords` and `parking.maxBytes` of the sink be larger',
  })
}

function exhausted(error: RetriableError, attempts: number): RecordError {
  const { code, hint } = error
  return new RecordError(code, `given up after ${attempts} attempts: ${describe(error)}`, {
    ...(hint !== undefined && { hint }),
    cause: error,
  })
}
