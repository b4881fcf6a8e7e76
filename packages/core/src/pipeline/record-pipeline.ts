import { RecordError, isRecordError } from '../api/errors.ts'
import type { SinkTraits } from '../api/sink-task.ts'
import type { TransformStep } from '../config/pipeline-config.ts'
import type { Codec } from '../records/codec.ts'
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
  const readable = traits.reads === 'bytes' ? encodeRows : decodeRows
  return (polled) => {
    const failures: StageFailure[] = []
    const bound = polled.withCodec(codec)
    const skipped = traits.tombstones === 'skip' ? tombstones(bound) : []
    const wanted = skipped.length === 0 ? bound : bound.select(others(bound.length, skipped))
    const transformed = transforms.reduce((batch, step) => runStep(step, batch, failures), wanted)
    const filtered = transforms.length === 0 ? [] : missing(polled, transformed, { skipped, failures })
    return { ready: readable(transformed, failures), failures, filtered, skipped, transformed }
  }
}

function runStep(step: TransformStep, batch: RecordBatch, failures: StageFailure[]): RecordBatch {
  if (batch.length === 0) return batch
  const result = step.run(batch)
  for (const { row, error } of result.failures ?? []) failures.push({ batch, row, stage: 'TRANSFORMATION', error })
  return result.batch
}

/** Decodes every value and key, so that reading them can't fail any more. */
function decodeRows(batch: RecordBatch, failures: StageFailure[]): RecordBatch {
  return keepRows(batch, failures, (i, note) => {
    note('VALUE_CONVERTER')
    batch.value(i)
    note('KEY_CONVERTER')
    batch.key(i)
  })
}

/** Encodes every value and key for the sink, unless the source's bytes will do. */
function encodeRows(batch: RecordBatch, failures: StageFailure[]): RecordBatch {
  if (batch.passesThrough) return batch
  const keys: (Buffer | null)[] = []
  const values: (Buffer | null)[] = []
  const kept = keepRows(batch, failures, (i, note) => {
    note('VALUE_CONVERTER')
    const value = batch.valueBytes(i)
    note('KEY_CONVERTER')
    keys.push(batch.keyBytes(i))
    values.push(value)
  })
  return kept.withWire({ keys, values })
}

/** The rows for which `visit` does not throw a `RecordError`; it notes the stage that it enters. */
function keepRows(
  batch: RecordBatch,
  failures: StageFailure[],
  visit: (i: number, note: (stage: Stage) => void) => void,
): RecordBatch {
  let stage: Stage = 'VALUE_CONVERTER'
  let kept: number[] | null = null
  const note = (entered: Stage): void => {
    stage = entered
  }
  for (let i = 0; i < batch.length; i++) {
    try {
      visit(i, note)
      kept?.push(i)
    } catch (error) {
      kept ??= range(i)
      failures.push({ batch, row: i, stage, error: asRecordError(error) })
    }
  }
  return kept === null ? batch : batch.select(kept)
}

/** A converter that throws anything else has a defect, but the record still is the one that showed it. */
function asRecordError(error: unknown): RecordError {
  if (isRecordError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new RecordError('CONVERSION_FAILED', `the converter failed: ${message}`, { cause: error })
}

function tombstones(batch: RecordBatch): number[] {
  const rows: number[] = []
  for (let i = 0; i < batch.length; i++) if (batch.isTombstone(i)) rows.push(i)
  return rows
}

/** Rows of the polled batch that are in none of the other places: origins ascend in all of them. */
function missing(
  polled: RecordBatch,
  transformed: RecordBatch,
  gone: { skipped: readonly number[]; failures: readonly StageFailure[] },
): number[] {
  const accounted = new Set<number>()
  for (let i = 0; i < transformed.length; i++) accounted.add(transformed.origin(i))
  for (const row of gone.skipped) accounted.add(polled.origin(row))
  for (const { batch, row } of gone.failures) accounted.add(batch.origin(row))
  const rows: number[] = []
  for (let i = 0; i < polled.length; i++) if (!accounted.has(polled.origin(i))) rows.push(i)
  return rows
}

function others(length: number, rows: readonly number[]): number[] {
  const left = new Set(rows)
  return range(length).filter((i) => !left.has(i))
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}
