import { type FileHandle, open } from 'node:fs/promises'
import type { PartitionPosition, SourceContext } from '@connect-run/core'
import { Chunk } from './chunk.ts'
import { copyOf, isRelated, likenessOf } from './copies.ts'
import {
  type Found,
  type FoundFile,
  type NumberedNames,
  discover,
  generationsBeside,
  lookAt,
  rotatedBeside,
} from './discovery.ts'
import { readAt, seenAt } from './file-identity.ts'
import { DEFAULT_DELIMITER } from './format/format.ts'
import { textEncoding } from './format/text-encoding.ts'
import { lastLineEnd, lastRowEnd } from './last-line-end.ts'
import { type Restored, restore } from './restore.ts'
import { type FileSourceConfig, isGzip } from './source-config.ts'
import { type Reading, TrackedFile } from './tracked-file.ts'

const LOOKS = 3
/** While names change. */
const UNSURE_LOOKS = 50
const LOOK_AGAIN_MS = 10

/** The files that are being read, kept in step with what is in the folders. */
export class FileSet {
  readonly #context: SourceContext<FileSourceConfig>
  readonly #reading: Reading
  readonly #files: TrackedFile[] = []
  readonly #generations = new Map<string, number>()
  readonly #ended: PartitionPosition[] = []
  /** By stream: see `FileToken`. */
  readonly #since = new Map<string, number>()
  /** Streams beside which rotated files are looked for, and until when, on the monotonic clock. */
  readonly #watched = new Map<string, number>()
  #missing: readonly string[] = []
  #matched = new Map<string, FoundFile>()
  #scannedAt = -Infinity

  constructor(context: SourceContext<FileSourceConfig>, reading: Reading) {
    this.#context = context
    this.#reading = reading
  }

  get files(): readonly TrackedFile[] {
    return this.#files
  }

  sinceOf(stream: string): number {
    return this.#since.get(stream) ?? 0
  }

  /** Configured paths without a file at the last look. */
  get missing(): readonly string[] {
    return this.#missing
  }

  /** Positions of partitions that have ended since the last call. */
  takeEnded(): PartitionPosition[] {
    return this.#ended.splice(0)
  }

  async start(): Promise<void> {
    const { positions, once, config } = this.#context
    const { found, restored } = await this.#restored()
    for (const { entry, token, match } of restored) {
      const { stream, partition, position } = entry
      this.#generations.set(stream, Math.max(partition, this.#generations.get(stream) ?? -1))
      if (token !== undefined) this.#since.set(stream, Math.max(token.since, this.sinceOf(stream)))
      if (match === undefined) {
        this.#gone(entry, token !== undefined && position.offset > 0)
        continue
      }
      const from = { stream, partition, offset: position.offset, format: token?.format }
      const file = this.#track(new TrackedFile({ ...from, ...match }, this.#reading))
      if (token?.done === true) file.phase = 'done'
    }
    const folders: NumberedNames = new Map()
    for (const stream of this.#since.keys()) await this.#adoptMissed(stream, folders)
    await this.#update(found, positions.length === 0 && config.startAt === 'end')
    if (once) for (const file of this.#files) file.limit = file.size
  }

  /** Asks again where a file is missing: one that is being renamed may be hidden from one look. */
  async #restored(): Promise<{ found: Found; restored: readonly Restored[] }> {
    const { positions, config, clock, signal } = this.#context
    for (let looks = 1; ; looks++) {
      const found = await discover(config)
      const restored = await restore(positions, found.files, config)
      const lost = restored.filter(({ match }) => match === undefined)
      const mostLooks = lost.some(({ unsure }) => unsure) ? UNSURE_LOOKS : LOOKS
      if (lost.length === 0 || looks >= mostLooks) return { found, restored }
      await clock.sleep(LOOK_AGAIN_MS, signal)
    }
  }

  /** Looks for new, rotated and removed files when it is time to. */
  async scan(): Promise<void> {
    const { clock, config, once } = this.#context
    if (once || clock.monotonic() - this.#scannedAt < config.scanInterval) return
    await this.#update(await discover(config), false)
    const folders: NumberedNames = new Map()
    for (const [stream, until] of this.#watched) {
      await this.#adoptMissed(stream, folders)
      if (clock.monotonic() > until) this.#watched.delete(stream)
    }
  }

  /**
   * Something was read of the file for the first time, or another one has taken its place: there may be files that stood
   * there in between and were never seen. They are looked for over some time, since renaming hides files from a look.
   */
  watch(stream: string): void {
    const { clock, config } = this.#context
    this.#watched.set(stream, clock.monotonic() + config.rotateWait)
  }

  /** The file has another name by now, or none: the next look at the folders says what became of it. */
  async moved(file: TrackedFile): Promise<void> {
    const found = await locate(file)
    if (found !== undefined) {
      file.path = found.path
    } else if (this.#context.once) {
      this.#context.logger.warn({ file: file.path, position: file.readTo, unread: file.unread }, `${file.path} is gone`)
      file.limit = file.readTo
    }
  }

  /** The file is not the one that was read, or was cut off: goes on in a copy of it, and with what is there now. */
  async changed(file: TrackedFile): Promise<void> {
    const { path: before, phase, unread } = file
    const copy = await this.#copyOf(file)
    if (copy === undefined) {
      const fields = { file: before, stream: file.stream, position: file.readTo, ...(unread > 0 ? { unread } : {}) }
      this.#context.logger.warn(fields, `${before} was cut off or replaced, and there is no copy of what it had`)
      file.limit = file.readTo
      file.id = ''
    } else {
      await file.moveTo(copy)
      if (!file.gzip && copy.size < file.readTo) file.limit = file.readTo
    }
    this.#drain(file, 0)
    this.watch(file.stream)
    const now = phase === 'live' && !this.#context.once ? await lookAt(before) : undefined
    if (now !== undefined && !this.#isTracked(now)) await this.#adopt(now)
  }

  async #update({ files, missing }: Found, atEnd: boolean): Promise<void> {
    this.#missing = missing
    this.#scannedAt = this.#context.clock.monotonic()
    this.#matched = new Map(files.map((file) => [file.id, file]))
    for (const file of this.#files) await this.#follow(file)
    const known = this.#ids()
    for (const found of files) if (!known.has(found.id)) await this.#adoptUnlessKnown(found, found.path, atEnd)
    for (const file of this.#files.slice()) if (file.phase === 'done') await this.#forgetLater(file)
  }

  async #follow(file: TrackedFile): Promise<void> {
    const found = this.#matched.get(file.id)
    if (found === undefined) {
      file.missingSince ??= this.#context.clock.monotonic()
      if (file.phase !== 'done') await this.#rotatedAway(file)
      return
    }
    file.missingSince = undefined
    file.path = found.path
    if (file.phase === 'done') {
      const other = found.mtimeMs !== file.mtimeMs && (await likenessOf(found, file, this.#context.config)) === 'other'
      if (other) file.id = ''
      return
    }
    file.size = found.size
    file.mtimeMs = found.mtimeMs
    if (file.drainUntil !== 0) this.#backToLife(file)
  }

  /** Its name was only hidden by renaming. */
  #backToLife(file: TrackedFile): void {
    file.phase = 'live'
    file.drainUntil = 0
    if (!this.#context.once) file.limit = Infinity
  }

  /** The partition has ended once its file was gone for a while. */
  async #forgetLater(file: TrackedFile): Promise<void> {
    const { clock, config } = this.#context
    const { missingSince } = file
    if (file.rows > 0 || missingSince === undefined || clock.monotonic() - missingSince < config.rotateWait) return
    this.#files.splice(this.#files.indexOf(file), 1)
    const { stream, partition } = file
    // It may still be there, and is not to be taken for one that was missed.
    this.#since.set(stream, Math.max(this.sinceOf(stream), file.sinceMs + 1))
    for (const other of this.#files) if (other.stream === stream) other.untold = true
    const { offset } = await file.position(this.sinceOf(stream))
    await file.close()
    this.#ended.push({ stream, partition, position: { offset, ended: true } })
  }

  async #rotatedAway(file: TrackedFile): Promise<void> {
    if (file.phase === 'draining' && file.drainUntil === 0) return
    const { clock, config, logger } = this.#context
    const moved = await locate(file)
    if (moved !== undefined) file.path = moved.path
    if (file.phase === 'live') {
      this.#drain(file, clock.monotonic() + config.rotateWait)
      this.watch(file.stream)
    }
    if (moved !== undefined || this.#reading.open.has(file)) {
      file.limit = Infinity
      return
    }
    file.limit = file.readTo
    if (file.unread === 0 && file.size <= file.readTo) return
    const copy = await copyOf(file, this.#ids(), config)
    if (copy.same !== undefined) {
      await file.moveTo(copy.same)
      file.limit = Infinity
      return
    }
    if (clock.monotonic() < file.drainUntil) return
    const fields = { file: file.path, stream: file.stream, position: file.readTo, unread: file.size - file.readTo }
    logger.warn(fields, `${file.path} is gone with ${fields.unread} unread bytes`)
  }

  #drain(file: TrackedFile, until: number): void {
    file.phase = 'draining'
    file.drainUntil = until
  }

  /** Looks again where there is none: renaming may hide it from one look. */
  async #copyOf(file: TrackedFile): Promise<FoundFile | undefined> {
    const { config, clock, signal } = this.#context
    for (let looks = 1; ; looks++) {
      const { same, prefix, unsure } = await copyOf(file, this.#ids(), config)
      if (same !== undefined || looks >= (unsure ? UNSURE_LOOKS : LOOKS)) return same ?? prefix
      await clock.sleep(LOOK_AGAIN_MS, signal)
    }
  }

  #ids(): Set<string> {
    return new Set(this.#files.map(({ id }) => id))
  }

  #isTracked({ id }: FoundFile): boolean {
    return this.#files.some((file) => file.id === id)
  }

  /** Files that stood at the stream's path and went from there before they were seen. */
  async #adoptMissed(stream: string, folders: NumberedNames): Promise<void> {
    for (const found of await generationsBeside(stream, folders)) {
      if (found.sinceMs >= this.sinceOf(stream)) await this.#adoptUnlessKnown(found, stream)
    }
  }

  async #adoptUnlessKnown(found: FoundFile, stream: string, atEnd: boolean = false): Promise<void> {
    if (this.#isTracked(found) || (await this.#isCopy(found))) return
    await this.#adopt(found, stream, atEnd)
  }

  /** Whether this is a copy of a file that is read; where it can't be told yet, it waits for the next look. */
  async #isCopy(found: FoundFile): Promise<boolean> {
    for (const file of this.#files) {
      if (!isRelated(found, file)) continue
      const like = await likenessOf(found, file, this.#context.config)
      if (like === 'other') continue
      if (like === 'same') file.sinceMs = Math.max(file.sinceMs, found.sinceMs)
      if (like === 'same' && file.phase === 'done' && file.missingSince !== undefined) await file.moveTo(found)
      return true
    }
    return false
  }

  async #adopt(found: FoundFile, stream: string = found.path, atEnd: boolean = false): Promise<void> {
    const partition = (this.#generations.get(stream) ?? -1) + 1
    this.#generations.set(stream, partition)
    if (!this.#since.has(stream)) this.#since.set(stream, found.changedMs)
    if (partition > 0) this.watch(stream)
    const at = { stream, partition, found }
    // A later run finds what came after this file only by its position.
    if (!atEnd) this.#track(new TrackedFile(at, this.#reading)).untold = partition > 0
    else await this.#adoptAtEnd(at)
  }

  /** What can't be followed is left out as a whole. */
  async #adoptAtEnd(at: { stream: string; partition: number; found: FoundFile }): Promise<void> {
    const { config } = this.#context
    const gzip = isGzip(config, at.found.path)
    if (gzip || config.format === 'json-array') {
      this.#track(new TrackedFile(at, this.#reading)).finish(true)
      return
    }
    const handle = await open(at.found.path, 'r')
    try {
      const offset = await endOfRecords(handle, at.found.size, config)
      const seen = await seenAt({ handle, gzip }, offset)
      const format = await this.#formatAfter(handle, offset)
      this.#track(new TrackedFile({ ...at, offset, seen, format }, this.#reading)).untold = true
    } finally {
      await handle.close()
    }
  }

  /** What a splitter that begins in the middle needs of the beginning: the header of a CSV file. */
  async #formatAfter(handle: FileHandle, offset: number): Promise<unknown> {
    const { config } = this.#context
    if (config.format !== 'csv') return undefined
    const splitter = this.#reading.formats.createSplitter(config)
    const head = await readAt(handle, 0, { length: Math.min(offset, config.maxRecordBytes) })
    splitter.push(head, 0, new Chunk(Buffer.alloc(0)))
    return splitter.token
  }

  #track(file: TrackedFile): TrackedFile {
    file.activeAt = this.#context.clock.monotonic()
    this.#files.push(file)
    return file
  }

  #gone({ stream, partition, position: { offset } }: PartitionPosition, wasRead: boolean): void {
    this.#ended.push({ stream, partition, position: { offset, ended: true } })
    if (!wasRead) return
    const fields = { file: stream, partition, position: offset }
    this.#context.logger.warn(
      fields,
      `the file of ${stream} that was read up to ${offset} is gone; what followed is lost`,
    )
  }
}

/** Where the last record that is complete ends. */
function endOfRecords(handle: FileHandle, size: number, { format, encoding, csv }: FileSourceConfig): Promise<number> {
  if (format === 'csv') return lastRowEnd(handle, size, csv?.delimiter ?? DEFAULT_DELIMITER)
  return lastLineEnd(handle, size, textEncoding(encoding))
}

/** Where a file is that the config does not name any more. */
async function locate(file: TrackedFile): Promise<FoundFile | undefined> {
  const own = await lookAt(file.path)
  if (own?.id === file.id) return own
  return [...(await rotatedBeside(file.path)), ...(await rotatedBeside(file.stream))].find(({ id }) => id === file.id)
}
