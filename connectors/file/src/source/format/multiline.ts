import type { RecordError } from '@connect-run/core'
import { ByteStore } from './byte-store.ts'
import type { RecordOut, Splitter } from './splitter.ts'
import { headBytes, tooLarge } from './too-large.ts'

export interface MultilineOptions {
  /** Splits lines; its encoding is done with when they arrive here. */
  readonly lines: Splitter
  /** Matches the first line of a record. */
  readonly start: RegExp
  readonly maxRecordBytes: number
}

/**
 * Joins lines, by LF, to records that begin where `start` matches. Lines before the first match are a record as well.
 * A line that can't be handed on is set aside alone; what follows it up to the next match is another record.
 */
export class MultilineSplitter implements Splitter {
  readonly #options: MultilineOptions
  readonly #held = new ByteStore()
  /** Bytes of the record so far, kept or not. */
  #length = 0
  /** Where the record that is being put together begins; -1: there is none. */
  #at = -1
  #out: RecordOut | undefined
  readonly #lineOut: RecordOut

  constructor(options: MultilineOptions) {
    this.#options = options
    this.#lineOut = {
      isFull: () => this.#out!.isFull(),
      bytes: (bytes, start, end, at) => this.#line(bytes.subarray(start, end), at),
      value: () => undefined,
      failed: (error, head, at) => this.#failed(error, head, at),
    }
  }

  get resumeAt(): number {
    return this.#at >= 0 ? this.#at : this.#options.lines.resumeAt
  }

  get token(): unknown {
    return this.#options.lines.token
  }

  get pending(): number {
    return this.#length + this.#options.lines.pending
  }

  push(block: Buffer, at: number, out: RecordOut): number {
    this.#out = out
    return this.#options.lines.push(block, at, this.#lineOut)
  }

  finish(out: RecordOut): void {
    this.#out = out
    this.#options.lines.finish(this.#lineOut)
    this.#emit()
  }

  #line(line: Buffer, at: number): void {
    if (this.#at < 0 || this.#options.start.test(line.toString('utf8'))) {
      this.#emit()
      this.#at = at
    } else this.#append(newline)
    this.#append(line)
  }

  #append(bytes: Buffer): void {
    const wasTooLong = this.#length > this.#options.maxRecordBytes
    this.#length += bytes.length
    if (wasTooLong) return
    this.#held.append(bytes, 0, bytes.length)
    if (this.#length > this.#options.maxRecordBytes) this.#held.cut(headBytes(this.#options.maxRecordBytes))
  }

  #failed(error: RecordError, head: Buffer, at: number): void {
    this.#emit()
    this.#out!.failed(error, head, at)
  }

  #emit(): void {
    if (this.#at < 0) return
    const held = this.#held.view()
    const { maxRecordBytes } = this.#options
    if (this.#length > maxRecordBytes) {
      this.#out!.failed(tooLarge('the record of several lines', this.#length, maxRecordBytes), held, this.#at)
    } else this.#out!.bytes(held, 0, held.length, this.#at)
    this.#held.cut(0)
    this.#length = 0
    this.#at = -1
  }
}

const newline = Buffer.from('\n')
