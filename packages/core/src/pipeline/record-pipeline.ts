import { RecordError, isRecordError } from '../api/errors.ts'
import type { SinkTraits } from '../api/sink-task.ts'
import type { TransformResult } from '../api/transform.ts'
import type { TransformStep } from '../config/pipeline-config.ts'
import type { Codec } from '../records/codec.ts'
import { EncodedColumnsBuilder } from '../records/encoded-columns.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import type { Stage, StageFailure } from './stage.ts'

/** What became of a polled batch on its way to the sink. Every row is in exactly one of these. */
export interface Prepared {
  /** For the sink; readable without errors in the way that it asked for. */
  readonly ready: RecordBatch
  readonly failures: readonly StageFailure[]
  /** Rows of the polled batch that a transform dropped on purpose. */
  readonly filtered: readonly number[]
  /** Rows of the polled batch that the sink does not want: tombstones, by its traits. */
  readonly skipped: readonly number[]
  /** What the transforms made, with the rows that failed to be read afterwards. */
  readonly transformed: RecordBatch
}

/** The numbers of all rows that a polled batch has become: those that transforms made, and those that failed there. */
export function pieces({ transformed, failures }: Pick<Prepared, 'transformed' | 'failures'>): number[] {
  const origins = failures.filter(({ transform }) => transform !== undefined).map(({ batch, row }) => batch.origin(row))
  for (let i = 0; i < transformed.length; i++) origins.push(transformed.origin(i))
  return origins
}

export interface RecordPipelineOptions {
  readonly codec: Codec
  readonly transforms: readonly TransformStep[]
  readonly traits: SinkTraits
}

/**
 * Takes polled batches through converters and transforms. Failures are found here, per record, before the sink sees
 * anything; what nobody reads stays packed.
 */
export function recordPipeline(options: RecordPipelineOptions): (polled: RecordBatch) => Prepared {
  const { codec, transforms, traits } = options
  const readable = readers[traits.reads ?? 'values']
  const keeps = traits.reads !== 'source' || transforms.length > 0
  return (polled) => {
    const bound = polled.withCodec(codec, keeps)
    const failures: StageFailure[] = polled.failures.map((failed) => ({ batch: bound, stage: 'TASK_POLL', ...failed }))
    const failed = failures.map(({ row }) => row)
    const skipped = traits.tombstones === 'skip' ? others(tombstones(bound), failed) : []
    const gone = [...failed, ...skipped]
    const wanted = gone.length === 0 ? bound : bound.select(others(range(bound.length), gone))
    const transformed = transforms.reduce((batch, step) => runStep(step, batch, failures), wanted)
    const filtered = transforms.length === 0 ? [] : missing(polled, transformed, { skipped, failures })
    return { ready: readable(transformed, failures), failures, filtered, skipped, transformed }
  }
}

function runStep(step: TransformStep, batch: RecordBatch, failures: StageFailure[]): RecordBatch {
  if (batch.length === 0) return batch
  let result: TransformResult
  try {
    result = step.run(batch)
  } catch (error) {
    return runStep(step, withoutThrowing(step, batch, { error, failures }), failures)
  }
  for (const { row, error } of result.failures ?? []) failures.push(failedIn(step, { batch, row, error }))
  return result.batch
}

/** A transform that throws, instead of saying which row it can't handle, is asked by halves: the rows that it takes. */
function withoutThrowing(
  step: TransformStep,
  batch: RecordBatch,
  { error: thrown, failures }: { error: unknown; failures: StageFailure[] },
): RecordBatch {
  const fine: number[] = []
  const search = (from: number, to: number, error: unknown): void => {
    if (to - from === 1) {
      failures.push(failedIn(step, { batch, row: from, error: asRecordError(error, step.name) }))
      return
    }
    const middle = (from + to) >>> 1
    tryRows(from, middle)
    tryRows(middle, to)
  }
  const tryRows = (from: number, to: number): void => {
    try {
      step.run(batch.slice(from, to))
      for (let row = from; row < to; row++) fine.push(row)
    } catch (error) {
      search(from, to, error)
    }
  }
  search(0, batch.length, thrown)
  // It takes every half and not the whole: no record is to blame.
  if (fine.length === batch.length) throw thrown
  return batch.select(fine)
}

function failedIn({ name }: TransformStep, failure: Pick<StageFailure, 'batch' | 'row' | 'error'>): StageFailure {
  // A transform that reads a value is the first to have it converted.
  const stage = failure.error.code === 'CONVERSION_FAILED' ? 'VALUE_CONVERTER' : 'TRANSFORMATION'
  return { ...failure, stage, transform: name }
}

type Reader = (batch: RecordBatch, failures: StageFailure[]) => RecordBatch

/** Decodes every value and key, so that reading them can't fail any more. */
function decodeRows(batch: RecordBatch, failures: StageFailure[]): RecordBatch {
  const value = (i: number): unknown => batch.value(i)
  const key = (i: number): unknown => batch.key(i)
  return keepRows(batch, failures, { value, key })
}

/** Decodes every key; values are the sink's affair. */
function decodeKeys(batch: RecordBatch, failures: StageFailure[]): RecordBatch {
  if (batch.codec.key.source.format === 'bytes') return batch
  return keepRows(batch, failures, { value: () => undefined, key: (i) => batch.key(i) })
}

/** Encodes every value and key for the sink, unless the source's bytes will do. */
function encodeRows(batch: RecordBatch, failures: StageFailure[]): RecordBatch {
  if (batch.passesThrough) return batch
  const encoded = new EncodedColumnsBuilder(batch.length)
  let bytes: Buffer | null = null
  const value = (i: number): void => {
    bytes = batch.valueBytes(i)
  }
  const key = (i: number): void => encoded.add(batch.keyBytes(i), bytes)
  return keepRows(batch, failures, { value, key }).withEncoded(encoded.finish())
}

const readers: Readonly<Record<NonNullable<SinkTraits['reads']>, Reader>> = {
  values: decodeRows,
  bytes: encodeRows,
  source: decodeKeys,
}

/** What is done with the value, then with the key of a row; either may throw a `RecordError`. */
interface RowVisit {
  readonly value: (i: number) => unknown
  readonly key: (i: number) => unknown
}

/** The rows for which the visit does not throw. */
function keepRows(batch: RecordBatch, failures: StageFailure[], { value, key }: RowVisit): RecordBatch {
  let kept: number[] | null = null
  for (let i = 0; i < batch.length; i++) {
    let stage: Stage = 'VALUE_CONVERTER'
    try {
      value(i)
      stage = 'KEY_CONVERTER'
      key(i)
      kept?.push(i)
    } catch (error) {
      kept ??= range(i)
      failures.push({ batch, row: i, stage, error: asRecordError(error, null) })
    }
  }
  return kept === null ? batch : batch.select(kept)
}

/** A converter or transform that throws anything else has a defect, but the record still is the one that showed it. */
function asRecordError(error: unknown, transform: string | null): RecordError {
  if (isRecordError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  if (transform === null)
    return new RecordError('CONVERSION_FAILED', `the converter failed: ${message}`, { cause: error })
  return new RecordError('TRANSFORM_FAILED', `the transform ${transform} failed: ${message}`, { cause: error })
}

function tombstones(batch: RecordBatch): number[] {
  const rows: number[] = []
  for (let i = 0; i < batch.length; i++) if (batch.isTombstone(i)) rows.push(i)
  return rows
}

/** Rows of the polled batch that are in none of the other places. All are views of the same packed records. */
function missing(
  polled: RecordBatch,
  transformed: RecordBatch,
  gone: { skipped: readonly number[]; failures: readonly StageFailure[] },
): number[] {
  const accounted = new Uint8Array(polled.packed.count)
  for (let i = 0; i < transformed.length; i++) accounted[transformed.packedRow(i)] = 1
  for (const row of gone.skipped) accounted[polled.packedRow(row)] = 1
  for (const { batch, row } of gone.failures) accounted[batch.packedRow(row)] = 1
  const rows: number[] = []
  for (let i = 0; i < polled.length; i++) if (accounted[polled.packedRow(i)] === 0) rows.push(i)
  return rows
}

function others(rows: readonly number[], gone: readonly number[]): readonly number[] {
  if (gone.length === 0) return rows
  const left = new Set(gone)
  return rows.filter((row) => !left.has(row))
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}
