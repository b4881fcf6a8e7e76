import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type PartitionPosition, type RecordBatch, packRecords } from '@connect-run/core'
import { type RecordingLogger, testContext } from '@connect-run/testkit/conformance'
import { FileSinkTask } from '../../src/sink/sink-task.ts'

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

/** A temporary folder with the file of a sink; tasks started here are stopped by `close`. */
export class SinkBench {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), 'file-sink-'))
  readonly path: string = path.join(this.folder, 'out.txt')
  readonly loggers: RecordingLogger[] = []
  readonly #tasks: FileSinkTask[] = []

  async start(file: string = this.path): Promise<FileSinkTask> {
    const config = { path: file, format: 'raw' } as const
    const task = new FileSinkTask(config)
    this.#tasks.push(task)
    const context = testContext({ config })
    this.loggers.push(context.logger)
    await task.start({ ...context, streams: undefined })
    return task
  }

  lines(): string[] {
    return readFileSync(this.path, 'utf8').split('\n').slice(0, -1)
  }

  async close(): Promise<void> {
    for (const task of this.#tasks) await task.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
