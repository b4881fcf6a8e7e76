import * as fs from 'node:fs/promises'
import path from 'node:path'
import {
  PartialBatchError,
  type Positions,
  type RecordBatch,
  type RecoverRequest,
  RetriableError,
  type SinkContext,
  type SinkTask,
  isConnectError,
  unlessAborted,
} from '@connect-run/core'
import { Bookkeeping } from './bookkeeping.ts'
import { checkPath } from './check-path.ts'
import { checkpointPath, readCheckpoint } from './checkpoint.ts'
import { FileChain, undoRotations } from './file-chain.ts'
import { cannotWrite, goneBeforeStart, isLink } from './file-problem.ts'
import { type Files, statOf } from './files.ts'
import { finishRotated } from './finish-rotated.ts'
import { type LineMaker, lineMaker } from './line-format.ts'
import { type PathLock, lockPath } from './path-lock.ts'
import { type FileSinkConfig, isRotationDue } from './sink-config.ts'
import { Turns } from './turns.ts'

/** What is open while the task runs. */
interface Output {
  readonly path: string
  readonly chain: FileChain
  readonly lock: PathLock
}

/**
 * Appends lines to a file. A checkpoint beside it says up to where it holds exactly what is before which positions;
 * after a crash the file is cut back to that, and the source goes on from there.
 */
export class FileSinkTask implements SinkTask<FileSinkConfig> {
  readonly #config: FileSinkConfig
  readonly #files: Files
  readonly #lines: LineMaker
  /** Batches are written one after the other. */
  readonly #batches = new Turns()
  /** Rotations, syncs and checkpoints take turns, as each needs the files as they are. */
  readonly #turns = new Turns()
  #output: Output | undefined
  #context: SinkContext<FileSinkConfig> | undefined
  #isRecovered = false
  #books = new Bookkeeping()
  /** Compresses and renames what was rotated. */
  #finishing: Promise<void> = Promise.resolve()

  constructor(config: FileSinkConfig, files: Files = fs) {
    this.#config = config
    this.#files = files
    this.#lines = lineMaker(config)
  }

  async start(context: SinkContext<FileSinkConfig>): Promise<void> {
    this.#context = context
    const file = path.resolve(this.#config.path)
    const isThere = await checkPath(this.#files, file)
    const own = path.join(await this.#files.realpath(path.dirname(file)), path.basename(file))
    const real = isThere ? await this.#files.realpath(file) : own
    if (this.#config.rotate !== undefined && real !== own) throw isLink(file)
    const lock = await lockPath(file, real)
    try {
      this.#output = { path: file, chain: await this.#openChain(file), lock }
    } catch (error) {
      await lock.release()
      throw error
    }
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

  put(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    return this.#batches.take(() => this.#write(batch, signal))
  }

  flush(): Promise<void> {
    const { chain } = this.#open()
    return this.#turns.take(() => chain.sync())
  }

  async commit(positions: Positions, stored: Positions): Promise<void> {
    const { chain } = this.#open()
    const before = chain.sequence
    await this.#turns.take(async () => {
      const next = this.#books.next(positions, stored)
      await chain.checkpoint(next)
      this.#books.committed(next)
    })
    if (chain.sequence !== before) this.#finishRotated()
  }

  async probe(): Promise<void> {
    const file = path.resolve(this.#config.path)
    if (!(await checkPath(this.#files, file))) await fs.access(path.dirname(file), fs.constants.W_OK)
  }

  async stop(): Promise<void> {
    await this.#finishing
    const output = this.#output
    this.#output = undefined
    try {
      await output?.chain.close()
    } finally {
      await output?.lock.release()
    }
  }

  #open(): Output {
    if (this.#output === undefined) throw new Error('the sink has not been started')
    return this.#output
  }

  async #openChain(file: string): Promise<FileChain> {
    const checkpoint = await readCheckpoint(this.#files, file)
    try {
      if (checkpoint !== undefined) {
        await undoRotations(this.#files, file, checkpoint)
        if ((await statOf(this.#files, file)) === undefined) throw goneBeforeStart(file, checkpointPath(file))
      }
      const mode = this.#config.mode === undefined ? undefined : Number.parseInt(this.#config.mode, 8)
      return await FileChain.open({ files: this.#files, path: file, mode, checkpoint })
    } catch (error) {
      throw isConnectError(error) ? error : cannotWrite(file, error)
    }
  }

  async #write(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { chain, path: file } = this.#open()
    if (this.#books.isFull) {
      throw new RetriableError('THROTTLED', `too many lines of ${file} wait for a commit of positions`)
    }
    const fresh = this.#books.withoutKnown(batch)
    const { parts, length, ends, failures } = this.#lines(fresh.batch)
    if (length > 0) {
      const now = this.#context!.clock.now()
      await this.#rotateIfDue({ bytes: length, now }, signal)
      await chain.append(parts, now)
    }
    this.#books.wrote(fresh, chain.length - length, ends)
    if (failures.length === 0) return
    throw new PartialBatchError(failures.map(({ row, error }) => ({ row: fresh.rowOf(row), error })))
  }

  async #rotateIfDue(next: { bytes: number; now: number }, signal: AbortSignal): Promise<void> {
    const { chain } = this.#open()
    const { rotate } = this.#config
    if (rotate === undefined || !isRotationDue(rotate, chain.active, next)) return
    // What is written does not run away from what is compressed.
    await unlessAborted(this.#finishing, signal)
    await this.#turns.take(() => chain.rotate())
  }

  /** Makes the file end where its checkpoint says, if it is the file that the checkpoint speaks of. */
  async #cutBack(): Promise<void> {
    const { chain, path: file } = this.#open()
    const checkpoint = await chain.cutBack()
    if (checkpoint === undefined && chain.hasCheckpoint) {
      this.#context!.logger.warn(
        { file, checkpoint: checkpointPath(file) },
        `${file} is not as it was written: somebody replaced, cut or changed it; goes on behind what it holds`,
      )
    }
    this.#books = new Bookkeeping(checkpoint ?? (await chain.begin()))
    this.#finishRotated()
  }

  #finishRotated(): void {
    const { chain, path: file } = this.#open()
    const { logger, signal } = this.#context!
    const { compression, keep } = this.#config.rotate ?? {}
    this.#finishing = this.#finishing
      .then(() =>
        finishRotated(this.#files, file, { below: chain.sequence, compress: compression === 'gzip', keep, signal }),
      )
      .catch((cause: unknown) => {
        const { code, message } = cannotWrite(file, cause)
        logger.warn(
          { file, code },
          `what was rotated of ${file} is not finished, the next rotation tries again: ${message}`,
        )
      })
  }
}
