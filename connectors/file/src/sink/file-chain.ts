import path from 'node:path'
import { crashPoint } from '@connect-run/core'
import { type Checkpoint, tailBefore, writeCheckpoint } from './checkpoint.ts'
import { cannotRotate, cannotWrite, goneWhileOpen, inTheWay } from './file-problem.ts'
import { type Files, statOf, syncFolder } from './files.ts'
import { OutputFile } from './output-file.ts'
import { listRotated, rotatedPath } from './rotated-names.ts'

export interface FileChainOptions {
  readonly files: Files
  readonly path: string
  /** Permission bits of the files that are made. Undefined: as the one before has. */
  readonly mode: number | undefined
  readonly checkpoint: Checkpoint | undefined
}

/** One of the files that hold lines behind the checkpoint. */
interface Link {
  readonly sequence: number
  readonly inode: string
  /** When its first line was written. */
  since: number
  /** Where its first line begins in the chain. */
  readonly start: number
}

/**
 * The files from the one that the checkpoint speaks of to the one that is written, as if they were one: places in it
 * are counted from the beginning of the first.
 */
export class FileChain {
  readonly #files: Files
  readonly #path: string
  readonly #mode: number | undefined
  #active: OutputFile
  /** The file that takes over at a rotation that is under way. */
  #next: OutputFile | undefined
  /** The last one is the active file. */
  #links: Link[] = []
  /** What is on the disk. */
  #checkpoint: Checkpoint | undefined

  private constructor({ files, path: at, mode, checkpoint }: FileChainOptions, active: OutputFile) {
    this.#files = files
    this.#path = at
    this.#mode = mode
    this.#checkpoint = checkpoint
    this.#active = active
  }

  /** Opens the file, which is made where there is none. */
  static async open(options: FileChainOptions): Promise<FileChain> {
    const { files, path: at, mode } = options
    const isNew = (await statOf(files, at)) === undefined
    const active = await OutputFile.open(files, at, { name: at, mode, isNew })
    return new FileChain(options, active)
  }

  get hasCheckpoint(): boolean {
    return this.#checkpoint !== undefined
  }

  /** Where the next line begins in the chain. */
  get length(): number {
    return this.#link.start + this.#active.length
  }

  /** The number of the first file that a cut back may need. */
  get sequence(): number {
    return this.#links[0]!.sequence
  }

  /** Makes the file end where its checkpoint says. Undefined if it is not the file that the checkpoint speaks of. */
  async cutBack(): Promise<Checkpoint | undefined> {
    const checkpoint = this.#checkpoint
    const active = this.#active
    const isOurs =
      checkpoint !== undefined &&
      checkpoint.file === active.inode &&
      checkpoint.length <= active.length &&
      checkpoint.tail === (await active.tailBefore(checkpoint.length))
    if (!isOurs) return undefined
    await active.cutTo(checkpoint.length)
    crashPoint('file-cut-back')
    this.#links = [{ sequence: checkpoint.sequence, inode: active.inode, since: checkpoint.since, start: 0 }]
    return checkpoint
  }

  /** Goes on behind what the file holds, with a first checkpoint before the first line: a crash cuts back to that. */
  async begin(): Promise<Checkpoint> {
    const others = await listRotated(this.#files, this.#path)
    const sequence = Math.max((others.at(-1)?.sequence ?? 0) + 1, this.#checkpoint?.sequence ?? 1)
    this.#links = [{ sequence, inode: this.#active.inode, since: this.#active.modified, start: 0 }]
    if (!(await this.#active.endsWithLine())) await this.#active.append([Buffer.from('\n')])
    await this.#active.sync()
    return await this.checkpoint({ length: this.#active.length, partitions: [] })
  }

  async append(parts: readonly Uint8Array[], now: number): Promise<void> {
    if (this.#active.length === 0) this.#link.since = now
    await this.#active.append(parts)
  }

  /** What the active file holds, and since when. */
  get active(): { readonly length: number; readonly since: number } {
    return { length: this.#active.length, since: this.#link.since }
  }

  /** Everything that was appended is on the disk, and at its path. */
  async sync(): Promise<void> {
    await this.#active.sync()
    const found = await statOf(this.#files, this.#path).catch((error: unknown) => {
      throw cannotWrite(this.#path, error)
    })
    const gone = 'is gone: it was deleted or moved, or its disk is not mounted'
    if (found === undefined) throw goneWhileOpen(this.#path, gone)
    if (!this.#active.is(found)) throw goneWhileOpen(this.#path, 'is another file now')
  }

  /** Puts a checkpoint on the disk. `length` is a place in the chain. */
  async checkpoint({ length, partitions }: Pick<Checkpoint, 'length' | 'partitions'>): Promise<Checkpoint> {
    const index = this.#links.findLastIndex(({ start }) => start <= length)
    const links = this.#links.slice(index)
    const { sequence, inode, since, start } = links[0]!
    const checkpoint: Checkpoint = {
      sequence,
      file: inode,
      since,
      length: length - start,
      tail: await this.#tailBefore(links[0]!, length - start),
      later: inodesAfter(links, this.#next),
      partitions,
    }
    await writeCheckpoint(this.#files, this.#path, checkpoint)
    this.#checkpoint = checkpoint
    this.#links = links
    return checkpoint
  }

  /**
   * Puts the active file aside and begins the next one. The checkpoint is told first: so it is known, whenever the next
   * file stands at the path after a crash, that all in it is behind the positions.
   */
  async rotate(): Promise<void> {
    const { sequence } = this.#link
    const nextPath = rotatedPath(this.#path, sequence + 1, 'waiting')
    const mode = this.#mode ?? this.#active.mode
    await this.sync()
    try {
      this.#next ??= await OutputFile.open(this.#files, nextPath, { name: this.#path, mode, isNew: true })
    } catch (error) {
      throw cannotWrite(nextPath, error)
    }
    crashPoint('rotation-next-made')
    const checkpoint = { ...this.#checkpoint!, later: inodesAfter(this.#links, this.#next) }
    await writeCheckpoint(this.#files, this.#path, checkpoint)
    this.#checkpoint = checkpoint
    crashPoint('rotation-announced')
    try {
      await this.#files.rename(this.#path, rotatedPath(this.#path, sequence, 'waiting'))
    } catch (error) {
      throw cannotWrite(this.#path, error)
    }
    crashPoint('rotation-put-aside')
    await this.#takeOver(nextPath, this.#next)
  }

  async close(): Promise<void> {
    await this.#active.close()
    await this.#next?.close()
  }

  get #link(): Link {
    return this.#links.at(-1)!
  }

  async #takeOver(nextPath: string, next: OutputFile): Promise<void> {
    try {
      await this.#files.rename(nextPath, this.#path)
      crashPoint('rotation-taken-over')
      await syncFolder(this.#files, path.dirname(this.#path))
    } catch (error) {
      throw cannotRotate(this.#path, error)
    }
    const [old, { length }] = [this.#active, this]
    this.#links.push({ sequence: this.#link.sequence + 1, inode: next.inode, since: 0, start: length })
    this.#active = next
    this.#next = undefined
    await old.close()
  }

  async #tailBefore(link: Link, length: number): Promise<string> {
    if (link === this.#link) return await this.#active.tailBefore(length)
    const closed = rotatedPath(this.#path, link.sequence, 'waiting')
    const handle = await this.#files.open(closed, 'r').catch((error: unknown) => {
      throw goneWhileOpen(closed, `can't be read: ${(error as Error).message}`)
    })
    try {
      return await tailBefore(handle, length)
    } finally {
      await handle.close()
    }
  }
}

/**
 * Undoes the rotations that the checkpoint does not know to be done: the file that it speaks of is at its path again,
 * those that were begun after it are gone. Cut short at any step, it is done by the next call.
 */
export async function undoRotations(files: Files, file: string, checkpoint: Checkpoint): Promise<void> {
  const closed = rotatedPath(file, checkpoint.sequence, 'waiting')
  const active = await statOf(files, file)
  const isClosed = await isFileOf(files, closed, checkpoint)
  if (!isClosed && String(active?.ino) !== checkpoint.file) return
  if (isClosed && active !== undefined && !checkpoint.later.includes(String(active.ino))) throw inTheWay(file, closed)
  const begun = (await listRotated(files, file)).filter(
    ({ sequence, kind }) => kind === 'waiting' && sequence > checkpoint.sequence,
  )
  for (const { path: later } of begun.toReversed()) await files.unlink(later)
  crashPoint('rotation-undoing')
  if (isClosed) await files.rename(closed, file)
}

async function isFileOf(files: Files, at: string, checkpoint: Checkpoint): Promise<boolean> {
  const found = await statOf(files, at)
  if (found === undefined || String(found.ino) !== checkpoint.file || found.size < checkpoint.length) return false
  const handle = await files.open(at, 'r')
  try {
    return (await tailBefore(handle, checkpoint.length)) === checkpoint.tail
  } finally {
    await handle.close()
  }
}

function inodesAfter(links: readonly Link[], next: OutputFile | undefined): string[] {
  const inodes = links.slice(1).map(({ inode }) => inode)
  return next === undefined ? inodes : [...inodes, next.inode]
}
