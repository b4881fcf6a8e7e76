import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import {
  EndOfSource,
  type PollLimits,
  RecordBatch,
  RetriableError,
  type SourceContext,
  type SourceTask,
} from '@connect-run/core'
import { BatchParts } from './batch-parts.ts'
import { Chunk } from './chunk.ts'
import type { Splitter } from './format/splitter.ts'
import type { Formats } from './formats.ts'
import { type FileSourceConfig, STDIN } from './source-config.ts'

const OWNER = { stream: STDIN, partition: 0 }

/** Reads standard input to its end. What was read can't be read again: positions only count. */
export class StdinSourceTask implements SourceTask<FileSourceConfig> {
  readonly #config: FileSourceConfig
  readonly #splitter: Splitter
  readonly #input: Readable
  #context: SourceContext<FileSourceConfig> | undefined
  #chunk: Chunk | undefined
  #at = 0
  #ended = false
  #failure: Error | undefined
  readonly #onEnd = (): void => {
    this.#ended = true
  }
  readonly #onError = (error: Error): void => {
    this.#failure = error
  }

  constructor(config: FileSourceConfig, formats: Formats, input: Readable = process.stdin) {
    this.#config = config
    this.#splitter = formats.createSplitter(config)
    this.#input = config.compression === 'gzip' ? input.pipe(createGunzip()) : input
  }

  async start(context: SourceContext<FileSourceConfig>): Promise<void> {
    this.#context = context
    this.#input.once('end', this.#onEnd)
    this.#input.once('error', this.#onError)
  }

  async poll(limits: PollLimits, signal: AbortSignal): Promise<RecordBatch> {
    if (limits.maxRecords === 0) return RecordBatch.empty
    if ((this.#chunk?.left ?? 0) === 0) await this.#read(limits.maxWaitMs, signal)
    const chunk = this.#chunk
    if (chunk === undefined || chunk.left === 0) {
      if (this.#ended) throw new EndOfSource('standard input has ended')
      return RecordBatch.empty
    }
    const parts = new BatchParts(limits)
    parts.add(chunk.take(limits.maxRecords, limits.maxBytes, OWNER))
    const offset = chunk.nextAt ?? this.#at
    const over = this.#ended && chunk.left === 0
    parts.addPosition({ ...OWNER, position: over ? { offset, ended: true } : { offset } })
    return parts.batch()
  }

  async stop(): Promise<void> {
    this.#input.off('end', this.#onEnd)
    this.#input.off('error', this.#onError)
    this.#input.pause()
  }

  async #read(maxWaitMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context!
    const until = clock.monotonic() + maxWaitMs
    while (!this.#ended) {
      if (this.#failure !== undefined) throw readFailure(this.#failure)
      const block = this.#input.read() as Buffer | string | null
      if (block !== null) {
        this.#take(Buffer.from(block))
        if (this.#chunk!.left > 0) return
        continue
      }
      const left = until - clock.monotonic()
      if (left <= 0 || signal.aborted) return
      await this.#readable(left, signal)
    }
    this.#finish()
  }

  #take(block: Buffer): void {
    const chunk = new Chunk(block)
    this.#splitter.push(block, this.#at, chunk)
    this.#at += block.length
    this.#chunk = chunk
  }

  #finish(): void {
    const chunk = new Chunk(Buffer.alloc(0))
    if (this.#splitter.pending > 0 || this.#config.format === 'json-array') this.#splitter.finish(chunk)
    this.#chunk = chunk
  }

  /** Waits until there is something to read, the end, or the time is up. */
  async #readable(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    const wake = (): void => woken.abort()
    const events = ['readable', 'end', 'error']
    for (const event of events) this.#input.once(event, wake)
    await this.#context!.clock.sleep(ms, AbortSignal.any([woken.signal, signal])).catch(() => undefined)
    for (const event of events) this.#input.off(event, wake)
  }
}

function readFailure(cause: Error): RetriableError {
  return new RetriableError('FILE_UNREADABLE', `standard input could not be read: ${cause.message}`, { cause })
}
