import { isRecordError } from '@connect-run/core'
import { ByteStore } from './byte-store.ts'
import type { RecordOut, Splitter } from './splitter.ts'
import type { TextEncoding } from './text-encoding.ts'
import { headBytes, tooLarge } from './too-large.ts'

export interface LineOptions {
  readonly encoding: TextEncoding
  /** A longer line, without its end, is set aside. */
  readonly maxRecordBytes: number
  readonly token?: unknown
}

/** `openEnd`: there ends a line that was handed out without its line end, which may still come. */
interface LineToken {
  readonly openEnd: number
}

const LF = 0x0a
const CR = 0x0d

/** Lines end with LF or CR LF; a lone CR is data. Empty lines are records. */
export class LineSplitter implements Splitter {
  readonly #encoding: TextEncoding
  readonly #maxBytes: number
  /** The line's beginning, from earlier blocks; only its head once it is too long. */
  readonly #held = new ByteStore()
  /** Bytes of the line in earlier blocks, kept or not. */
  #length = 0
  #lineAt = 0
  #openEnd: number | undefined
  #lastByte = -1

  constructor({ encoding, maxRecordBytes, token }: LineOptions) {
    this.#encoding = encoding
    this.#maxBytes = maxRecordBytes
    this.#openEnd = (token as LineToken | undefined)?.openEnd
  }

  get token(): unknown {
    return this.#openEnd === undefined ? undefined : ({ openEnd: this.#openEnd } satisfies LineToken)
  }

  get resumeAt(): number {
    return this.#lineAt
  }

  get pending(): number {
    return this.#length
  }

  push(block: Buffer, at: number, out: RecordOut): number {
    if (this.#length === 0) this.#lineAt = at
    let from = this.#afterSplitNewline(block, out)
    while (!out.isFull()) {
      const end = this.#newline(block, from)
      if (end < 0) {
        this.#hold(block, from)
        return block.length
      }
      this.#endLine(block, from, end, out)
      from = end + this.#encoding.unit
      this.#lineAt = at + from
    }
    return from
  }

  finish(out: RecordOut): void {
    if (this.#length === 0) return
    const end = this.#lineAt + this.#length
    this.#emitHeld(out)
    this.#lineAt = end
    this.#openEnd = end
  }

  /** The position in the block of the next line end; a code unit of two bytes begins at an even place of the file. */
  #newline(block: Buffer, from: number): number {
    const { unit, newline } = this.#encoding
    if (unit === 1) return block.indexOf(LF, from)
    const blockAt = this.#lineAt + this.#length - from
    let found = block.indexOf(newline, from)
    while (found >= 0 && (blockAt + found) % 2 !== 0) found = block.indexOf(newline, found + 1)
    return found
  }

  /** A line end of two bytes of which the first stood in the block before. Returns where to go on. */
  #afterSplitNewline(block: Buffer, out: RecordOut): number {
    const { unit, newline } = this.#encoding
    if (unit === 1 || block.length === 0 || (this.#lineAt + this.#length) % 2 === 0) return 0
    const held = this.#held.view()
    if (this.#length > this.#maxBytes) {
      // What is kept of a line that is too long does not reach its end.
      if (this.#lastByte !== newline[0] || block[0] !== newline[1]) return 0
    } else if (held[held.length - 1] !== newline[0] || block[0] !== newline[1]) return 0
    this.#held.cut(this.#length - 1)
    const end = this.#lineAt + this.#length + 1
    this.#length--
    this.#emitHeld(out)
    this.#lineAt = end
    return 1
  }

  #endLine(block: Buffer, from: number, end: number, out: RecordOut): void {
    if (this.#length > 0) {
      this.#hold(block.subarray(0, end), from)
      this.#emitHeld(out)
    } else if (end - from > this.#maxBytes) {
      const error = tooLarge('the line', end - from, this.#maxBytes)
      out.failed(error, block.subarray(from, from + headBytes(this.#maxBytes)), this.#lineAt)
    } else this.#emit(block, from, end, out)
  }

  #hold(block: Buffer, from: number): void {
    if (from >= block.length) return
    const wasTooLong = this.#length > this.#maxBytes
    this.#length += block.length - from
    this.#lastByte = block[block.length - 1]!
    if (wasTooLong) return
    this.#held.append(block, from, block.length)
    if (this.#length > this.#maxBytes) this.#held.cut(headBytes(this.#maxBytes))
  }

  #emitHeld(out: RecordOut): void {
    const held = this.#held.view()
    if (this.#length > this.#maxBytes)
      out.failed(tooLarge('the line', this.#length, this.#maxBytes), held, this.#lineAt)
    else this.#emit(held, 0, held.length, out)
    this.#held.cut(0)
    this.#length = 0
  }

  #emit(bytes: Buffer, from: number, end: number, out: RecordOut): void {
    const { byteOrderMark, toUtf8 } = this.#encoding
    const at = this.#lineAt
    const isMarked = at === 0 && byteOrderMark !== undefined && startsWith(bytes, from, byteOrderMark)
    const start = isMarked ? from + byteOrderMark.length : from
    const stop = this.#beforeReturn(bytes, start, end)
    if (start === stop && at === this.#openEnd) return
    if (toUtf8 === undefined) return out.bytes(bytes, start, stop, at)
    const line = bytes.subarray(start, stop)
    try {
      const utf8 = toUtf8(line)
      if (utf8 === line) out.bytes(bytes, start, stop, at)
      else out.bytes(utf8, 0, utf8.length, at)
    } catch (error) {
      if (!isRecordError(error)) throw error
      out.failed(error, line, at)
    }
  }

  #beforeReturn(bytes: Buffer, start: number, end: number): number {
    const { unit, carriageReturn } = this.#encoding
    if (unit === 1) return end > start && bytes[end - 1] === CR ? end - 1 : end
    return end - unit >= start && startsWith(bytes, end - unit, carriageReturn) ? end - unit : end
  }
}

function startsWith(bytes: Buffer, at: number, prefix: Buffer): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false
  return true
}
