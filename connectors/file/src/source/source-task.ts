import {
  ConnectError,
  EndOfSource,
  type Latency,
  type PollLimits,
  RecordBatch,
  type RetriableError,
  type SourceContext,
  type SourceTask,
} from '@connect-run/core'
import { BatchParts } from './batch-parts.ts'
import { fileProblem, missingProblem } from './file-problem.ts'
import { FileSet } from './file-set.ts'
import type { Formats } from './formats.ts'
import { OpenFiles } from './open-files.ts'
import { ColumnPool } from './row-columns.ts'
import type { FileSourceConfig } from './source-config.ts'
import type { TrackedFile } from './tracked-file.ts'

/**
 * How much is read at a time. Lines stay where they were read, and are enough for a batch that need not be put together
 * from several; of what takes more time by the byte it is less, so that nobody is held up.
 */
const BLOCK_BYTES = { lines: 2304 * 1024, elements: 1024 * 1024, text: 256 * 1024, rows: 128 * 1024 }
/** How often to look whether there is more. */
const TICK_MS: Readonly<Record<Latency, number>> = { low: 10, balanced: 50, throughput: 50 }
/** What can't be read may be made readable without a change to the file itself. */
const TRY_AGAIN_MS = 10_000
/** Open files that were quiet for longer are looked at when the folder is, as closed ones are, unless there are few. */
const QUIET_MS = 10_000
const FEW_FILES = 32

/** Reads files in turn, block by block. */
export class FileSourceTask implements SourceTask<FileSourceConfig> {
  readonly #config: FileSourceConfig
  readonly #formats: Formats
  readonly #open: OpenFiles
  readonly #blockBytes: number
  readonly #stopped = new AbortController()
  #context: SourceContext<FileSourceConfig> | undefined
  #files: FileSet | undefined
  #turn = 0
  #problem: RetriableError | undefined
  /** Whether a last line may still be written while nothing else is left to read. */
  #waits = false

  constructor(config: FileSourceConfig, formats: Formats) {
    this.#config = config
    this.#formats = formats
    this.#open = new OpenFiles(config.maxOpenFiles)
    this.#blockBytes = blockBytes(config)
  }

  async start(context: SourceContext<FileSourceConfig>): Promise<void> {
    this.#context = context
    const { clock } = context
    const { signal } = this.#stopped
    const given = { config: this.#config, formats: this.#formats, open: this.#open }
    const reading = { ...given, columns: new ColumnPool(), clock, signal }
    this.#files = new FileSet(context, reading)
    try {
      await this.#files.start()
    } catch (error) {
      throw fileProblem(error)
    }
  }

  async poll(limits: PollLimits, signal: AbortSignal): Promise<RecordBatch> {
    if (limits.maxRecords === 0) return RecordBatch.empty
    const { clock, once, latency } = this.#context!
    const until = clock.monotonic() + limits.maxWaitMs
    for (;;) {
      const parts = await this.#gather(limits)
      if (!parts.isEmpty) return parts.batch()
      this.#sayProblem()
      if (once && this.#files!.files.every(({ phase, rows }) => phase === 'done' && rows === 0)) {
        throw new EndOfSource('every file was read to its end')
      }
      const left = until - clock.monotonic()
      if (left <= 0 || signal.aborted) return RecordBatch.empty
      if (!once || this.#waits) await clock.sleep(Math.min(left, TICK_MS[latency]), signal).catch(() => undefined)
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await Promise.all((this.#files?.files ?? []).map((file) => file.close()))
    await this.#open.closeAll()
  }

  /** One round over the files. */
  async #gather(limits: PollLimits): Promise<BatchParts> {
    const parts = new BatchParts(limits)
    const set = this.#files!
    this.#problem = undefined
    this.#waits = false
    try {
      await set.scan()
    } catch (error) {
      this.#problem = fileProblem(error)
    }
    for (let left = set.files.length; left > 0 && !parts.isFull; left--) {
      const file = set.files[this.#turn % set.files.length]
      if (file === undefined) break
      await this.#serve(file, parts)
      // Rows that did not fit come first next time, so that no more than one block of them waits.
      if (file.rows === 0) this.#turn++
    }
    // All of them at once: after a restart the last file of a stream that is known says which ones came before it.
    for (const file of set.files) {
      if (file.untold) await this.#tell(file, parts).catch((error: unknown) => this.#note(file, error))
    }
    for (const entry of set.takeEnded()) parts.addPosition(entry)
    return parts
  }

  async #serve(file: TrackedFile, parts: BatchParts): Promise<void> {
    try {
      if (file.rows === 0) await this.#advance(file)
      if (file.rows === 0) return
      parts.add(file.chunk!.take(parts.recordsLeft, parts.bytesLeft, file))
      await this.#tell(file, parts)
      file.release()
    } catch (error) {
      this.#note(file, error)
    }
  }

  #note(file: TrackedFile, error: unknown): void {
    const problem = fileProblem(error, file.path)
    const { clock, logger } = this.#context!
    if (file.failure?.problem.message !== problem.message) logger.warn({ file: file.path }, problem.message)
    file.failure = { problem, at: clock.monotonic(), state: file.state }
  }

  async #tell(file: TrackedFile, parts: BatchParts): Promise<void> {
    const { stream, partition } = file
    file.untold = false
    parts.addPosition({ stream, partition, position: await file.position(this.#files!.sinceOf(stream)) })
  }

  /** Reads on, and decides what it means when there is nothing. */
  async #advance(file: TrackedFile): Promise<void> {
    const { clock, once } = this.#context!
    const now = clock.monotonic()
    if (file.phase === 'done' || !this.#isDue(file, now)) return
    const isFirst = file.readTo === 0
    const result = await file.read(this.#blockBytes)
    file.failure = undefined
    if (result === 'data') {
      file.activeAt = now
      if (isFirst) this.#files!.watch(file.stream)
    } else if (result === 'changed') await this.#files!.changed(file)
    else if (result === 'moved') await this.#files!.moved(file)
    else if (result === 'end') file.finish(true)
    else if (file.phase === 'draining' && (once || now >= file.drainUntil)) file.finish(true)
    else if (once) await this.#finishOnce(file)
    else if (now - file.activeAt >= this.#config.lastLineAfter) this.#finishQuiet(file)
  }

  /** A line that may still be being written is not cut: the last one is waited for until the file is quiet. */
  async #finishOnce(file: TrackedFile): Promise<void> {
    const { format, lastLineAfter, multiline } = this.#config
    const { clock } = this.#context!
    const now = clock.monotonic()
    file.waitsSince ??= now
    // Whether a record of several lines is over shows with the next one, and then that one is not over.
    const waitedEnough = multiline !== undefined && now - file.waitsSince >= lastLineAfter
    const quiet = waitedEnough || clock.now() - file.mtimeMs >= lastLineAfter
    if (format === 'json-array' || file.pending === 0 || quiet) {
      file.finish(format === 'json-array')
      return
    }
    this.#waits = true
    await file.passLimit()
  }

  #finishQuiet(file: TrackedFile): void {
    if (this.#config.format === 'json-array') {
      if (file.readTo > 0) file.finish(true)
    } else if (file.pending > 0) {
      file.finishRecord()
    }
  }

  #isDue(file: TrackedFile, now: number): boolean {
    const { failure } = file
    if (failure !== undefined) return failure.state !== file.state || now - failure.at >= TRY_AGAIN_MS
    if (this.#context!.once || file.phase === 'draining' || file.stirred || file.pending > 0) return true
    return this.#files!.files.length <= FEW_FILES || (file.isOpen && now - file.activeAt < QUIET_MS)
  }

  /** Only where nothing else is read: one file must not hold up the others. */
  #sayProblem(): void {
    const { files, missing } = this.#files!
    const { once } = this.#context!
    const failed = files.filter(({ failure }) => failure !== undefined)
    const nothing = files.length === 0 ? missingProblem(missing, this.#config) : undefined
    const problem = this.#problem ?? failed[0]?.failure?.problem ?? nothing
    if (problem === undefined || (failed.length < files.length && !once)) return
    if (!once) throw problem
    throw new ConnectError(problem.code, problem.message, {
      cause: problem,
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    })
  }
}

function blockBytes({ format, encoding, multiline }: FileSourceConfig): number {
  if (format === 'json-array') return BLOCK_BYTES.elements
  if (format === 'csv') return BLOCK_BYTES.rows
  return encoding === 'utf-8' && multiline === undefined ? BLOCK_BYTES.lines : BLOCK_BYTES.text
}
