import type { PackedRecords } from '@connect-run/core'
import { type BodyBuilder, copyRange, fragment, writeFragment } from '@connect-run/http'
import { hashCode, hashText, spreadHash } from '../collision-window.ts'
import type { Mapping } from '../mapping.ts'
import { type Progress, type Table, hasPoint, noteKind } from './columns.ts'
import { type Kind, formatDouble } from './field-value.ts'
import { CONVERT, JsonColumns, QUOTED, SIGNED, TAG, TIME, UNSIGNED } from './json-columns.ts'
import { FlatObject, type JsonValue } from './json-object.ts'
import { EMPTY, HUGE, LONG, NUMBER, TEXT } from './json-tokens.ts'
import { timeFromCount, timeFromRfc3339 } from './point-time.ts'
import type { OverridableTag } from './point-writer.ts'
import { escapeTagValue } from './text.ts'

const SPACE = 0x20
const QUOTE = 0x22
const COMMA = 0x2c
const EQUALS = 0x3d
const BACKSLASH = 0x5c
const SIGNED_SUFFIX = 0x69
const UNSIGNED_SUFFIX = 0x75

/** Rows at most that are left to the general path untried. */
const LONGEST_REST = 256

/** More than the conversion of a value adds to it. */
const CONVERTED_BYTES = 32

/**
 * Turns flat JSON objects into points, from bytes to bytes. It covers what readings are made of: numbers, booleans,
 * null and texts without escapes, under keys that it knows. All else is left to the general path (`JSON.parse` and
 * `PointWriter`), which makes the same points, and all the errors: an object that `read` does not take leaves no trace.
 *
 * An object is read first and written afterwards, for its tags may stand behind its fields.
 */
export class JsonTranscoder {
  /** Sum of the tags' hashes, each spread, once they are written. */
  tagHash = 0
  /** More than tags, fields and time take. */
  size = 0
  readonly #mapping: Mapping
  readonly #overridable: readonly ReturnType<typeof withFragment>[]
  readonly #overridableSize: number
  readonly #progress: Progress
  readonly #object = new FlatObject()
  readonly #columns = new WeakMap<Table, JsonColumns>()
  #table!: Table
  /** Rows to go before the next one is tried, and how many that will be. */
  #resting = 0
  #rest = 0
  #tableColumns: JsonColumns | undefined

  /** Undefined for a mapping that needs more than the object's own keys. */
  static for(mapping: Mapping, overridable: readonly OverridableTag[], progress: Progress): JsonTranscoder | undefined {
    const { root, headerTags, table } = mapping
    if (root !== undefined || headerTags.length > 0 || table.namesValue) return undefined
    return new JsonTranscoder(mapping, overridable, progress)
  }

  private constructor(mapping: Mapping, overridable: readonly OverridableTag[], progress: Progress) {
    this.#mapping = mapping
    this.#overridable = overridable.map(withFragment)
    this.#overridableSize = this.#overridable.reduce((sum, tag) => sum + tag.fragment.length, 0)
    this.#progress = progress
  }

  /**
   * Reads the value of a packed row; false where it is left to the general path. Where none is ever taken, they are
   * tried more and more seldom.
   */
  read(table: Table, packed: PackedRecords, row: number): boolean {
    if (this.#resting > 0) {
      this.#resting--
      return false
    }
    const isTaken = this.#take(table, packed, row)
    this.#rest = isTaken ? 0 : Math.min(2 * this.#rest + 1, LONGEST_REST)
    if (!isTaken) this.#resting = this.#rest - 1
    return isTaken
  }

  /** Notes the columns of the point. */
  note(): void {
    const { values, count } = this.#object
    this.#progress.point++
    for (let i = 0; i < count; i++) {
      const { column, token, action } = values[i]!
      if (action !== TIME) noteKind(column.node.slot, this.#progress, column.kinds[token] as Kind)
    }
  }

  /** `,name=value` of each tag in the object, or instead of one; returns the place after them. */
  writeTags(to: BodyBuilder, at: number): number {
    const { values, count, tags } = this.#object
    this.tagHash = 0
    if (tags > 0) {
      for (let i = 0; i < count; i++) if (values[i]!.action === TAG) at = this.#tag(values[i]!, to, at)
    }
    for (const tag of this.#overridable) {
      if (hasPoint(this.#table, tag.name, this.#progress)) continue
      this.tagHash = (this.tagHash + tag.hash) | 0
      at = writeFragment(tag.fragment, to.view, at)
    }
    return at
  }

  /** `name=value,name=value` */
  writeFields(to: BodyBuilder, at: number): number {
    const { values, count } = this.#object
    const { bytes, view } = to
    let isFirst = true
    for (let i = 0; i < count; i++) {
      const value = values[i]!
      if (value.action === TAG || value.action === TIME) continue
      const { first, next } = value.column
      at = this.#field(value, bytes, writeFragment(isFirst ? first : next, view, at))
      isFirst = false
    }
    return at
  }

  /** The time that stands in the object, in nanoseconds since 1970. */
  writeTime({ bytes }: BodyBuilder, at: number): number {
    const { field, unit, format } = this.#mapping.timeField!
    const value = this.#decoded(this.#object.time!)
    const time = format === 'rfc3339' ? timeFromRfc3339(field, value) : timeFromCount(field, value, unit ?? 'ms')
    return at + bytes.write(time, at, 'latin1')
  }

  #take(table: Table, { buffer, valueStart, valueEnd }: PackedRecords, row: number): boolean {
    const object = this.#object
    const start = valueStart[row]!
    const end = valueEnd[row]!
    if (!object.read(this.#columnsOf(table), buffer, start, end)) return false
    const times = object.time === undefined ? 0 : 1
    if (this.#mapping.timeField !== undefined && times === 0) return false
    this.size = 2 * (end - start) + CONVERTED_BYTES * (object.count + 1) + this.#overridableSize
    return object.count > object.tags + times
  }

  #columnsOf(table: Table): JsonColumns {
    if (this.#tableColumns !== undefined && this.#table === table) return this.#tableColumns
    let columns = this.#columns.get(table)
    if (columns === undefined) this.#columns.set(table, (columns = new JsonColumns(table)))
    this.#table = table
    return (this.#tableColumns = columns)
  }

  #field(value: JsonValue, to: Buffer, at: number): number {
    const { action } = value
    if (action === CONVERT) return at + to.write(formatDouble(value.column.node.name, value.number), at, 'latin1')
    const isQuoted = action === QUOTED
    if (isQuoted) to[at++] = QUOTE
    at = copyRange(this.#object.buffer, value, to, at)
    if (isQuoted) to[at++] = QUOTE
    else if (action === SIGNED) to[at++] = SIGNED_SUFFIX
    else if (action === UNSIGNED) to[at++] = UNSIGNED_SUFFIX
    return at
  }

  #tag(value: JsonValue, { bytes: to, view }: BodyBuilder, at: number): number {
    const { column, token } = value
    const { buffer } = this.#object
    const quotes = token === TEXT ? 1 : 0
    const end = value.end - quotes
    let hash = column.hash
    const begin = writeFragment(column.next, view, at)
    at = begin
    for (let i = value.start + quotes; i < end; i++) {
      const byte = buffer[i]!
      if (byte >= 0x80) return this.#wideTag(value, to, begin)
      if (byte === COMMA || byte === SPACE || byte === EQUALS) {
        to[at++] = BACKSLASH
        hash = hashCode(hash, BACKSLASH)
      }
      to[at++] = byte
      hash = hashCode(hash, byte)
    }
    this.tagHash = (this.tagHash + spreadHash(hash)) | 0
    return at
  }

  /** A tag that is not ASCII: its hash is that of its text. */
  #wideTag(value: JsonValue, to: Buffer, at: number): number {
    const { node, hash } = value.column
    const text = escapeTagValue(node.name, String(this.#decoded(value)), this.#mapping.api)
    this.tagHash = (this.tagHash + spreadHash(hashText(text, hash))) | 0
    return at + to.write(text, at)
  }

  /** The value as the general path has it. */
  #decoded({ token, start, end, number }: JsonValue): string | number | bigint {
    if (token === NUMBER) return number
    const { buffer } = this.#object
    if (token === TEXT || token === EMPTY) return buffer.utf8Slice(start + 1, end - 1)
    const text = buffer.latin1Slice(start, end)
    const near = Number(text)
    return (token === LONG || token === HUGE) && !Number.isSafeInteger(near) ? BigInt(text) : near
  }
}

function withFragment({ name, text }: OverridableTag) {
  return { name, fragment: fragment(text), hash: spreadHash(hashText(text)) }
}
