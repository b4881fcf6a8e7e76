import { ConnectError, RecordError } from '@connect-run/core'
import { ByteStore } from './byte-store.ts'
import type { RecordOut, Splitter } from './splitter.ts'
import { headBytes, tooLarge } from './too-large.ts'

/**
 * Where between the elements the reader is. `first`: behind `[`; `next`: behind a comma; `more`: behind an element;
 * `resumed`: at one of these, or at the beginning of an element.
 */
type Place = 'before' | 'first' | 'next' | 'more' | 'resumed' | 'after'

/** `end` is where the array ended, once that is known. */
interface ArrayToken {
  readonly end?: number
}

const ascii = {
  tab: 0x09,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  space: 0x20,
  quote: 0x22,
  comma: 0x2c,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const

/** Beyond that, a native search finds the end of a string sooner than a loop does. */
const NEAR_BYTES = 32

/**
 * The elements of one JSON array, each as its bytes: they are cut by brackets and quotes only, and read by the
 * converter, which finds what is wrong inside of one. Going on within the array needs the token.
 */
export class JsonArraySplitter implements Splitter {
  readonly #maxBytes: number
  readonly #held = new ByteStore()
  #place: Place
  /** Bytes of the element in earlier blocks, kept or not. */
  #length = 0
  #elementAt = -1
  #resumeAt = 0
  #depth = 0
  #inString = false
  #escaped = false

  #end: number | undefined

  constructor({ maxRecordBytes, token }: { readonly maxRecordBytes: number; readonly token?: unknown }) {
    this.#maxBytes = maxRecordBytes
    this.#place = token === undefined ? 'before' : 'resumed'
    this.#end = (token as ArrayToken | undefined)?.end
  }

  get resumeAt(): number {
    return this.#elementAt >= 0 ? this.#elementAt : this.#resumeAt
  }

  get token(): unknown {
    if (this.#place === 'before') return undefined
    return (this.#end === undefined ? {} : { end: this.#end }) satisfies ArrayToken
  }

  get pending(): number {
    return this.#length
  }

  push(block: Buffer, at: number, out: RecordOut): number {
    let i = 0
    if (at === this.#end) this.#place = 'after'
    while (i < block.length && !out.isFull()) {
      if (this.#elementAt >= 0) i = this.#element(block, { from: i, at }, out)
      else i = this.#between(block, { from: i, at })
    }
    return i
  }

  finish(out: RecordOut): void {
    if (this.#place === 'after') return
    if (this.#elementAt >= 0) {
      const error = new RecordError('RECORD_INVALID', `the file ends within an element of its array`, {
        hint: 'The file was cut, or is still being written.',
      })
      const held = this.#held.view()
      out.failed(error, held.subarray(0, headBytes(this.#maxBytes)), this.#elementAt)
      this.#reset(this.#elementAt + this.#length)
    } else if (this.#place !== 'before' && this.#end === undefined) {
      throw notAnArray(this.#resumeAt, 'the file ends within its array; it was cut, or is still being written')
    }
  }

  /** Reads on between elements; returns the position in the block of the next element, or its end. */
  #between(block: Buffer, { from, at }: { from: number; at: number }): number {
    for (let i = from; i < block.length; i++) {
      const byte = block[i]!
      if (byte === ascii.space || byte === ascii.lineFeed || byte === ascii.carriageReturn || byte === ascii.tab)
        continue
      if (this.#place === 'before' && at + i < 3 && isByteOrderMark(byte, at + i)) continue
      if (this.#structure(byte, at + i)) {
        this.#resumeAt = at + i + 1
        continue
      }
      this.#elementAt = at + i
      return i
    }
    return block.length
  }

  /** Whether the byte belongs to the array and not to an element. */
  #structure(byte: number, at: number): boolean {
    if (this.#place === 'before') {
      if (byte !== ascii.openBracket) throw notAnArray(at, 'the file does not begin with `[`')
      this.#place = 'first'
      return true
    }
    if (this.#place === 'after') throw notAnArray(at, 'something follows the array')
    if (byte === ascii.closeBracket) {
      if (this.#place === 'next') throw notAnArray(at, 'the array ends behind a comma')
      this.#place = 'after'
      this.#end = at + 1
      return true
    }
    if (byte === ascii.comma) {
      if (this.#place !== 'more' && this.#place !== 'resumed')
        throw notAnArray(at, 'an element is missing before the comma')
      this.#place = 'next'
      return true
    }
    if (this.#place === 'more') throw notAnArray(at, 'a comma is missing between two elements')
    return false
  }

  /** Reads on within an element; returns the position in the block behind it. */
  #element(block: Buffer, { from, at }: { from: number; at: number }, out: RecordOut): number {
    let depth = this.#depth
    let i = from
    for (; i < block.length; i++) {
      if (this.#inString) {
        i = this.#string(block, i)
        continue
      }
      const byte = block[i]!
      if (byte === ascii.quote) this.#inString = true
      else if (byte === ascii.openBrace || byte === ascii.openBracket) depth++
      else if (byte === ascii.closeBrace || byte === ascii.closeBracket) {
        if (depth === 0) break
        depth--
      } else if (byte === ascii.comma && depth === 0) break
    }
    this.#depth = depth
    if (i >= block.length) {
      this.#hold(block, from)
      return block.length
    }
    this.#endElement(block, { from, end: i }, out)
    this.#reset(at + i)
    this.#place = 'more'
    return i
  }

  /** Position of the byte that ends the string, or the block's end. */
  #string(block: Buffer, from: number): number {
    let i = from
    if (this.#escaped) {
      this.#escaped = false
      i++
    }
    for (const near = Math.min(block.length, i + NEAR_BYTES); i < near; i++) {
      const byte = block[i]!
      if (byte === ascii.quote) {
        this.#inString = false
        return i
      }
      if (byte === ascii.backslash && ++i >= block.length) this.#escaped = true
    }
    return i < block.length ? this.#longString(block, i) : block.length
  }

  #longString(block: Buffer, from: number): number {
    let quote = block.indexOf(ascii.quote, from)
    while (quote >= 0 && isEscaped(block, from, quote)) quote = block.indexOf(ascii.quote, quote + 1)
    this.#inString = quote < 0
    if (quote >= 0) return quote
    this.#escaped = isEscaped(block, from, block.length)
    return block.length
  }

  #endElement(block: Buffer, { from, end }: { from: number; end: number }, out: RecordOut): void {
    if (this.#length === 0 && end - from <= this.#maxBytes) {
      out.bytes(block, from, trimmedEnd(block, from, end), this.#elementAt)
      return
    }
    this.#hold(block.subarray(0, end), from)
    const held = this.#held.view()
    if (this.#length > this.#maxBytes) {
      out.failed(tooLarge('the element', this.#length, this.#maxBytes), held, this.#elementAt)
    } else out.bytes(held, 0, trimmedEnd(held, 0, held.length), this.#elementAt)
  }

  #hold(block: Buffer, from: number): void {
    const wasTooLong = this.#length > this.#maxBytes
    this.#length += block.length - from
    if (wasTooLong) return
    this.#held.append(block, from, block.length)
    if (this.#length > this.#maxBytes) this.#held.cut(headBytes(this.#maxBytes))
  }

  #reset(resumeAt: number): void {
    this.#held.cut(0)
    this.#length = 0
    this.#elementAt = -1
    this.#depth = 0
    this.#resumeAt = resumeAt
  }
}

/** Whether what stands at `at` follows a backslash that is not itself escaped. */
function isEscaped(bytes: Buffer, from: number, at: number): boolean {
  let first = at
  while (first > from && bytes[first - 1] === ascii.backslash) first--
  return (at - first) % 2 === 1
}

/** Whitespace behind an element is not part of it. */
function trimmedEnd(bytes: Buffer, start: number, end: number): number {
  let stop = end
  while (stop > start && bytes[stop - 1]! <= ascii.space) stop--
  return stop
}

function isByteOrderMark(byte: number, at: number): boolean {
  return byte === [0xef, 0xbb, 0xbf][at]
}

function notAnArray(at: number, problem: string): ConnectError {
  return new ConnectError('FILE_UNREADABLE', `it is not one JSON array: at byte ${at} ${problem}`, {
    hint: 'For a JSON value on each line set `format: lines` and `value: json`.',
  })
}
