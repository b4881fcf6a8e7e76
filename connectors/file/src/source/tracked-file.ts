import type { Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Clock, Position, RetriableError } from '@connect-run/core'
import { Chunk, type ChunkOptions } from './chunk.ts'
import type { FoundFile } from './discovery.ts'
import {
  type FileToken,
  NOTHING_SEEN,
  type Seen,
  TAIL_BYTES,
  fileId,
  fingerprint,
  readAt,
  seenMore,
} from './file-identity.ts'
import { textEncoding } from './format/text-encoding.ts'
import { thisLineEnd } from './last-line-end.ts'
import type { Splitter } from './format/splitter.ts'
import type { Formats } from './formats.ts'
import type { OpenFiles, Opening } from './open-files.ts'
import type { ColumnPool } from './row-columns.ts'
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
  readonly columns: ColumnPool
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A file that was written so short a time ago may change once more without its modification time telling so. */
const SETTLED_MS = 100
/** Bytes behind each block for a record that began in the one before, so that the block need not be copied for it. */
const ROOM = 16 * 1024
/**
 * So many records of a block are looked for at a time, so that a block of very short ones holds nobody up. The rest of
 * the block is read again.
 */
const MAX_ROWS = 40_000

export interface FileFailure {
  readonly problem: RetriableError
  /** On the monotonic clock. */
  readonly at: number
  /** What the file was like. */
  readonly state: string
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
  gzip: boolean
  /** Of itself and of other files that have what was read of it: see `FoundFile`. */
  sinceMs: number
  phase: Phase = 'live'
  /** On the monotonic clock; while draining. */
  drainUntil = 0
  /** Since when no file was found for it, on the monotonic clock. Renaming may hide a file from one look. */
  missingSince: number | undefined = undefined
  /** Reading ends here; what is behind it belongs to a later run. */
  limit: number = Infinity
  /** Since when its last record is waited for with `--once`, on the monotonic clock. */
  waitsSince: number | undefined = undefined
  /** When bytes came last, on the monotonic clock. */
  activeAt = 0
  /** Whether a position stands to be told though there may be no record. */
  untold = false
  /** Why it can't be read; it is tried again when it has changed, or after a while. */
  failure: FileFailure | undefined = undefined
  readonly #reading: Reading
  #splitter: Splitter
  #seen: Seen
  #at: number
  #resumeAt: number
  #chunk: Chunk | undefined
  #window: { readonly bytes: Buffer; readonly at: number } | undefined
  /** The bytes before `resumeAt`, once the block in which they stood was let go of. */
  #kept: { readonly bytes: Buffer; readonly at: number } | undefined
  #inflated: AsyncIterator<Buffer> | undefined
  #checkedMtimeMs = -1
  #forGood = false

  constructor(start: TrackedFileStart, reading: Reading) {
    const { found, seen = NOTHING_SEEN, offset = 0 } = start
    this.stream = start.stream
    this.partition = start.partition
    this.path = found.path
    this.id = found.id
    this.sinceMs = found.sinceMs
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

  /** Differs when the file was written. */
  get state(): string {
    return `${this.size} ${this.mtimeMs}`
  }

  /** Whether a look at the file may find something. */
  get stirred(): boolean {
    if (this.gzip || this.size !== this.#at) return true
    return this.mtimeMs !== this.#checkedMtimeMs && (this.isOpen || this.#isSettled(this.mtimeMs))
  }

  get isOpen(): boolean {
    return this.#reading.open.has(this)
  }

  /** Reads the next block into the chunk. Only where no rows are left. */
  async read(maxBytes: number): Promise<ReadResult> {
    if (this.#at >= this.limit && !this.gzip) return 'nothing'
    const handle = await this.#opened()
    if (handle === undefined) return 'moved'
    if (this.unread === 0) this.#look(await handle.stat())
    if (this.gzip) return this.#inflate()
    if (this.size < this.#at) return 'changed'
    const mtimeMs = this.size > this.#at ? -1 : this.mtimeMs
    if (mtimeMs === this.#checkedMtimeMs && mtimeMs >= 0) return 'nothing'
    const { tail, head } = this.#seen
    // The file may be cut off and written anew at any time. So the block is what one call gives, since another one could
    // go on in other bytes; and the file's beginning is looked at after it.
    const length = tail.length + Math.min(maxBytes, this.unread)
    const block = await readAt(handle, this.#at - tail.length, { length, least: tail.length, room: ROOM })
    const [headNow, stats] = await Promise.all([readAt(handle, 0, { length: head.length }), handle.stat()])
    this.#look(stats)
    const same = this.size >= this.#at && block.subarray(0, tail.length).equals(tail) && headNow.equals(head)
    if (!same) return 'changed'
    this.#checkedMtimeMs = this.#isSettled(mtimeMs) ? mtimeMs : -1
    if (block.length <= tail.length) return 'nothing'
    this.#take(block, { from: tail.length, room: ROOM, maxRows: MAX_ROWS })
    return 'data'
  }

  #isSettled(mtimeMs: number): boolean {
    return this.#reading.clock.now() - mtimeMs > SETTLED_MS
  }

  #look({ size, mtimeMs }: Stats): void {
    this.size = size
    this.mtimeMs = mtimeMs
  }

  /** Puts the limit behind the end of the record that has begun before it, as far as that is there. */
  async passLimit(): Promise<void> {
    const encoding = textEncoding(this.#reading.config.encoding)
    this.limit = await thisLineEnd(await this.#reading.open.get(this), this.limit, encoding)
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

  /** Lets go of the block that was read last, when all its rows were taken: there may be many files. */
  release(): void {
    if (this.#chunk === undefined || this.rows > 0) return
    const tail = this.#fromWindow(this.#resumeAt)
    this.#kept = tail === undefined ? undefined : { bytes: Buffer.from(tail), at: this.#resumeAt }
    this.#reading.columns.give(this.#chunk.columns)
    this.#chunk = undefined
    this.#window = undefined
  }

  /** Goes on in another file that has the same bytes. */
  async moveTo(found: FoundFile): Promise<void> {
    await this.close()
    this.#inflated = undefined
    this.path = found.path
    this.id = found.id
    this.sinceMs = Math.max(this.sinceMs, found.sinceMs)
    this.gzip = isGzip(this.#reading.config, found.path)
    this.size = found.size
    this.mtimeMs = found.mtimeMs
    this.untold = true
  }

  /** Where to go on after the rows that were taken. `since`: see `FileToken`. */
  async position(since: number): Promise<Position> {
    const offset = this.#chunk?.nextAt ?? this.#resumeAt
    const { head } = this.#seen
    const tail = await this.#tailBefore(offset)
    const format: unknown = this.#splitter.token
    const token: FileToken = {
      file: this.id,
      head: fingerprint(head.subarray(0, offset)),
      tail: fingerprint(tail),
      since,
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

  #take(block: Buffer, options: ChunkOptions & { readonly from: number }): void {
    const chunk = new Chunk(block, { ...options, columns: this.#reading.columns.take() })
    const taken = this.#splitter.push(chunk.fresh, this.#at, chunk)
    const read = block.subarray(0, options.from + taken)
    this.#seen = seenMore(this.#seen, read, options.from)
    this.#window = { bytes: read, at: this.#at - options.from }
    this.#at += taken
    this.#resumeAt = this.#splitter.resumeAt
    this.#chunk = chunk
  }

  async #inflate(): Promise<ReadResult> {
    const { open, formats, signal } = this.#reading
    const read = async (at: number, length: number): Promise<Buffer> => readAt(await open.get(this), at, { length })
    this.#inflated ??= formats.inflatedBlocks(read, this.#at, signal)[Symbol.asyncIterator]()
    const next = await this.#inflated.next().catch((error: unknown) => {
      // A file that is still being written is inflated anew, up to here and on, when there is more of it.
      this.#inflated = undefined
      throw error
    })
    if (next.done === true) return 'end'
    const { tail } = this.#seen
    this.#take(Buffer.concat([tail, next.value]), { from: tail.length })
    return 'data'
  }

  /** From what is at hand; only where a record began long before that, from the file. Of a compressed one, what is at hand. */
  async #tailBefore(offset: number): Promise<Buffer> {
    const { tail, at } = this.#seen
    if (offset === at) return tail
    const known = this.#kept?.at === offset ? this.#kept.bytes : this.#fromWindow(offset)
    if (known !== undefined) return known
    if (this.gzip) return NOTHING_SEEN.tail
    const from = Math.max(0, offset - TAIL_BYTES)
    return readAt(await this.#reading.open.get(this), from, { length: offset - from })
  }

  #fromWindow(offset: number): Buffer | undefined {
    const window = this.#window
    if (window === undefined) return undefined
    const from = Math.max(offset - TAIL_BYTES, this.gzip ? window.at : 0)
    if (from < window.at || offset > window.at + window.bytes.length) return undefined
    return window.bytes.subarray(from - window.at, Math.max(offset, from) - window.at)
  }

  async close(): Promise<void> {
    await this.#inflated?.return?.()
    await this.#reading.open.close(this)
  }
}
