import type { PackedInput } from '../records/batch-builder.ts'

/** Bytes as text where they are UTF-8, so that people can read them; otherwise in base64. */
type Bytes = { readonly utf8: string } | { readonly base64: string } | null

interface Line {
  readonly stream: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number | null
  readonly key: Bytes
  readonly value: Bytes
  readonly headers: readonly { readonly key: string; readonly value: Bytes }[]
}

/**
 * A dead letter as one line of JSON, without its line end:
 * `{stream, partition, offset, timestamp, key, value, headers: [{key, value}]}`. Nothing is lost: {@link parseLine}
 * gives back the same bytes.
 */
export function letterLine(letter: PackedInput): string {
  const { stream, partition, offset, timestamp, key, value, headers = [] } = letter
  return JSON.stringify({
    stream,
    partition,
    offset,
    timestamp: timestamp < 0 ? null : timestamp,
    key: readable(key),
    value: readable(value),
    headers: headers.map((header) => ({ key: header.key, value: readable(header.value) })),
  } satisfies Line)
}

/** Undefined for a line that is none of these. */
export function parseLine(text: string): PackedInput | undefined {
  try {
    const { stream, partition, offset, timestamp, key, value, headers } = JSON.parse(text) as Line
    if (typeof stream !== 'string' || !Number.isSafeInteger(partition) || !Number.isSafeInteger(offset))
      return undefined
    return {
      stream,
      partition,
      offset,
      timestamp: timestamp ?? -1,
      key: bytes(key),
      value: bytes(value),
      headers: headers.map((header) => ({ key: header.key, value: bytes(header.value) })),
    }
  } catch {
    return undefined
  }
}

function readable(buffer: Buffer | null): Bytes {
  if (buffer === null) return null
  const utf8 = buffer.toString('utf8')
  return Buffer.from(utf8, 'utf8').equals(buffer) ? { utf8 } : { base64: buffer.toString('base64') }
}

function bytes(written: Bytes): Buffer | null {
  if (written === null) return null
  return 'utf8' in written ? Buffer.from(written.utf8, 'utf8') : Buffer.from(written.base64, 'base64')
}
