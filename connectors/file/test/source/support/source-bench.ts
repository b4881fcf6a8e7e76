import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import {
  type PartitionPosition,
  type Positions,
  type RecordBatch,
  type RecordError,
  type SourceTask,
  isEndOfSource,
} from '@connect-run/core'
import { type RecordingLogger, testContext } from '@connect-run/testkit/conformance'
import { formats } from '../../../src/source/formats.ts'
import type { FileSourceConfig } from '../../../src/source/source-config.ts'
import { FileSourceTask } from '../../../src/source/source-task.ts'
import { StdinSourceTask } from '../../../src/source/stdin-task.ts'

export interface Row {
  readonly file: string
  readonly partition: number
  readonly offset: number
  readonly text: string
  readonly error?: RecordError
}

/** A temporary folder and the sources that read it. */
export class SourceBench {
  readonly folder: string
  readonly rows: Row[] = []
  readonly ended: string[] = []
  logger: RecordingLogger | undefined
  atEnd = false
  #positions = new Map<string, PartitionPosition>()
  #task: SourceTask<FileSourceConfig> | undefined

  private constructor(folder: string) {
    this.folder = folder
  }

  static async create(): Promise<SourceBench> {
    return new SourceBench(await mkdtemp(path.join(tmpdir(), 'file-source-')))
  }

  file(name: string): string {
    return path.join(this.folder, name)
  }

  append(name: string, text: string | Buffer): Promise<void> {
    return appendFile(this.file(name), text)
  }

  remove(name: string): Promise<void> {
    return rm(this.file(name))
  }

  get texts(): string[] {
    return this.rows.map(({ text }) => text)
  }

  get positions(): Positions {
    return [...this.#positions.values()].map((entry) => JSON.parse(JSON.stringify(entry)) as PartitionPosition)
  }

  async start(
    options: Partial<FileSourceConfig> = {},
    { once = false, positions = this.positions } = {},
  ): Promise<void> {
    const config = this.#config(options)
    await this.#begin(new FileSourceTask(config, formats), { config, once, positions })
  }

  async startStdin(input: Readable): Promise<void> {
    const config = this.#config({ path: '-' })
    await this.#begin(new StdinSourceTask(config, formats, input), { config, once: false, positions: [] })
  }

  #config(options: Partial<FileSourceConfig>): FileSourceConfig {
    return {
      path: this.file('app.log'),
      format: 'lines',
      encoding: 'utf-8',
      compression: 'auto',
      startAt: 'beginning',
      maxRecordBytes: 1024 * 1024,
      lastLineAfter: 60_000,
      rotateWait: 50,
      scanInterval: 5,
      maxOpenFiles: 256,
      ...options,
    }
  }

  async #begin(
    task: SourceTask<FileSourceConfig>,
    run: { config: FileSourceConfig; once: boolean; positions: Positions },
  ): Promise<void> {
    await this.stop()
    this.atEnd = false
    this.#task = task
    const context = testContext(run)
    this.logger = context.logger
    await task.start(context)
  }

  async poll({ maxRecords = 1000, maxWaitMs = 20, maxBytes = 1 << 22 } = {}): Promise<number> {
    let batch: RecordBatch
    try {
      batch = (await this.#task!.poll({ maxRecords, maxBytes, maxWaitMs }, new AbortController().signal)) as RecordBatch
    } catch (error) {
      if (!isEndOfSource(error)) throw error
      this.atEnd = true
      return 0
    }
    const errors = new Map(batch.failures.map(({ row, error }) => [row, error]))
    for (let i = 0; i < batch.length; i++) {
      const error = errors.get(i)
      const at = { file: path.basename(batch.stream(i)), partition: batch.partition(i), offset: batch.offset(i) }
      const text = batch.rawValue(i)?.toString() ?? JSON.stringify(batch.value(i))
      this.rows.push(error === undefined ? { ...at, text } : { ...at, text, error })
    }
    for (const entry of batch.positions ?? []) {
      const key = `${path.basename(entry.stream)}/${entry.partition}`
      if (entry.position.ended === true) {
        this.#positions.delete(key)
        this.ended.push(key)
      } else this.#positions.set(key, entry)
    }
    return batch.length
  }

  /** Polls until there are so many rows, or the condition holds. */
  async until(wanted: number | (() => boolean), limits: { maxRecords?: number } = {}): Promise<void> {
    const holds = typeof wanted === 'number' ? () => this.rows.length >= wanted : wanted
    const deadline = Date.now() + 10_000
    while (!holds()) {
      if (Date.now() > deadline) throw new Error(`only ${this.rows.length} rows: ${this.texts.slice(-5).join('|')}`)
      await this.poll(limits)
    }
  }

  /** Polls until nothing came for some polls. */
  async drain(): Promise<void> {
    for (let quiet = 0; quiet < 5;) quiet = (await this.poll()) === 0 ? quiet + 1 : 0
  }

  async toEnd(): Promise<void> {
    while (!this.atEnd) await this.poll()
  }

  async stop(): Promise<void> {
    await this.#task?.stop()
    this.#task = undefined
  }

  async cleanUp(): Promise<void> {
    await this.stop()
    await rm(this.folder, { recursive: true, force: true })
  }
}
