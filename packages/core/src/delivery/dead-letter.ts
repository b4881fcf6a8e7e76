import type { Header } from '../api/record.ts'
import type { StageFailure } from '../pipeline/stage.ts'
import type { PackedInput } from '../records/batch-builder.ts'

/** Who gave up on the record, and after what. */
export interface DeadLetterContext {
  readonly worker: string
  readonly pipeline: string
  readonly connector: string
  /** How often the sink was asked to take it; 0 where it failed before. */
  readonly attempts: number
  /** Milliseconds since 1970. */
  readonly firstFailureMs: number
}

/**
 * A failed record as it goes to the dead letter queue: its original bytes, timestamp and headers, and what happened
 * to it in headers of Kafka Connect's names (KIP-298), plus code, pipeline, attempts and first failure.
 */
export function deadLetter(failure: StageFailure, context: DeadLetterContext): PackedInput {
  const { batch, row } = failure
  return {
    stream: batch.stream(row),
    partition: batch.partition(row),
    offset: batch.offset(row),
    timestamp: batch.timestamp(row) ?? -1,
    key: original(batch.rawKey(row), () => batch.key(row)),
    value: original(batch.rawValue(row), () => batch.value(row)),
    headers: [...batch.headers(row), ...errorHeaders(failure, context)],
  }
}

function errorHeaders({ batch, row, stage, error }: StageFailure, context: DeadLetterContext): Header[] {
  const values: Record<string, string> = {
    topic: batch.stream(row),
    partition: String(batch.partition(row)),
    offset: String(batch.offset(row)),
    'connector.name': context.pipeline,
    'task.id': '0',
    stage,
    'class.name': context.connector,
    'exception.class.name': error.name,
    'exception.message': error.message,
    'exception.stacktrace': error.stack ?? error.message,
    code: error.code,
    pipeline: `${context.worker}-${context.pipeline}`,
    attempts: String(context.attempts),
    'first.failure.time': new Date(context.firstFailureMs).toISOString(),
  }
  return Object.entries(values).map(([name, value]) => ({
    key: `__connect.errors.${name}`,
    value: Buffer.from(value, 'utf8'),
  }))
}

/** The bytes as read; a record that never was bytes is written as JSON. */
function original(raw: Buffer | null | undefined, value: () => unknown): Buffer | null {
  if (raw !== undefined) return raw
  const json = JSON.stringify(value(), (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part))
  return Buffer.from(json, 'utf8')
}
