import { isUtf8 } from 'node:buffer'
import type { PackedRecords } from '@connect-run/core'

const TAB = 0x09
const LINE_FEED = 0x0a
const RETURN = 0x0d
const SPACE = 0x20
const OPEN = 0x7b
const CLOSE = 0x7d
const BACKSLASH = 0x5c

/**
 * Says of a record's bytes, without parsing them, whether they may stand in a request as they are: one line, `{` first
 * and `}` last. What is between them is for the server to judge, but for its pipelines: OpenSearch's take the first object
 * of several and drop the rest.
 */
export class RawObjects {
  /** Where the object of the last row that `has` was true for begins and ends. */
  start = 0
  end = 0
  readonly #lineFeeds = new Occurrences(LINE_FEED)
  readonly #backslashes = new Occurrences(BACKSLASH)
  readonly #names: readonly Occurrences[]
  readonly #areParsed: boolean
  #buffer: Buffer = Buffer.alloc(0)
  #checked = false

  /** `names`: keys that the object must not have, at any depth. `areParsed`: what is no JSON does not pass. */
  constructor({ names, areParsed }: { readonly names: readonly string[]; readonly areParsed: boolean }) {
    this.#areParsed = areParsed
    this.#names = names.map((name) => new Occurrences(Buffer.from(JSON.stringify(name))))
  }

  /** `checked`: also look whether the bytes are UTF-8. */
  begin({ buffer }: PackedRecords, checked: boolean): void {
    this.#buffer = buffer
    this.#checked = checked
    this.#lineFeeds.begin(buffer)
    this.#backslashes.begin(buffer)
    for (const name of this.#names) name.begin(buffer)
  }

  has({ buffer, valueStart, valueEnd }: PackedRecords, row: number): boolean {
    let start = valueStart[row]!
    let end = valueEnd[row]!
    while (start < end && isSpace(buffer[start]!)) start++
    while (start < end && isSpace(buffer[end - 1]!)) end--
    this.start = start
    this.end = end
    if (end - start < 2 || buffer[start] !== OPEN || buffer[end - 1] !== CLOSE) return false
    if (this.#lineFeeds.isWithin(start, end) || this.#isNamed(start, end)) return false
    if (this.#areParsed && !isJson(buffer, start, end)) return false
    return !this.#checked || isUtf8(buffer.subarray(start, end))
  }

  /** Whether the object has no members. */
  get isEmpty(): boolean {
    let at = this.start + 1
    while (isSpace(this.#buffer[at]!)) at++
    return at === this.end - 1
  }

  /** A key may be written with escapes, so that a backslash is taken for one of the names. */
  #isNamed(start: number, end: number): boolean {
    if (this.#names.length === 0) return false
    if (this.#backslashes.isWithin(start, end)) return true
    for (let i = 0; i < this.#names.length; i++) if (this.#names[i]!.isWithin(start, end)) return true
    return false
  }
}

/** Where a byte or several next stand in a buffer: looked for once, however many rows lie before them. */
class Occurrences {
  readonly #wanted: Buffer | number
  #buffer: Buffer = Buffer.alloc(0)
  #from = 0
  #next = -1

  constructor(wanted: Buffer | number) {
    this.#wanted = wanted
  }

  begin(buffer: Buffer): void {
    this.#buffer = buffer
    this.#from = 0
    this.#next = -1
  }

  isWithin(start: number, end: number): boolean {
    if (start < this.#from || start > this.#next) this.#look(start)
    return this.#next < end
  }

  #look(start: number): void {
    const found = this.#buffer.indexOf(this.#wanted, start)
    this.#from = start
    this.#next = found < 0 ? Number.POSITIVE_INFINITY : found
  }
}

/** Bytes as characters: those above ASCII stand in texts, or nowhere. */
function isJson(buffer: Buffer, start: number, end: number): boolean {
  try {
    JSON.parse(buffer.toString('latin1', start, end))
    return true
  } catch {
    return false
  }
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB
}
