import type { Writable } from 'node:stream'
import { ConnectError, PartialBatchError, type RecordBatch, type SinkTask } from '@connect-run/core'
import { type LineMaker, lineMaker } from './line-format.ts'
import type { FileSinkConfig } from './sink-config.ts'
import { Turns } from './turns.ts'

/** Lines on standard output. What its reader has done with them can't be known: they count once the system has them. */
export class StdoutSinkTask implements SinkTask<FileSinkConfig> {
  readonly #lines: LineMaker
  readonly #output: Writable
  /** The lines of a batch must be out before those of the next are made. */
  readonly #batches = new Turns()
  readonly #onError = (): void => undefined

  constructor(config: FileSinkConfig, output: Writable = process.stdout) {
    this.#lines = lineMaker(config)
    this.#output = output
  }

  start(): Promise<void> {
    // Said by the write that meets it.
    this.#output.on('error', this.#onError)
    return Promise.resolve()
  }

  put(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    return this.#batches.take(() => this.#print(batch, signal))
  }
  stop(): Promise<void> {
    this.#output.off('error', this.#onError)
    return Promise.resolve()
  }

  async #print(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { parts, failures } = this.#lines(batch)
    for (const part of parts) await this.#write(part)
    if (failures.length > 0) throw new PartialBatchError(failures)
  }

  #write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#output.write(bytes, (error) => {
        if (error) reject(cannotPrint(error))
        else resolve()
      })
    })
  }
}

function cannotPrint(cause: Error): ConnectError {
  const isClosed = (cause as NodeJS.ErrnoException).code === 'EPIPE'
  const message = isClosed ? 'the reader of standard output has gone' : `can't write standard output: ${cause.message}`
  return new ConnectError(isClosed ? 'FILE_GONE' : 'FILE_UNWRITABLE', message, { cause })
}
