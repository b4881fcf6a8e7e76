import {
  ConnectError,
  EndOfSource,
  type PartitionPosition,
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
import type { FileSourceConfig } from './source-config.ts'
import type { TrackedFile } from './tracked-file.ts'

const BLOCK_BYTES = 1024 * 1024
const TICK_MS = 50
/** Files that were quiet for longer are looked at when the folder is, unless there are few. */
const QUIET_MS = 10_000
const FEW_FILES = 32

/** Reads files in turn, block by block. */
export class FileSourceTask implements SourceTask<FileSourceConfig> {
  readonly #config: FileSourceConfig
  readonly #formats: Formats
  readonly #open: OpenFiles
  readonly #stopped = new AbortController()
  #context: SourceContext<FileSourceConfig> | undefined
  #files: FileSet | undefined
  #turn = 0
  #problem: RetriableError | undefined

  constructor(config: FileSourceConfig, formats: Formats) {
    this.#config = config
    this.#formats = formats
    this.#open = new OpenFiles(config.maxOpenFiles)
  }

  async start(context: SourceContext<FileSourceConfig>): Promise<void> {
    this.#context = context
    const reading = { config: this.#config, formats: this.#formats, open: this.#open, signal: this.#stopped.signal }
    this.#files = new FileSet(context, reading)
    try {
      await this.#files.start()
    } catch (error) {
      throw fileProblem(error)
    }
  }

  async poll(limits: PollLimits, signal: AbortSignal): Promise<RecordBatch> {
    if (limits.maxRecords === 0) return RecordBatch.empty
    const { clock, once } = this.#context!
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
      if (!once) await clock.sleep(Math.min(left, TICK_MS), signal).catch(() => undefined)
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
    try {
      await set.scan()
    } catch (error) {
      this.#note(fileProblem(error))
    }
    for (let left = set.files.length; left > 0 && !parts.isFull; left--) {
      const file = set.files[this.#turn % set.files.length]
      if (file === undefined) break
      await this.#serve(file, parts)
      // Rows that did not fit come first next time, so that no more than one block of them waits.
      if (file.rows === 0) this.#turn++
    }
    for (const entry of set.takeEnded()) parts.addPosition(entry)
    return parts
  }

  async #serve(file: TrackedFile, parts: BatchParts): Promise<void> {
    try {
      if (file.rows === 0) await this.#advance(file, Math.min(BLOCK_BYTES, parts.bytesLeft))
      const { stream, partition } = file
      if (file.rows > 0) parts.add(file.chunk!.take(parts.recordsLeft, parts.bytesLeft, file))
      else if (!file.untold) return
      file.untold = false
      const position = await file.position()
      const entry: PartitionPosition = { stream, partition, position }
      parts.addPosition(entry)
    } catch (error) {
      const problem = fileProblem(error, file.path)
      if (file.failedAt !== file.mtimeMs) this.#context!.logger.warn({ file: file.path }, problem.message)
      file.failedAt = file.mtimeMs
      this.#note(problem)
    }
  }

  /** Reads on, and decides what it means when there is nothing. */
  async #advance(file: TrackedFile, maxBytes: number): Promise<void> {
    const { clock, once } = this.#context!
    const now = clock.monotonic()
    if (file.phase === 'done' || !this.#isDue(file, now)) return
    const result = await file.read(maxBytes)
    if (result === 'data') file.activeAt = now
    else if (result === 'changed') await this.#files!.changed(file)
    else if (result === 'moved') await this.#files!.moved(file)
    else if (result === 'end') file.finish(true)
    else if (file.phase === 'draining' && (once || now >= file.drainUntil)) file.finish(true)
    else if (once) file.finish(this.#config.format === 'json-array')
    else if (now - file.activeAt >= this.#config.lastLineAfter) this.#finishQuiet(file)
  }

  #finishQuiet(file: TrackedFile): void {
    if (this.#config.format === 'json-array') {
      if (file.readTo > 0) file.finish(true)
    } else if (file.pending > 0) {
      file.finishRecord()
    }
  }

  #isDue(file: TrackedFile, now: number): boolean {
    if (file.failedAt !== undefined) return file.stirred
    if (this.#context!.once || file.phase === 'draining' || file.stirred || file.pending > 0) return true
    return this.#files!.files.length <= FEW_FILES || now - file.activeAt < QUIET_MS
  }

  #note(problem: RetriableError): void {
    this.#problem ??= problem
  }

  /** Only where nothing else is read: one file must not hold up the others. */
  #sayProblem(): void {
    const { files, missing } = this.#files!
    const alone = files.every((file) => file.failedAt !== undefined)
    const problem = this.#problem ?? (files.length === 0 ? missingProblem(missing, this.#config) : undefined)
    if (problem === undefined || (!alone && !this.#context!.once)) return
    if (!this.#context!.once) throw problem
    throw new ConnectError(problem.code, problem.message, {
      cause: problem,
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    })
  }
}
