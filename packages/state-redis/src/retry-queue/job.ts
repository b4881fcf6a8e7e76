import type { ParkedRecord } from '@connect-run/core/runtime'

/** A parked record as it stands in Redis: bytes in base64. */
export interface JobData {
  readonly stream: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970; -1 where there is none. */
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [key: string, value: string | null])[]
  readonly attempts: number
  readonly firstFailureMs: number
}

/** The same for the same record, whoever parks it; with its time, since a topic that is made anew begins at 0 again. */
export function jobId({ stream, partition, offset, timestamp }: ParkedRecord): string {
  // BullMQ takes no colon.
  const name = stream.replace(/[%:]/g, (character) => (character === '%' ? '%25' : '%3A'))
  return `${name}~${partition}~${offset}~${timestamp}`
}

export function jobData(record: ParkedRecord): JobData {
  const { stream, partition, offset, timestamp, key, value, headers = [], attempts, firstFailureMs } = record
  return {
    stream,
    partition,
    offset,
    timestamp,
    key: text(key),
    value: text(value),
    headers: headers.map((header) => [header.key, text(header.value)] as const),
    attempts,
    firstFailureMs,
  }
}

/** `retries`: how often it was tried since it was parked. */
export function recordOf(data: JobData, retries: number): ParkedRecord {
  const { stream, partition, offset, timestamp, key, value, headers, attempts, firstFailureMs } = data
  return {
    stream,
    partition,
    offset,
    timestamp,
    key: bytes(key),
    value: bytes(value),
    headers: headers.map(([name, content]) => ({ key: name, value: bytes(content) })),
    attempts,
    retries,
    firstFailureMs,
  }
}

function text(part: Buffer | null): string | null {
  return part === null ? null : part.toString('base64')
}

function bytes(part: string | null): Buffer | null {
  return part === null ? null : Buffer.from(part, 'base64')
}
