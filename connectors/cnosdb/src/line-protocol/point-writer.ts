import { RecordError } from '@connect-run/core'
import { hashText, spreadHash } from '../collision-window.ts'
import type { Mapping } from '../mapping.ts'
import {
  type Level,
  type Node,
  type Slot,
  type Progress,
  TAG_KIND,
  type Table,
  bothTagAndField,
  hasPoint,
  noteKind,
  unwritable,
} from './columns.ts'
import { type Kind, formatAs, formatDouble, formatExactDouble, kinds } from './field-value.ts'
import { timeFromCount, timeFromRfc3339 } from './point-time.ts'
import { escapeTagValue, invalid, quoteString } from './text.ts'

const DEEPEST = 64

type Scalar = string | number | bigint | boolean

/** A static tag that a value may replace. */
export interface OverridableTag {
  readonly name: string
  /** `,name=value`, escaped. */
  readonly text: string
}

/** Turns one object into the tags and fields of one point. Its properties are the result of the last `write`. */
export class PointWriter {
  /** `,name=value` of each tag in the value. */
  tags = ''
  /** `name=value,name=value`; never empty after `write`. */
  fields = ''
  /** Sum of the tags' hashes, each spread: their order does not matter. */
  tagHash = 0
  readonly #mapping: Mapping
  readonly #overridable: readonly OverridableTag[]
  readonly #progress: Progress
  #table!: Table
  #time: unknown

  constructor(mapping: Mapping, overridable: readonly OverridableTag[], progress: Progress) {
    this.#mapping = mapping
    this.#overridable = overridable
    this.#progress = progress
  }

  /** Throws a `RecordError` where the object is no point that can be stored. */
  write(table: Table, value: object): void {
    this.#table = table
    this.#progress.point++
    this.tags = ''
    this.fields = ''
    this.tagHash = 0
    this.#time = undefined
    this.#object(table.root, value as Record<string, unknown>, 0)
    for (let i = 0; i < this.#overridable.length; i++) this.#addUnlessSet(this.#overridable[i]!)
    if (this.fields === '') throw invalid('no field is left: there is nothing to store')
  }

  /** The time that stands in the value, in nanoseconds since 1970. */
  userTime(): string {
    const { field, unit, format } = this.#mapping.timeField!
    return format === 'rfc3339' ? timeFromRfc3339(field, this.#time) : timeFromCount(field, this.#time, unit ?? 'ms')
  }

  /** Adds a tag that tells the points of one record apart. */
  addIndex(index: string): void {
    if (hasPoint(this.#table, 'index', this.#progress)) throw bothTagAndField('index')
    this.#addTag(`,index=${index}`)
  }

  #object(level: Level, value: Record<string, unknown>, depth: number): void {
    const { plan } = level
    let position = 0
    for (const key in value) {
      let node = plan[position]
      if (node === undefined || node.key !== key) node = this.#table.replan(level, position, key)
      position++
      this.#value(node, value[key], depth)
    }
  }

  #value(node: Node, value: unknown, depth: number): void {
    if (typeof value === 'number') {
      if (node.role !== 'field') this.#other(node, value)
      else if (node.type === undefined) this.#field(node, formatDouble(node.name, value), kinds.double)
      else this.#typed(node, value)
    } else if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') {
      if (node.role === 'field') this.#scalar(node, value)
      else this.#other(node, value)
    } else if (typeof value === 'object' && value !== null) {
      this.#nested(node, value, depth)
    }
  }

  #scalar(node: Node, value: string | boolean | bigint): void {
    if (typeof value !== 'bigint' && !node.keepsText) return
    if (node.type !== undefined) this.#typed(node, value)
    else if (typeof value === 'string') this.#field(node, quoteString(node.name, value), kinds.string)
    else if (typeof value === 'boolean') this.#field(node, value ? 'true' : 'false', kinds.boolean)
    else this.#field(node, formatExactDouble(node.name, value), kinds.double)
  }

  #typed(node: Node, value: Scalar): void {
    this.#field(node, formatAs(node.type!, node.name, value), kinds[node.type!])
  }

  #field(node: Node, text: string, kind: Kind): void {
    if (node.first === '') throw unwritable(node, this.#mapping)
    this.#note(node.slot, kind)
    this.fields = this.fields === '' ? node.first + text : this.fields + node.next + text
  }

  /** A value that is no field: a tag, the time, or left out. */
  #other(node: Node, value: Scalar): void {
    if (node.role === 'time') this.#time = value
    if (node.role !== 'tag' || value === '') return
    if (node.first === '') throw unwritable(node, this.#mapping)
    this.#note(node.slot, TAG_KIND)
    const text = this.#mapping.replaceBackslash ? String(value).replaceAll('\\', '/') : String(value)
    this.#addTag(node.next + escapeTagValue(node.name, text, this.#mapping.api))
  }

  #note(slot: Slot, kind: Kind): void {
    const isSecond = slot.paths > 1 && slot.point === this.#progress.point
    noteKind(slot, this.#progress, kind)
    if (isSecond) throw invalid(`two parts of the value are both named \`${slot.name}\` when flattened`, 'name')
  }

  #nested(node: Node, value: object, depth: number): void {
    if (depth === DEEPEST) throw invalid(`the value is nested deeper than ${DEEPEST}`)
    if (Array.isArray(value)) {
      const level = this.#table.below(node)
      for (let i = 0; i < value.length; i++) this.#value(this.#table.item(level, i), value[i], depth + 1)
    } else if (isPlain(value)) {
      this.#object(this.#table.below(node), value as Record<string, unknown>, depth + 1)
    } else {
      this.#value(node, asScalar(node.name, value), depth)
    }
  }

  #addUnlessSet({ name, text }: OverridableTag): void {
    if (!hasPoint(this.#table, name, this.#progress)) this.#addTag(text)
  }

  #addTag(text: string): void {
    this.tags += text
    this.tagHash = (this.tagHash + spreadHash(hashText(text))) | 0
  }
}

/** An object of keys and values, whichever realm it comes from: no instance of a class. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** What a converter makes of logical types: a date is a text, a decimal is a number. */
function asScalar(name: string, value: object): string | number {
  if (Object.prototype.toString.call(value) === '[object Date]' && !Number.isNaN(Number(value))) {
    return (value as Date).toISOString()
  }
  // oxlint-disable-next-line typescript/no-base-to-string -- a decimal's own text is what is looked for
  const text = ArrayBuffer.isView(value) ? '' : String(value)
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text)
  throw new RecordError('RECORD_INVALID', `the field \`${name}\` holds bytes or another kind of object`, {
    hint: 'Leave it out with `fields.exclude`.',
  })
}
