import { type ConnectRecord, Decimal, type TemplatePart, jsonText, parseTemplate, partText } from '@connect-run/core'
import { isoTime } from './iso-time.ts'
import { assertUnicode, invalid, notJson, shown } from './refusals.ts'

/** A longer id fails the whole request. */
export const MAX_ID_BYTES = 512
/** A character has three bytes at most for each of its units. */
const SURELY_SHORT = Math.floor(MAX_ID_BYTES / 3)

/** The id of a record's document; undefined where the server makes it. Throws a `RecordError` where it can't be one. */
export type DocumentIds = (record: ConnectRecord) => string | undefined

export function compileId(id: string): DocumentIds {
  if (id === 'auto') return () => undefined
  if (id === 'coordinates') return (record) => checkedId(coordinatesId(record))
  if (id === 'key') return (record) => checkedId(keyText(record.key))
  const parts = parseTemplate(id)
  return (record) => {
    let text = ''
    for (const part of parts) text += partOf(part, record)
    return checkedId(text)
  }
}

function partOf(part: TemplatePart, record: ConnectRecord): string {
  return part.kind === 'key' ? keyText(record.key) : partText(part, record, 'id')
}

/**
 * `topic+partition+offset+time`, with the record's time in milliseconds: a record read again has the same, a record of
 * a topic that was deleted and made anew has another. `offset.n` where a transform made several of one record (`n` is 1
 * for the second); `-` for a record without a time.
 */
export function coordinatesId(
  record: Pick<ConnectRecord, 'stream' | 'partition' | 'offset' | 'index' | 'timestamp'>,
): string {
  const { stream, partition, offset, index, timestamp } = record
  return `${stream}+${partition}+${offset}${index === 0 ? '' : `.${index}`}+${timestamp === undefined ? '-' : Math.floor(timestamp)}`
}

/**
 * A key as text: texts as they are, numbers in all their digits, bytes in base64, and everything else as JSON with its
 * keys in order, so that equal keys have equal texts.
 */
export function keyText(key: unknown): string {
  if (typeof key === 'string') return key
  if (typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean') return scalarText(key)
  if (key === null || key === undefined) throw invalid('the id needs a key, which the record does not have')
  if (key instanceof Uint8Array) return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('base64')
  if (key instanceof Date) return isoTime(key.getTime())
  if (key instanceof Decimal) return key.toString()
  try {
    return jsonText(sorted(key))
  } catch (error) {
    throw notJson('the key', error)
  }
}

function scalarText(key: number | bigint | boolean): string {
  if (typeof key === 'number' && !Number.isFinite(key)) throw invalid(`the key is ${key}, which makes no id`)
  return String(key)
}

/** The same value with the keys of its objects in order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value instanceof Map) throw invalid('the key has a map in it, which has no order and makes no id')
  if (typeof value !== 'object' || value === null || !isPlain(value)) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return new Map(entries.map(([name, inner]) => [name, sorted(inner)]))
}

function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object)
  return prototype === Object.prototype || prototype === null
}

function checkedId(id: string): string {
  if (id === '') throw invalid('the id is empty')
  assertUnicode(id, 'an id')
  if (id.length <= SURELY_SHORT) return id
  const size = Buffer.byteLength(id)
  if (size <= MAX_ID_BYTES) return id
  throw invalid(`the id \`${shown(id)}\` has ${size} bytes, and an id has ${MAX_ID_BYTES} at most`, 'Change `id`.')
}
