import { open } from 'node:fs/promises'
import type { PartitionPosition, SourceContext } from '@connect-run/core'
import { type Found, type FoundFile, discover, lookAt, rotatedBeside } from './discovery.ts'
import { fileId, isRotatedName, likeness, seenAt } from './file-identity.ts'
import { lastLineEnd } from './last-line-end.ts'
import { type Restored, restore } from './restore.ts'
import type { FileSourceConfig } from './source-config.ts'
import { type Reading, TrackedFile } from './tracked-file.ts'

const LOOKS = 3
const LOOK_AGAIN_MS = 20

/** The files that are being read, kept in step with what is in the folders. */
export class FileSet {
  readonly #context: SourceContext<FileSourceConfig>
  readonly #reading: Reading
  readonly #files: TrackedFile[] = []
  readonly #generations = new Map<string, number>()
  readonly #ended: PartitionPosition[] = []
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
      if (match === undefined) {
        this.#gone(entry, token !== undefined && position.offset > 0)
        continue
      }
      const from = { stream, partition, offset: position.offset, format: token?.format }
      const file = this.#track(new TrackedFile({ ...from, ...match }, this.#reading))
      if (token?.done === true) file.phase = 'done'
    }
    await this.#update(found, positions.length === 0 && config.startAt === 'end')
    if (once) for (const file of this.#files) file.limit = file.size
  }

  /** Asks again where a file is missing: one that is being renamed may be hidden from one look. */
  async #restored(): Promise<{ found: Found; restored: readonly Restored[] }> {
    const { positions, config, clock, signal } = this.#context
    for (let looks = 1; ; looks++) {
      const found = await discover(config)
      const restored = await restore(positions, found.files, config)
      if (looks === LOOKS || restored.every(({ match }) => match !== undefined)) return { found, restored }
      await clock.sleep(LOOK_AGAIN_MS, signal)
    }
  }

  /** Looks for new, rotated and removed files when it is time to. */
  async scan(): Promise<void> {
    const { clock, config, once } = this.#context
    if (once || clock.monotonic() - this.#scannedAt < config.scanInterval) return
    await this.#update(await discover(config), false)
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
    const { path, phase, unread } = file
    const copy = await this.#copyOf(file)
    if (copy === undefined) {
      const fields = { file: path, stream: file.stream, position: file.readTo, ...(unread > 0 ? { unread } : {}) }
      this.#context.logger.warn(fields, `${path} was cut off or replaced, and there is no copy of what it had`)
      file.limit = file.readTo
      file.id = ''
    } else {
      await file.moveTo(copy)
      if (copy.size < file.readTo) file.limit = file.readTo
    }
    this.#drain(file, 0)
    const now = phase === 'live' && !this.#context.once ? await lookAt(path) : undefined
    if (now !== undefined) await this.#adopt(now, false)
  }

  async #update({ files, missing }: Found, atEnd: boolean): Promise<void> {
    this.#missing = missing
    this.#scannedAt = this.#context.clock.monotonic()
    this.#matched = new Map(files.map((file) => [file.id, file]))
    for (const file of this.#files.slice()) await this.#follow(file)
    const known = new Set(this.#files.map(({ id }) => id))
    for (const found of files) {
      if (known.has(found.id) || (await this.#isCopy(found))) continue
      await this.#adopt(found, atEnd)
    }
  }

  async #follow(file: TrackedFile): Promise<void> {
    const found = this.#matched.get(file.id)
    if (found === undefined) {
      file.missingSince ??= this.#context.clock.monotonic()
      await (file.phase === 'done' ? this.#forgetLater(file) : this.#rotatedAway(file))
      return
    }
    file.missingSince = undefined
    file.path = found.path
    if (file.phase === 'done') {
      if (found.mtimeMs !== file.mtimeMs && (await isLike(found, file)) === false) file.id = ''
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
    if (file.rows > 0 || clock.monotonic() - file.missingSince! < config.rotateWait) return
    this.#files.splice(this.#files.indexOf(file), 1)
    const { offset } = await file.position()
    await file.close()
    const { stream, partition } = file
    this.#ended.push({ stream, partition, position: { offset, ended: true } })
  }

  async #rotatedAway(file: TrackedFile): Promise<void> {
    if (file.phase === 'draining' && file.drainUntil === 0) return
    const moved = await locate(file)
    if (moved !== undefined) file.path = moved.path
    const { clock, config, logger } = this.#context
    const readable = moved !== undefined || this.#reading.open.has(file)
    if (file.phase === 'live') this.#drain(file, clock.monotonic() + config.rotateWait)
    if (readable) {
      file.limit = Infinity
      return
    }
    const lost = Math.max(0, file.size - file.readTo)
    file.limit = file.readTo
    if (lost === 0 || clock.monotonic() < file.drainUntil) return
    const fields = { file: file.path, stream: file.stream, position: file.readTo, unread: lost }
    logger.warn(fields, `${file.path} is gone with ${lost} unread bytes`)
  }

  #drain(file: TrackedFile, until: number): void {
    file.phase = 'draining'
    file.drainUntil = until
  }

  async #copyOf(file: TrackedFile): Promise<FoundFile | undefined> {
    const others = new Set(this.#files.map(({ id }) => id))
    const beside = await rotatedBeside(file.path)
    for (const found of beside) {
      if (!others.has(found.id) && found.size > 0 && (await isLike(found, file)) === true) return found
    }
    return undefined
  }

  /** Whether this is a copy of a file that was read; where it can't be told yet, it waits for the next look. */
  async #isCopy(found: FoundFile): Promise<boolean> {
    for (const file of this.#files) {
      const related = isRotatedName(found.path, file.path) || isRotatedName(found.path, file.stream)
      if (file.seen.at > 0 && related && (await isLike(found, file)) !== false) return true
    }
    return false
  }

  async #adopt(found: FoundFile, atEnd: boolean): Promise<void> {
    const partition = (this.#generations.get(found.path) ?? -1) + 1
    this.#generations.set(found.path, partition)
    const at = { stream: found.path, partition, found }
    if (!atEnd) {
      this.#track(new TrackedFile(at, this.#reading))
      return
    }
    const handle = await open(found.path, 'r')
    try {
      const offset = await lastLineEnd(handle, found.size)
      this.#track(new TrackedFile({ ...at, offset, seen: await seenAt(handle, offset) }, this.#reading)).untold = true
    } finally {
      await handle.close()
    }
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

/** Undefined where the file went away, or got another name, in between. */
async function isLike(found: FoundFile, { seen }: TrackedFile): Promise<boolean | undefined> {
  const handle = await open(found.path, 'r').catch(() => undefined)
  if (handle === undefined) return undefined
  try {
    const stats = await handle.stat()
    if (fileId(stats) !== found.id) return undefined
    return (await likeness(handle, stats.size, seen)) !== 'other'
  } finally {
    await handle.close()
  }
}

/** Where a file is that the config does not name any more. */
async function locate({ id, path, stream }: TrackedFile): Promise<FoundFile | undefined> {
  const own = await lookAt(path)
  if (own?.id === id) return own
  return [...(await rotatedBeside(path)), ...(await rotatedBeside(stream))].find((found) => found.id === id)
}
