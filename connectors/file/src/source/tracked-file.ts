import type { FileHandle } from 'node:fs/promises'
import type { Position } from '@connect-run/core'
import { Chunk } from './chunk.ts'
import type { FoundFile } from './discovery.ts'
import {
  type FileToken,
  HEAD_BYTES,
  NOTHING_SEEN,
  type Seen,
  TAIL_BYTES,
  fileId,
  fingerprint,
  readAt,
  seenMore,
} from './file-identity.ts'
import type { Splitter } from './format/splitter.ts'
import type { Formats } from './formats.ts'
import type { OpenFiles, Opening } from './open-files.ts'
import { type FileSourceConfig, isGzip } from './source-config.ts'

/** `live`: followed. `draining`: rotated away, read until its time is up. `done`: nothing can follow. */
export type Phase = 'live' | 'draining' | 'done'

/**
 * What reading came to: more bytes, none now, an end after which none come, a file that was cut off or replaced, or one
 * that does not stand at its path any more.
 */
export type ReadResult = 'data' | 'nothing' | 'end' | 'changed' | 'moved'

export interface Reading {
  readonly config: FileSourceConfig
  readonly formats: Formats
  readonly open: OpenFiles
  readonly signal: AbortSignal
}

export interface TrackedFileStart {
  readonly stream: string
  readonly partition: number
  readonly found: FoundFile
  /** What was read before, of which the last record was handed out up to `seen.at`. */
  readonly seen?: Seen
  readonly offset?: number
  readonly format?: unknown
}

/** One generation of a file: its identity, how far it was read, and the records that wait to be handed out. */
export class TrackedFile implements Opening {
  readonly stream: string
  readonly partition: number
  path: string
  id: string
  size: number
  mtimeMs: number
  phase: Phase = 'live'
  /** On the monotonic clock; while draining. */
  drainUntil = 0
  /** Since when no file was found for it, on the monotonic clock. Renaming may hide a file from one look. */
  missingSince: number | undefined = undefined
  /** Reading ends here; what is behind it belongs to a later run. */
  limit: number = Infinity
  /** When bytes came last, on the monotonic clock. */
  activeAt = 0
  /** Whether a position stands to be told though there may be no record. */
  untold = false
  /** The modification time at which reading failed: not tried again before it changes. */
  failedAt: number | undefined = undefined
  readonly gzip: boolean
  readonly #reading: Reading
  #splitter: Splitter
  #seen: Seen
  #at: number
  #resumeAt: number
  #chunk: Chunk | undefined
  #window: { readonly bytes: Buffer; readonly at: number } | undefined
  #inflated: AsyncIterator<Buffer> | undefined
  #checkedMtimeMs = -1
  #forGood = false

  constructor(start: TrackedFileStart, reading: Reading) {
    const { found, seen = NOTHING_SEEN, offset = 0 } = start
    this.stream = start.stream
    this.partition = start.partition
    this.path = found.path
    this.id = found.id
    this.size = found.size
    this.mtimeMs = found.mtimeMs
    this.gzip = isGzip(reading.config, found.path)
    this.#reading = reading
    this.#seen = seen
    this.#at = offset
    this.#resumeAt = offset
    this.#splitter = reading.formats.createSplitter(reading.config, start.format)
  }

  get keepOpen(): boolean {
    return this.phase === 'draining'
  }

  get seen(): Seen {
    return this.#seen
  }

  get readTo(): number {
    return this.#at
  }

  get rows(): number {
    return this.#chunk?.left ?? 0
  }

  get chunk(): Chunk | undefined {
    return this.#chunk
  }

  get pending(): number {
    return this.#splitter.pending
  }

  /** Bytes known to be there and not read; of a compressed file it is not known. */
  get unread(): number {
    return this.gzip ? 0 : Math.max(0, Math.min(this.size, this.limit) - this.#at)
  }

  /** Whether a look at the file may find something. */
  get stirred(): boolean {
    if (this.failedAt !== undefined) return this.failedAt !== this.mtimeMs
    return this.gzip || this.size !== this.#at || this.mtimeMs !== this.#checkedMtimeMs
  }

  /** Reads the next block into the chunk. Only where no rows are left. */
  async read(maxBytes: number): Promise<ReadResult> {
    if (this.#at >= this.limit && !this.gzip) return 'nothing'
    const handle = await this.#opened()
    const stats = await handle?.stat()
    if (handle === undefined || stats === undefined) return 'moved'
    this.size = stats.size
    this.mtimeMs = stats.mtimeMs
    if (this.gzip) return this.#inflate()
    const { tail, head } = this.#seen
    if (stats.size < this.#at) return 'changed'
    const unchanged = stats.size === this.#at && stats.mtimeMs === this.#checkedMtimeMs
    if (unchanged) return 'nothing'
    const length = Math.min(maxBytes, this.limit - this.#at, stats.size - this.#at)
    const block = await readAt(handle, this.#at - tail.length, tail.length + length)
    // The file may be cut off and written anew at any time: its beginning is looked at after the block was read.
    const headNow = await readAt(handle, 0, head.length)
    const { size } = await handle.stat()
    const same = size >= this.#at && block.subarray(0, tail.length).equals(tail) && headNow.equals(head)
    if (!same) return 'changed'
    this.#checkedMtimeMs = stats.mtimeMs
    if (block.length <= tail.length) return 'nothing'
    this.#take(block, tail.length)
    return 'data'
  }

  /** Hands out what is left of the last record, and goes on behind it. */
  finishRecord(): void {
    this.#finish()
    this.#splitter = this.#reading.formats.createSplitter(this.#reading.config, this.#splitter.token)
  }

  /** Hands out what is left. `forGood`: no later run reads on here either. */
  finish(forGood: boolean): void {
    this.#finish()
    this.phase = 'done'
    this.#forGood = forGood
    if (forGood) this.untold = true
  }

  /** Goes on in another file that has the same bytes. */
  async moveTo(found: FoundFile): Promise<void> {
    await this.#reading.open.close(this)
    this.path = found.path
    this.id = found.id
    this.size = found.size
    this.mtimeMs = found.mtimeMs
    this.untold = true
  }

  /** Where to go on after the rows that were taken. */
  async position(): Promise<Position> {
    const offset = this.#chunk?.nextAt ?? this.#resumeAt
    const { head } = this.#seen
    const tail = this.gzip ? Buffer.alloc(0) : await this.#tailBefore(offset)
    const format: unknown = this.#splitter.token
    const token: FileToken = {
      file: this.id,
      head: fingerprint(this.gzip ? head : head.subarray(0, offset)),
      tail: fingerprint(tail),
      ...(format === undefined ? {} : { format }),
      ...(this.#forGood && this.rows === 0 ? { done: true } : {}),
    }
    return { offset, token }
  }

  /** The handle, if the file still stands at its path. */
  async #opened(): Promise<FileHandle | undefined> {
    const { open } = this.#reading
    if (open.has(this)) return open.get(this)
    try {
      const handle = await open.get(this)
      if (fileId(await handle.stat()) === this.id) return handle
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    await open.close(this)
    return undefined
  }

  #finish(): void {
    const rest = new Chunk(Buffer.alloc(0))
    this.#splitter.finish(rest)
    this.#chunk = rest
    this.#resumeAt = this.#at
  }

  #take(block: Buffer, from: number): void {
    const chunk = new Chunk(block)
    if (!this.gzip) this.#seen = seenMore(this.#seen, block, from)
    this.#window = { bytes: block, at: this.#at - from }
    this.#splitter.push(from === 0 ? block : block.subarray(from), this.#at, chunk)
    this.#at += block.length - from
    this.#resumeAt = this.#splitter.resumeAt
    this.#chunk = chunk
  }

  async #inflate(): Promise<ReadResult> {
    const { open, formats, signal } = this.#reading
    const read = async (at: number, length: number): Promise<Buffer> => readAt(await open.get(this), at, length)
    if (this.#inflated === undefined) {
      const head = Buffer.from(await read(0, HEAD_BYTES))
      this.#seen = { head, tail: Buffer.alloc(0), at: head.length }
      this.#inflated = formats.inflatedBlocks(read, this.#at, signal)[Symbol.asyncIterator]()
    }
    const next = await this.#inflated.next()
    if (next.done === true) return 'end'
    this.#take(next.value, 0)
    return 'data'
  }

  /** From the block at hand; only where a record began long before it, from the file. */
  async #tailBefore(offset: number): Promise<Buffer> {
    const length = Math.min(TAIL_BYTES, offset)
    const { tail, at } = this.#seen
    if (offset === at) return tail
    const from = offset - length
    const window = this.#window
    if (window !== undefined && from >= window.at && offset <= window.at + window.bytes.length) {
      return window.bytes.subarray(from - window.at, offset - window.at)
    }
    return readAt(await this.#reading.open.get(this), from, length)
  }

  async close(): Promise<void> {
    await this.#inflated?.return?.()
    await this.#reading.open.close(this)
  }
}
