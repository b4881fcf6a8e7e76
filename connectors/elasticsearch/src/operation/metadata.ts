import { isUtf8 } from 'node:buffer'
import { type ConnectRecord, type Header, jsonText } from '@connect-run/core'
import { isoTime } from './iso-time.ts'
import { notJson } from './refusals.ts'

/** Where a record comes from and what it carries beside its value, as a JSON object. */
export function metadataText(record: ConnectRecord): string {
  const { stream, partition, offset, timestamp, key, headers } = record
  const time = timestamp === undefined ? undefined : isoTime(timestamp)
  const about = { topic: stream, partition, offset, timestamp: time, key: key ?? undefined, headers: byName(headers) }
  try {
    return jsonText(about, { maps: 'entries', decimals: 'string' })
  } catch (error) {
    throw notJson('the key', error)
  }
}

/** Undefined where there are none. A name that stands several times has all its values. */
function byName(headers: readonly Header[]): object | undefined {
  if (headers.length === 0) return undefined
  const values = new Map<string, unknown>()
  for (const { key, value } of headers) {
    const text = value === null ? null : value.toString(isUtf8(value) ? 'utf8' : 'base64')
    const known = values.get(key)
    if (known === undefined) values.set(key, text)
    else if (Array.isArray(known)) known.push(text)
    else values.set(key, [known, text])
  }
  return values
}
