/**
 * Reads line protocol exactly as strictly (and as oddly) as CnosDB 2.4.3 and later do. It shares nothing with the
 * encoder of the CnosDB sink on purpose: each is a check of the other.
 *
 * The oddities are the server's: neither a line feed nor a space ends a key, so a malformed line swallows the next
 * one; the first character of a table is never a separator; a backslash is only allowed before the characters that
 * may need it.
 */
import { isAscii } from 'node:buffer'

export type FieldType = 'DOUBLE' | 'BIGINT' | 'BIGINT UNSIGNED' | 'BOOLEAN' | 'STRING'

export interface PointTag {
  readonly key: string
  readonly value: string
}

export interface PointField {
  readonly key: string
  readonly type: FieldType
  /** BIGINT and BIGINT UNSIGNED are bigints. */
  readonly value: number | bigint | boolean | string
}

export interface Point {
  readonly table: string
  /** In the order written; the first of two with the same key. */
  readonly tags: readonly PointTag[]
  readonly fields: readonly PointField[]
  /** Undefined: the server's time. */
  readonly time: bigint | undefined
}

/** The server refuses the whole request. Positions count bytes. */
export class LineProtocolError extends Error {}

/** The server's parser dies on an empty field value: the connection is reset without an answer. */
export class ParserPanic extends Error {}

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const QUOTE = 34
const HASH = 35
const APOSTROPHE = 39
const COMMA = 44
const EQUALS = 61
const BACKSLASH = 92
const NONE = -1

export const INT64_MIN: bigint = -(2n ** 63n)
export const INT64_MAX: bigint = 2n ** 63n - 1n
const UINT64_MAX = 2n ** 64n - 1n
const FLOAT = /^[+-]?(?:\d+\.?\d*(?:e[+-]?\d+)?)$|^[+-](?:inf|infinity|nan|\.\d+(?:e[+-]?\d+)?)$/i
const SIGNED = /^[+-]?\d+$/
const UNSIGNED = /^\d+$/
const booleans = new Map([
  ...['t', 'T', 'true', 'True', 'TRUE'].map((text) => [text, true] as const),
  ...['f', 'F', 'false', 'False', 'FALSE'].map((text) => [text, false] as const),
])

/** Points of a request body, in order. One bad line refuses all of them. */
export function parseLineProtocol(body: Buffer): Point[] {
  return new LineParser(body).parse()
}

class LineParser {
  /** One character for each byte, so that positions are the server's. */
  readonly #text: string
  readonly #ascii: boolean
  #at = 0

  constructor(body: Buffer) {
    this.#text = body.toString('latin1')
    this.#ascii = isAscii(body)
  }

  parse(): Point[] {
    const points: Point[] = []
    for (;;) {
      this.#skipBlank()
      const first = this.#peek()
      if (first === NONE) return points
      if (first === HASH) this.#skipComment()
      else points.push(this.#point())
    }
  }

  #point(): Point {
    const table = this.#table()
    const tags: PointTag[] = []
    if (this.#text.charCodeAt(this.#at - 1) === COMMA) this.#readTags(tags)
    const fields: PointField[] = []
    const end = this.#readFields(fields)
    return { table, tags, fields, time: end === SPACE ? this.#time() : undefined }
  }

  #table(): string {
    const start = this.#at
    const end = this.#find(start + 1, { stop: COMMA, otherStop: SPACE, start, equalsMayBeEscaped: false })
    return this.#name(start, end)
  }

  #readTags(tags: PointTag[]): void {
    const section = this.#at
    for (;;) {
      const keyStart = this.#at
      const keyEnd = this.#keyEnd(keyStart, section)
      const valueStart = this.#at
      const valueEnd = this.#find(valueStart, { stop: COMMA, otherStop: SPACE, start: section })
      const key = this.#name(keyStart, keyEnd)
      if (!hasKey(tags, key)) tags.push({ key, value: this.#name(valueStart, valueEnd) })
      if (this.#text.charCodeAt(valueEnd) === SPACE) return
    }
  }

  /** What ended the last field: a space, a line feed, or the end of the body. */
  #readFields(fields: PointField[]): number {
    for (;;) {
      const start = this.#at
      const end = this.#keyEnd(start, start)
      const key = this.#name(start, end)
      const field = this.#field(key)
      if (field !== undefined && !hasKey(fields, key)) fields.push(field)
      const last = this.#at > this.#text.length ? NONE : this.#text.charCodeAt(this.#at - 1)
      if (last !== COMMA) return last
    }
  }

  /** Of a tag or field: its first character is no separator either, but may be escaped. */
  #keyEnd(from: number, start: number): number {
    const first = this.#text.charCodeAt(from) === BACKSLASH ? from : from + 1
    return this.#find(first, { stop: EQUALS, otherStop: NONE, start })
  }

  #field(key: string): PointField | undefined {
    const start = this.#at
    const end = this.#fieldValueEnd(start)
    const terminator = end < this.#text.length ? this.#text.charCodeAt(end) : NONE
    this.#at = end + 1
    const last = terminator === LF && this.#text.charCodeAt(end - 1) === CR ? end - 1 : end
    if (last > start) return this.#fieldValue(key, this.#text.substring(start, last))
    if (terminator === NONE) return undefined
    throw new ParserPanic(`empty field value at ${start}`)
  }

  #fieldValueEnd(start: number): number {
    const text = this.#text
    let quoted = false
    let i = start
    for (; i < text.length; i++) {
      const c = text.charCodeAt(i)
      if (c === QUOTE) quoted = !quoted
      else if (c === BACKSLASH) this.#checkEscape(++i, true)
      else if (!quoted && (c === COMMA || c === SPACE || c === LF)) break
    }
    if (quoted) throw unexpectedEnd(start)
    return Math.min(i, text.length)
  }

  #fieldValue(key: string, raw: string): PointField {
    const first = raw.charCodeAt(0)
    if (first === QUOTE && raw.length > 1 && raw.endsWith('"')) {
      return { key, type: 'STRING', value: this.#decode(unescapeString(raw.slice(1, -1))) }
    }
    const number = parseNumber(key, raw)
    if (number !== undefined) return number
    const boolean = booleans.get(raw)
    if (boolean !== undefined) return { key, type: 'BOOLEAN', value: boolean }
    throw new LineProtocolError(`invalid field value: '${this.#decode(raw)}'`)
  }

  #time(): bigint | undefined {
    this.#skipBlank()
    const text = this.#text
    const start = this.#at
    let end = start
    for (; end < text.length; end++) {
      const c = text.charCodeAt(end)
      if (c === SPACE || c === LF) break
    }
    this.#at = end + 1
    if (end === start) return undefined
    // At the end of the body the server reads digits and leaves the rest.
    const token = text.substring(start, text.charCodeAt(end - 1) === CR ? end - 1 : end)
    const digits = (end === text.length ? /^-?\d+/ : /^-?\d+$/).exec(token)?.[0]
    const time = digits === undefined ? undefined : BigInt(digits)
    if (time === undefined || time < INT64_MIN || time > INT64_MAX) {
      throw new LineProtocolError(`fail to parse timestamp at ${end}`)
    }
    return time
  }

  /** Position of the first of two unescaped separators; goes on after it. */
  #find(from: number, options: FindOptions): number {
    const { stop, otherStop, start, equalsMayBeEscaped = true } = options
    const text = this.#text
    for (let i = from; i < text.length; i++) {
      const c = text.charCodeAt(i)
      if (c === BACKSLASH) this.#checkEscape(++i, equalsMayBeEscaped)
      else if (c === stop || c === otherStop) {
        this.#at = i + 1
        return i
      }
    }
    throw unexpectedEnd(start)
  }

  #checkEscape(at: number, equalsMayBeEscaped: boolean): void {
    if (at >= this.#text.length) return
    const c = this.#text.charCodeAt(at)
    if (c === BACKSLASH || c === COMMA || c === SPACE || c === QUOTE || c === APOSTROPHE) return
    if (c === EQUALS && equalsMayBeEscaped) return
    throw new LineProtocolError(`unexpect token '${this.#text.charAt(at)}' at ${at}`)
  }

  /** A table, tag or field name, or a tag value. */
  #name(start: number, end: number): string {
    const raw = this.#text.substring(start, end)
    if (!raw.includes('\\')) return this.#decode(raw)
    const plain = raw.replaceAll(/\\[\\"',= ]/g, '')
    if (/[,= ]/.test(plain)) throw new LineProtocolError('invalid line protocol syntax')
    return this.#decode(raw.replaceAll(/\\([\\"',= ])/g, (both, c: string) => (/[,= ]/.test(c) ? c : both)))
  }

  #decode(raw: string): string {
    // Short slices are copies already; a long one would keep the whole body alive.
    if (this.#ascii && raw.length < 13) return raw
    return Buffer.from(raw, 'latin1').toString()
  }

  #skipBlank(): void {
    for (;;) {
      const c = this.#peek()
      if (c !== SPACE && c !== LF && c !== CR && c !== TAB) return
      this.#at++
    }
  }

  #skipComment(): void {
    const end = this.#text.indexOf('\n', this.#at)
    this.#at = end < 0 ? this.#text.length : end + 1
  }

  #peek(): number {
    return this.#at < this.#text.length ? this.#text.charCodeAt(this.#at) : NONE
  }
}

interface FindOptions {
  readonly stop: number
  readonly otherStop: number
  /** Named by the error where neither comes. */
  readonly start: number
  readonly equalsMayBeEscaped?: boolean
}

function unexpectedEnd(start: number): LineProtocolError {
  return new LineProtocolError(`unexpect end line start at '${start}'`)
}

function hasKey(list: readonly { readonly key: string }[], key: string): boolean {
  for (let i = 0; i < list.length; i++) if (list[i]!.key === key) return true
  return false
}

/** `\\` and `\"` are one character; before anything else the backslash stays. */
function unescapeString(raw: string): string {
  return raw.includes('\\') ? raw.replaceAll(/\\([\\"])/g, '$1') : raw
}

function parseNumber(key: string, raw: string): PointField | undefined {
  const first = raw.charCodeAt(0)
  const digit = first >= 48 && first <= 57
  if (!digit && first !== 43 && first !== 45) return undefined
  const body = raw.slice(0, -1)
  if (raw.endsWith('i') && SIGNED.test(body)) {
    const value = BigInt(body)
    return value >= INT64_MIN && value <= INT64_MAX ? { key, type: 'BIGINT', value } : undefined
  }
  if (raw.endsWith('u') && UNSIGNED.test(body)) {
    const value = BigInt(body)
    return value <= UINT64_MAX ? { key, type: 'BIGINT UNSIGNED', value } : undefined
  }
  return FLOAT.test(raw) ? { key, type: 'DOUBLE', value: toDouble(raw) } : undefined
}

function toDouble(raw: string): number {
  const value = Number(raw)
  if (!Number.isNaN(value)) return value
  if (/nan$/i.test(raw)) return Number.NaN
  return raw.startsWith('-') ? -Infinity : Infinity
}
