import type { Header, PartitionPosition, Positions, RecordBatch, SourceContext } from '@connect-run/core'
import { validateOptions } from '@connect-run/core/runtime'
import { type TestContext, testContext } from '@connect-run/testkit/conformance'
import { pollUntil } from '@connect-run/testkit'
import { KafkaSourceTask } from '../src/source-task.ts'
import { type KafkaSourceConfig, sourceSchema } from '../src/source-config.ts'

export interface ReadRow {
  readonly stream: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number | undefined
  readonly key: string | null
  readonly value: string | null
}

export interface ReaderOptions {
  readonly options: Readonly<Record<string, unknown>>
  readonly once?: boolean
  readonly maxRecords?: number
  readonly sinkPositions?: Positions
  /** Called with each batch before its positions may be committed. */
  readonly onBatch?: (batch: RecordBatch) => Promise<void>
}

export function sourceConfig(options: Readonly<Record<string, unknown>>): KafkaSourceConfig {
  const { config, issues } = validateOptions(sourceSchema as never, options)
  if (config === undefined) throw new Error(JSON.stringify(issues))
  return config as unknown as KafkaSourceConfig
}

/** Reads as the runtime does: polls on and on, commits what it has when partitions are taken from it and at `stop`. */
export class Reader {
  readonly rows: ReadRow[] = []
  /** Of each row. */
  readonly headers: (readonly Header[])[] = []
  readonly task: KafkaSourceTask = new KafkaSourceTask()
  readonly context: TestContext<KafkaSourceConfig>
  /** Rows of partitions that were given up before they were polled. */
  stray = 0
  failure: unknown
  maxRecords: number
  readonly #positions = new Map<string, PartitionPosition>()
  readonly #owned = new Set<string>()
  readonly #stopping = new AbortController()
  readonly #options: ReaderOptions
  #polling: Promise<void> = Promise.resolve()

  constructor(options: ReaderOptions) {
    const { once = false, sinkPositions = [] } = options
    this.#options = options
    this.maxRecords = options.maxRecords ?? 500
    this.context = testContext({ config: sourceConfig(options.options), once, sinkPositions, worker: 'test' })
  }

  static async start(options: ReaderOptions): Promise<Reader> {
    const reader = new Reader(options)
    try {
      await reader.task.start(reader.#runtime())
    } catch (error) {
      await reader.task.stop()
      throw error
    }
    reader.#polling = reader.#poll()
    return reader
  }

  get positions(): Positions {
    return [...this.#positions.values()]
  }

  get owned(): readonly string[] {
    return [...this.#owned]
  }

  get messages(): readonly string[] {
    return this.context.logger.entries.filter(({ level }) => level !== 'debug').map(({ message }) => message)
  }

  /** Values of the rows, as text. */
  get values(): readonly (string | null)[] {
    return this.rows.map(({ value }) => value)
  }

  commit(): Promise<void> {
    return this.task.commit(this.positions)
  }

  async until(condition: (reader: Reader) => boolean, what: string, timeoutMs = 30_000): Promise<void> {
    await pollUntil(() => this.failure !== undefined || condition(this), { what, timeoutMs, intervalMs: 10 })
    if (this.failure !== undefined) throw this.failure as Error
  }

  async rowsAre(count: number, timeoutMs?: number): Promise<void> {
    await this.until(() => this.rows.length >= count, `${count} rows, and there are ${this.rows.length}`, timeoutMs)
  }

  /** Ends as a graceful stop does. */
  async stop(): Promise<void> {
    await this.abandon(() => this.commit())
  }

  /** Ends without committing. */
  async abandon(before: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    this.#stopping.abort()
    await this.#polling
    try {
      await before()
    } finally {
      await this.task.stop()
    }
  }

  #runtime(): SourceContext<KafkaSourceConfig> {
    return {
      ...this.context,
      assigned: (partitions, stored) => {
        for (const { stream, partition } of partitions) this.#owned.add(`${stream}/${partition}`)
        return this.context.assigned(partitions, stored)
      },
      revoking: async (partitions) => {
        await this.commit().catch(() => undefined)
        await this.context.revoking(partitions)
        this.#forget(partitions)
      },
      lost: (partitions) => {
        this.context.lost(partitions)
        this.#forget(partitions)
      },
    }
  }

  #forget(partitions: readonly { stream: string; partition: number }[]): void {
    for (const { stream, partition } of partitions) {
      this.#owned.delete(`${stream}/${partition}`)
      this.#positions.delete(`${stream}/${partition}`)
    }
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stopping
    try {
      while (!signal.aborted) {
        const limits = { maxRecords: this.maxRecords, maxBytes: 1_048_576, maxWaitMs: 100 }
        const batch = await this.task.poll(limits, signal)
        this.stray += [...batch].filter(({ stream, partition }) => !this.#owned.has(`${stream}/${partition}`)).length
        await this.#options.onBatch?.(batch)
        this.#take(batch)
      }
    } catch (error) {
      this.failure = error
    }
  }

  #take(batch: RecordBatch): void {
    for (let i = 0; i < batch.length; i++) {
      // As the runtime, which drops rows of partitions that were given up while it was busy.
      if (!this.#owned.has(`${batch.stream(i)}/${batch.partition(i)}`)) continue
      this.headers.push(batch.headers(i))
      this.rows.push({
        stream: batch.stream(i),
        partition: batch.partition(i),
        offset: batch.offset(i),
        timestamp: batch.timestamp(i),
        key: batch.rawKey(i)?.toString() ?? null,
        value: batch.rawValue(i)?.toString() ?? null,
      })
    }
    for (const position of batch.positions ?? []) {
      const at = `${position.stream}/${position.partition}`
      if (this.#owned.has(at)) this.#positions.set(at, position)
    }
  }
}
