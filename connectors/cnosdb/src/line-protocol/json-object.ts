import { isUtf8 } from 'node:buffer'
import { type Action, type JsonColumn, type JsonColumns, LEAVE, SKIP, TAG, TIME, UNSIGNED } from './json-columns.ts'
import { NULL, NUMBER, type SlicingBuffer, type Token, TokenReader, skipSpace } from './json-tokens.ts'

const COMMA = 0x2c
const MINUS = 0x2d
const COLON = 0x3a
const OPENING = 0x7b
const CLOSING = 0x7d

/** One value of an object and what is to be done with it. Reused from object to object. */
export class JsonValue {
  column!: JsonColumn
  action: Action = SKIP
  token: Token = NULL
  /** Where it stands, with its quotes. */
  start = 0
  end = 0
  /** The value of a `NUMBER`. */
  number: number = NaN
}

/** A flat JSON object in a buffer, read at one go. */
export class FlatObject {
  /** What is to be written of the object that was read last: the first `count`, in order. */
  readonly values: JsonValue[] = []
  count = 0
  tags = 0
  time: JsonValue | undefined
  buffer!: SlicingBuffer
  readonly #tokens = new TokenReader()
  #columns!: JsonColumns
  #members = 0
  #object = 0

  /**
   * Reads the bytes from `start` to `end`. False where they are no valid JSON, or anything but a flat object whose
   * columns are known and take its values.
   */
  read(columns: JsonColumns, buffer: Buffer, start: number, end: number): boolean {
    this.#columns = columns
    this.buffer = buffer as SlicingBuffer
    this.#begin(end)
    let at = skipSpace(buffer, start)
    if (buffer[at] !== OPENING) return false
    do {
      at = this.#member(skipSpace(buffer, at + 1))
      if (at < 0) return false
      at = skipSpace(buffer, at)
    } while (buffer[at] === COMMA)
    // A text that ends too early can only be noticed here: behind it stands the next one.
    if (buffer[at] !== CLOSING || at >= end) return false
    if (at + 1 !== end && Math.min(skipSpace(buffer, at + 1), end) !== end) return false
    return this.#tokens.seen < 0x80 || isUtf8(buffer.subarray(start, end))
  }

  #begin(limit: number): void {
    this.#tokens.begin(this.buffer, limit)
    this.#object++
    this.#members = 0
    this.count = 0
    this.tags = 0
    this.time = undefined
  }

  /** One key with its value; the place after it, or -1. */
  #member(at: number): number {
    const tokens = this.#tokens
    const { plan } = this.#columns
    const index = this.#members++
    const predicted = plan[index]
    let after = predicted === undefined ? -1 : afterKey(this.buffer, at, predicted.quoted)
    if (after < 0) after = this.#key(index, at)
    if (after < 0) return -1
    const column = plan[index]!
    if (column.object === this.#object) return -1
    column.object = this.#object
    after = tokens.value(skipSpace(this.buffer, after))
    if (after < 0) return -1
    const action = column.actions[tokens.token]!
    if (action === LEAVE || (action === UNSIGNED && this.buffer[tokens.start] === MINUS)) return -1
    if (action !== SKIP) this.#keep(column, action)
    return after
  }

  /** A key that is not the one foreseen, and its colon. */
  #key(index: number, at: number): number {
    const end = this.#tokens.text(at)
    if (end < 0) return -1
    const column = this.#columns.find(this.buffer.utf8Slice(at + 1, end - 1))
    if (column === undefined) return -1
    this.#columns.plan[index] = column
    const colon = skipSpace(this.buffer, end)
    return this.buffer[colon] === COLON ? colon + 1 : -1
  }

  #keep(column: JsonColumn, action: Action): void {
    const { token, start, end, number } = this.#tokens
    const value = (this.values[this.count++] ??= new JsonValue())
    value.column = column
    value.action = action
    value.token = token
    value.start = start
    value.end = end
    if (token === NUMBER) value.number = number
    if (action === TAG) this.tags++
    else if (action === TIME) this.time = value
  }
}

/** The place after these bytes; -1 where others stand. */
function afterKey(buffer: Buffer, at: number, key: Uint8Array): number {
  const { length } = key
  for (let i = 0; i < length; i++) if (buffer[at + i] !== key[i]) return -1
  return at + length
}
