import { type FileHandle, mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { RetriableError } from '../api/errors.ts'
import type { ConnectRecord } from '../api/record.ts'
import type { SinkTask } from '../api/sink-task.ts'
import { letterLine } from '../dead-letters/letter-line.ts'
import { seal } from '../dead-letters/segments.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { syncFolder } from '../state/durable-file.ts'

export interface DeadLetterFileOptions {
  readonly path: string
  /** A file that would grow beyond it is set aside, and a new one begun. */
  readonly maxFileBytes: number
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/**
 * Dead letters as JSON lines (see `letterLine`). Only its owner may read the file (0600): it holds data. Nothing is
 * deleted here: full files stand beside it until a purge. Several workers may write one file, and a purge may move it
 * away at any moment: what was written counts only if the file still stands at its path when it is synced; otherwise
 * it is written again to the new one.
 */
export class DeadLetterFile implements SinkTask {
  readonly #options: DeadLetterFileOptions
  #file: FileHandle | undefined

  constructor(options: DeadLetterFileOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    await this.#writing(async () => {
      await mkdir(dirname(this.#options.path), { recursive: true, mode: 0o700 })
      await this.#open()
    })
  }

  async put(batch: RecordBatch): Promise<void> {
    let text = ''
    for (const record of batch) text += `${lineOf(record)}\n`
    const lines = Buffer.from(text)
    await this.#writing(async () => {
      await this.#sealIfFull(lines.length)
      for (let isSafe = false; !isSafe;) {
        const file = await this.#open()
        await appendAtOnce(file, lines)
        await file.datasync()
        isSafe = await this.#isInPlace()
      }
    })
  }

  async stop(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  /** The file at the path, ready for a new line. */
  async #open(): Promise<FileHandle> {
    if (this.#file !== undefined && (await this.#isInPlace())) return this.#file
    await this.stop()
    const { path } = this.#options
    const file = await open(path, 'a+', 0o600)
    this.#file = file
    await syncFolder(dirname(path))
    // A crash or a full disk may have left half a line.
    if (await endsMidLine(file)) await file.appendFile('\n')
    return file
  }

  async #isInPlace(): Promise<boolean> {
    const [there, own] = await Promise.all([identityAt(this.#options.path), this.#file!.stat({ bigint: true })])
    return there?.ino === own.ino && there.dev === own.dev
  }

  async #sealIfFull(more: number): Promise<void> {
    const { path, maxFileBytes, now } = this.#options
    const { size } = await (await this.#open()).stat()
    if (size > 0 && size + more > maxFileBytes) await seal(path, now())
  }

  /** After a failure nobody knows what is at the end of the file: it is opened and looked at again. */
  async #writing(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      await this.stop().catch(() => undefined)
      throw cannotWrite(this.#options.path, error)
    }
  }
}

/** In one call, so that what several workers write never mixes: `appendFile` would make several of a large text. */
async function appendAtOnce(file: FileHandle, lines: Buffer): Promise<void> {
  const { bytesWritten } = await file.write(lines)
  if (bytesWritten < lines.length) throw new Error(`only ${bytesWritten} of ${lines.length} bytes were written`)
}

async function identityAt(path: string): Promise<{ ino: bigint; dev: bigint } | undefined> {
  try {
    return await stat(path, { bigint: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function endsMidLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat()
  if (size === 0) return false
  const last = Buffer.alloc(1)
  await file.read(last, 0, 1, size - 1)
  return last[0] !== 0x0a
}

function cannotWrite(path: string, cause: unknown): RetriableError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new RetriableError('DEAD_LETTER_FAILED', `can't write dead letters to ${path}: ${reason}`, {
    hint: 'make room or fix the permissions; the pipeline waits and loses nothing',
    cause,
  })
}

function lineOf({ stream, partition, offset, timestamp = -1, keyBytes, valueBytes, headers }: ConnectRecord): string {
  return letterLine({ stream, partition, offset, timestamp, key: keyBytes, value: valueBytes, headers })
}
