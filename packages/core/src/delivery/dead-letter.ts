import type { StageFailure, Stage } from '../pipeline/stage.ts'
import { jsonConverter } from '../converters/json.ts'
import { toHeaders } from '../dead-letters/error-headers.ts'
import type { PackedInput } from '../records/batch-builder.ts'
import type { Tried } from './delivery.ts'

/** Who could not handle a record. */
export interface DeadLetterContext {
  readonly worker: string
  readonly pipeline: string
  /** What was at work at each stage: a connector, a converter, the transforms. */
  readonly executing: Readonly<Record<Stage, string>>
}

/** When and how often it was tried before it was given up. */
export type GivenUp = Tried & { readonly firstFailureMs: number }

/**
 * A failed record as it goes to the dead letter queue: its original bytes, timestamp and headers, and what happened
 * to it in headers of Kafka Connect's names, plus what an operator asks next.
 */
export function deadLetter(failure: StageFailure, context: DeadLetterContext, givenUp: GivenUp): PackedInput {
  const { batch, row, stage, error } = failure
  const timestamp = batch.timestamp(row)
  const key = original(batch.rawKey(row), () => batch.key(row))
  const value = original(batch.rawValue(row), () => batch.value(row))
  const encoded = [...(key.isEncoded ? ['key'] : []), ...(value.isEncoded ? ['value'] : [])].join()
  const told = toHeaders({
    topic: batch.stream(row),
    partition: String(batch.partition(row)),
    offset: String(batch.offset(row)),
    'connector.name': context.pipeline,
    'task.id': '0',
    stage,
    'class.name': stage === 'TRANSFORMATION' ? (failure.transform ?? 'transforms') : context.executing[stage],
    'exception.class.name': error.name,
    'exception.message': error.message,
    'exception.stacktrace': error.stack ?? error.message,
    code: error.code,
    ...(error.hint !== undefined && { hint: error.hint }),
    pipeline: `${context.worker}-${context.pipeline}`,
    attempts: String(Math.max(1, givenUp.attempts)),
    'first.failure.time': new Date(givenUp.firstFailureMs).toISOString(),
    timestamp: timestamp === undefined ? '' : String(timestamp),
    ...(encoded !== '' && { encoded }),
  })
  return {
    stream: batch.stream(row),
    partition: batch.partition(row),
    offset: batch.offset(row),
    timestamp: timestamp ?? -1,
    key: key.bytes,
    value: value.bytes,
    headers: [...batch.headers(row), ...told],
  }
}

/** The bytes as read; a part that never was bytes is written as JSON. */
function original(
  raw: Buffer | null | undefined,
  value: () => unknown,
): { readonly bytes: Buffer | null; readonly isEncoded: boolean } {
  if (raw !== undefined) return { bytes: raw, isEncoded: false }
  return { bytes: jsonConverter.encode(value(), undefined), isEncoded: true }
}
