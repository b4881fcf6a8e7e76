import { Decimal } from './decimal.ts'

/** How to say what JSON has no word for. */
export interface JsonStyle {
  /** A Decimal, as a number by default. */
  readonly decimals?: 'number' | 'string'
  /** A Map with a key that is no string: `[[key, value]]` by default, or `[{"key": …, "value": …}]`. */
  readonly maps?: 'pairs' | 'entries'
}

const plainStyle: JsonStyle = {}

/**
 * Exact JSON text of any value: bigints and Decimals as numbers, bytes as base64, a Map as an object or, where a key
 * is no string, as pairs. Throws a `TypeError` with a plain sentence for what JSON can't say.
 */
export function jsonText(value: unknown, style: JsonStyle = plainStyle): string {
  return isPlain(value) ? JSON.stringify(value) : write(value, style)
}

/** Whether `JSON.stringify` says it right. Most values are, and it is several times faster. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object') return typeof value === 'string' || typeof value === 'boolean'
  return value === null || (Array.isArray(value) ? value.every(isPlain) : isPlainObject(value))
}

function isPlainObject(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object)
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const key in object) {
    const value = (object as Record<string, unknown>)[key]
    if (value !== undefined && !isPlain(value)) return false
  }
  return true
}

function write(value: unknown, style: JsonStyle): string {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`JSON has no ${value}`)
  if (typeof value === 'object' && value !== null) return writeObject(value, style)
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw new TypeError(`JSON has no value of type ${typeof value}`)
  return text
}

function writeObject(object: object, style: JsonStyle): string {
  if (Array.isArray(object)) {
    return `[${object.map((item) => (item === undefined ? 'null' : write(item, style))).join(',')}]`
  }
  if (object instanceof Decimal) return style.decimals === 'string' ? `"${object.toString()}"` : object.toString()
  if (object instanceof Date) return JSON.stringify(object)
  if (object instanceof Uint8Array) return JSON.stringify(base64(object))
  if (object instanceof Map) return writeMap(object, style)
  return writeEntries(Object.entries(object), style)
}

function writeMap(map: ReadonlyMap<unknown, unknown>, style: JsonStyle): string {
  const entries = [...map]
  if (entries.every((entry): entry is [string, unknown] => typeof entry[0] === 'string')) {
    return writeEntries(entries, style)
  }
  if (style.maps === 'entries')
    return write(
      entries.map(([key, value]) => ({ key, value })),
      style,
    )
  return `[${entries.map(([key, value]) => `[${write(key, style)},${write(value, style)}]`).join(',')}]`
}

function writeEntries(entries: readonly [string, unknown][], style: JsonStyle): string {
  const known = entries.filter(([, value]) => value !== undefined)
  return `{${known.map(([key, value]) => `${JSON.stringify(key)}:${write(value, style)}`).join(',')}}`
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
