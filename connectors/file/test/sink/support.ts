import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type Clock, type PartitionPosition, type Positions, type RecordBatch, packRecords } from '@connect-run/core'
import { type RecordingLogger, testContext } from '@connect-run/testkit/conformance'
import type { Files } from '../../src/sink/files.ts'
import type { FileSinkConfig } from '../../src/sink/sink-config.ts'
import { FileSinkTask } from '../../src/sink/sink-task.ts'

const { signal } = new AbortController()

export const partition = (number: number): { stream: string; partition: number } => ({ stream: 't', partition: number })

export const at = (number: number, offset: number): PartitionPosition => ({
  ...partition(number),
  position: { offset },
})

/** Rows `from` to `to` (exclusive) of a partition; the value says which. */
export function rows(number: number, from: number, to: number): RecordBatch {
  return packRecords(
    Array.from({ length: to - from }, (_, i) => ({
      ...partition(number),
      offset: from + i,
      timestamp: -1,
      key: null,
      value: Buffer.from(`${number}:${from + i}`),
    })),
  )
}

/** The runtime's side: what was read, what has passed, what the source's store holds. */
export class Runtime {
  readonly next = [0, 0, 0]
  readonly passed = [0, 0, 0]
  /** The furthest that was written since the start of the task. */
  readonly written = [0, 0, 0]
  stored: PartitionPosition[] = []

  positions(): Positions {
    return this.passed.flatMap((offset, number) => (offset > 0 ? [at(number, offset)] : []))
  }

  goOn(recovered: Positions, numbers: readonly number[] = [0, 1, 2]): void {
    for (const number of numbers) {
      const from = [...recovered, ...this.stored].find((entry) => entry.partition === number)?.position.offset ?? 0
      this.next[number] = from
      this.passed[number] = from
    }
  }

  async put(task: FileSinkTask, number: number, count: number): Promise<void> {
    const from = this.next[number]!
    await task.put(rows(number, from, from + count), signal)
    this.next[number] = from + count
    this.written[number] = Math.max(this.written[number]!, from + count)
  }

  /** Flushes and commits everything that was written but the last `held` rows of a partition. */
  async commit(task: FileSinkTask, number = 0, held = 0): Promise<void> {
    this.next.forEach((next, p) => {
      this.passed[p] = Math.max(this.passed[p]!, p === number ? Math.max(0, next - held) : next)
    })
    await task.flush()
    await task.commit(this.positions(), this.stored)
    this.stored = [...this.positions()]
  }
}

export interface SinkBenchOptions extends Pick<FileSinkConfig, 'mode' | 'rotate'> {
  /** A new temporary one unless given; one that is given is left there. */
  readonly folder?: string
  readonly files?: Files
  readonly clock?: Clock
}

/** A temporary folder with the file of a sink; tasks started here are stopped by `close`. */
export class SinkBench {
  readonly folder: string
  readonly path: string
  readonly loggers: RecordingLogger[] = []
  readonly #options: SinkBenchOptions
  readonly #tasks: FileSinkTask[] = []

  constructor(options: SinkBenchOptions = {}) {
    this.#options = options
    this.folder = options.folder ?? temporaryFolder()
    this.path = path.join(this.folder, 'out.txt')
  }

  async start(file: string = this.path): Promise<FileSinkTask> {
    const { files, clock, mode, rotate } = this.#options
    const config: FileSinkConfig = {
      path: file,
      format: 'raw',
      ...(mode === undefined ? {} : { mode }),
      ...(rotate === undefined ? {} : { rotate }),
    }
    const task = new FileSinkTask(config, files)
    this.#tasks.push(task)
    const context = testContext({ config, ...(clock === undefined ? {} : { clock }) })
    this.loggers.push(context.logger)
    await task.start({ ...context, streams: undefined })
    return task
  }

  /** Of the active file. */
  lines(): string[] {
    return linesOf(readFileSync(this.path))
  }

  /** The files that were rotated and the active one, in order of their names; without the checkpoint. */
  names(): string[] {
    const [active, ...rotated] = readdirSync(this.folder)
      .filter((name) => name.startsWith('out.txt') && !name.includes('.checkpoint'))
      .sort()
    return [...rotated, active!]
  }

  /** Of all files, in order. */
  allLines(): string[] {
    return this.names().flatMap((name) => {
      const bytes = readFileSync(path.join(this.folder, name))
      return linesOf(name.endsWith('.gz') ? gunzipSync(bytes) : bytes)
    })
  }

  async close(): Promise<void> {
    for (const task of this.#tasks) await task.stop()
    if (this.#options.folder === undefined) rmSync(this.folder, { recursive: true, force: true })
  }
}

/** What the names of temporary folders begin with. */
export const FOLDER = 'file-sink-'

/** Where there is a disk in memory, thousands of files cost little. */
export function temporaryFolder(root = tmpdir()): string {
  return mkdtempSync(path.join(existsSync(root) ? root : tmpdir(), FOLDER))
}

function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString().split('\n')
  if (lines.pop() !== '') throw new Error('the last line has no end')
  return lines
}
