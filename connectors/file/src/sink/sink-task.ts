import { type FileHandle, access, constants, open, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import {
  ConnectError,
  PartialBatchError,
  type Positions,
  type RecordBatch,
  type RecoverRequest,
  RetriableError,
  type SinkContext,
  type SinkTask,
} from '@connect-run/core'
import { Bookkeeping } from './bookkeeping.ts'
import {
  type Checkpoint,
  checkpointPath,
  readCheckpoint,
  syncFolder,
  tailBefore,
  writeCheckpoint,
} from './checkpoint.ts'
import { cannotWrite, goneBeforeStart, goneWhileOpen } from './file-problem.ts'
import { type LineMaker, lineMaker } from './line-format.ts'
import { type PathLock, lockPath } from './path-lock.ts'
import type { FileSinkConfig } from './sink-config.ts'

/** What is open while the task runs. */
interface OpenFile {
  readonly path: string
  readonly handle: FileHandle
  /** `device:inode` */
  readonly identity: string
  readonly lock: PathLock
}

/**
 * Appends lines to a file. A checkpoint beside it says up to where it holds exactly what is before which positions;
 * after a crash the file is cut back to that, and the source goes on from there.
 */
export class FileSinkTask implements SinkTask<FileSinkConfig> {
  readonly #lines: LineMaker
  #file: OpenFile | undefined
  #context: SinkContext<FileSinkConfig> | undefined
  /** Where the next line begins. */
  #length = 0
  /** Whether the file may be longer than `#length`, after a write that failed. */
  #isRagged = false
  #isRecovered = false
  #books = new Bookkeeping()

  constructor(config: FileSinkConfig) {
    this.#lines = lineMaker(config)
  }

  async start(context: SinkContext<FileSinkConfig>): Promise<void> {
    this.#context = context
    const file = path.resolve(context.config.path)
    const isThere = await checkPath(file)
    if (!isThere && (await readCheckpoint(file)) !== undefined) throw goneBeforeStart(file)
    const folder = await realpath(path.dirname(file))
    const lock = await lockPath(file, isThere ? await realpath(file) : path.join(folder, path.basename(file)))
    try {
      this.#file = await openFile(file, lock)
      if (!isThere) await syncFolder(folder)
    } catch (error) {
      await lock.release()
      throw cannotWrite(file, error)
    }
    this.#length = (await this.#file.handle.stat()).size
  }

  async recover({ partitions, stored }: RecoverRequest): Promise<Positions> {
    if (!this.#isRecovered) {
      await this.#cutBack()
      this.#isRecovered = true
    } else this.#books.comeBack(partitions ?? [])
    const { positions, resets } = this.#books.startingPoints(partitions, stored)
    for (const { stream, partition, from, to } of resets) {
      this.#context!.logger.warn(
        { stream, partition, checkpoint: from, goOnAt: to },
        `the position of ${stream}/${partition} was changed by somebody from ${from} to ${to}: goes on there`,
      )
    }
    return positions
  }

  async put(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#books.isFull) {
      throw new RetriableError('THROTTLED', `too many lines of ${this.#open().path} wait for a commit of positions`)
    }
    const fresh = this.#books.withoutKnown(batch)
    const { bytes, ends, failures } = this.#lines(fresh.batch)
    if (bytes.length > 0) await this.#append(bytes)
    this.#books.wrote(fresh.batch, this.#length - bytes.length, ends)
    if (failures.length === 0) return
    throw new PartialBatchError(failures.map(({ row, error }) => ({ row: fresh.rowOf(row), error })))
  }

  async flush(): Promise<void> {
    const { handle, path: file, identity } = this.#open()
    try {
      await handle.datasync()
    } catch (cause) {
      // What the system has not written may be gone from its memory too: only a new start, from the checkpoint, is safe.
      throw new ConnectError('FILE_UNWRITABLE', `can't sync ${file}: ${(cause as Error).message}`, { cause })
    }
    const found = await identityAt(file)
    if (found === undefined) throw goneWhileOpen(file, 'is gone: it was deleted or moved, or its disk is not mounted')
    if (found !== identity) throw goneWhileOpen(file, 'is another file now')
  }

  async commit(positions: Positions, stored: Positions): Promise<void> {
    const { handle, path: file, identity } = this.#open()
    const { length, partitions } = this.#books.next(positions, stored)
    const checkpoint: Checkpoint = { file: identity, length, tail: await tailBefore(handle, length), partitions }
    try {
      await writeCheckpoint(file, checkpoint)
    } catch (error) {
      throw cannotWrite(checkpointPath(file), error)
    }
    this.#books.committed(checkpoint)
  }

  async probe(): Promise<void> {
    const file = path.resolve(this.#context!.config.path)
    if (!(await checkPath(file))) await access(path.dirname(file), constants.W_OK)
  }

  async stop(): Promise<void> {
    await this.#file?.handle.close()
    await this.#file?.lock.release()
    this.#file = undefined
  }

  #open(): OpenFile {
    if (this.#file === undefined) throw new Error('the sink has not been started')
    return this.#file
  }

  /** Writes all of it, or leaves the file as it was. */
  async #append(bytes: Buffer): Promise<void> {
    const { handle, path: file } = this.#open()
    try {
      if (this.#isRagged) await handle.truncate(this.#length)
      this.#isRagged = true
      for (let done = 0; done < bytes.length;) {
        done += (await handle.write(bytes, done, bytes.length - done, this.#length + done)).bytesWritten
      }
      this.#isRagged = false
    } catch (error) {
      await handle.truncate(this.#length).then(
        () => (this.#isRagged = false),
        () => undefined,
      )
      throw cannotWrite(file, error)
    }
    this.#length += bytes.length
  }

  /** The first checkpoint, before the first line: what a crash leaves behind it is cut off. */
  async #begin(): Promise<void> {
    const { handle, path: file, identity } = this.#open()
    const checkpoint = {
      file: identity,
      length: this.#length,
      tail: await tailBefore(handle, this.#length),
      partitions: [],
    }
    try {
      await handle.datasync()
      await writeCheckpoint(file, checkpoint)
    } catch (error) {
      throw cannotWrite(checkpointPath(file), error)
    }
    this.#books = new Bookkeeping(checkpoint)
  }

  /** Makes the file end where its checkpoint says, if it is the file that the checkpoint speaks of. */
  async #cutBack(): Promise<void> {
    const { handle, path: file, identity } = this.#open()
    const checkpoint = await readCheckpoint(file)
    const isOurs =
      checkpoint !== undefined &&
      checkpoint.file === identity &&
      checkpoint.length <= this.#length &&
      checkpoint.tail === (await tailBefore(handle, checkpoint.length))
    if (isOurs) {
      if (checkpoint.length < this.#length) await handle.truncate(checkpoint.length)
      this.#length = checkpoint.length
      this.#books = new Bookkeeping(checkpoint)
      return
    }
    if (checkpoint !== undefined) {
      this.#context!.logger.warn(
        { file, checkpoint: checkpointPath(file) },
        `${file} is not as it was written: somebody replaced, cut or changed it; goes on behind what it holds`,
      )
    }
    if (this.#length > 0 && !(await endsWithLine(handle, this.#length))) await this.#append(Buffer.from('\n'))
    await this.#begin()
  }
}

/** Whether there is a file at the path. Throws where none could be. */
async function checkPath(file: string): Promise<boolean> {
  const folder = path.dirname(file)
  const found = await statOf(file)
  if (found !== undefined) {
    if (found.isFile()) return true
    throw new ConnectError('FILE_UNWRITABLE', `${file} is not a regular file`, { hint: 'Name a file to write.' })
  }
  if ((await statOf(folder))?.isDirectory() === true) return false
  throw new ConnectError('NOT_FOUND', `the folder ${folder} does not exist`, {
    hint: 'Make it, or mount the disk that it is on; it is not made here, so that a missing disk is noticed.',
  })
}

async function openFile(file: string, lock: PathLock): Promise<OpenFile> {
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT, 0o644)
  const { dev, ino } = await handle.stat()
  return { path: file, handle, identity: `${dev}:${ino}`, lock }
}

async function identityAt(file: string): Promise<string | undefined> {
  const found = await statOf(file)
  return found === undefined ? undefined : `${found.dev}:${found.ino}`
}

async function statOf(file: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  try {
    return await stat(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cannotWrite(file, error)
  }
}

async function endsWithLine(handle: FileHandle, length: number): Promise<boolean> {
  const last = Buffer.alloc(1)
  await handle.read(last, 0, 1, length - 1)
  return last[0] === 0x0a
}
