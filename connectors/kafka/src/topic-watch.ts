import type { Clock, Logger, Partition } from '@connect-run/core'
import { type KafkaSourceConfig, anchoredPattern } from './source-config.ts'

const LOOK_MS = 1000

export interface TopicWatchParts {
  readonly config: KafkaSourceConfig
  readonly clock: Clock
  readonly logger: Logger
  /** The number of partitions of every topic that there is. */
  list(): Promise<ReadonlyMap<string, number>>
}

/** Knows which of the topics there are, and says once of each that it is waited for. */
export class TopicWatch {
  readonly #parts: TopicWatchParts
  readonly #told = new Set<string>()
  #atStart: ReadonlyMap<string, number> = new Map()

  constructor(parts: TopicWatchParts) {
    this.#parts = parts
  }

  /** Notes what there is when the task starts. */
  async learn(): Promise<void> {
    this.#atStart = await this.#parts.list()
    this.#tellMissing(this.#atStart)
  }

  /** Whether the partition did not exist when the task started. */
  isNew({ stream, partition }: Partition): boolean {
    return partition >= (this.#atStart.get(stream) ?? 0)
  }

  /** Looks for topics that were deleted meanwhile. */
  look(): void {
    this.#parts.list().then(
      (found) => this.#tellMissing(found),
      () => undefined,
    )
  }

  /** All partitions of the topics that there are. */
  async partitions(): Promise<Partition[]> {
    return this.#partitions(await this.#parts.list())
  }

  /** All partitions of the topics, once all topics that are named exist, or one that matches. */
  async waitForPartitions(signal: AbortSignal): Promise<Partition[]> {
    for (;;) {
      const found = await this.#parts.list().catch(() => new Map<string, number>())
      if (found.size > 0 && this.#missing(found).length === 0) return this.#partitions(found)
      await this.#parts.clock.sleep(LOOK_MS, signal)
    }
  }

  #partitions(found: ReadonlyMap<string, number>): Partition[] {
    return this.#wanted(found).flatMap((stream) =>
      Array.from({ length: found.get(stream) ?? 0 }, (_, partition) => ({ stream, partition })),
    )
  }

  #wanted(found: ReadonlyMap<string, number>): readonly string[] {
    const { topics, topicPattern } = this.#parts.config
    if (topicPattern === undefined) return topics!
    const pattern = new RegExp(anchoredPattern(topicPattern))
    return [...found.keys()].filter((name) => pattern.test(name))
  }

  #missing(found: ReadonlyMap<string, number>): readonly string[] {
    const { topicPattern } = this.#parts.config
    const wanted = this.#wanted(found)
    if (topicPattern !== undefined) return wanted.length > 0 ? [] : [topicPattern]
    return wanted.filter((name) => !found.has(name))
  }

  #tellMissing(found: ReadonlyMap<string, number>): void {
    const missing = this.#missing(found)
    for (const name of missing.filter((it) => !this.#told.has(it))) {
      const what =
        this.#parts.config.topicPattern === undefined ? `the topic ${name} does not exist` : `no topic matches ${name}`
      this.#parts.logger.warn({ topic: name }, `${what} yet; waiting for it`)
      this.#told.add(name)
    }
    // One that comes and goes again is worth a second line.
    for (const name of this.#told) if (!missing.includes(name)) this.#told.delete(name)
  }
}
