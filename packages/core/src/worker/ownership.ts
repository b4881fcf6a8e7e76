import { ConnectError } from '../api/errors.ts'
import type { Partition, Positions } from '../api/record.ts'
import type { SinkTask } from '../api/sink-task.ts'
import type { Clock, Logger } from '../api/task-context.ts'
import { crashPoint } from '../crash-points.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import { trackKey } from '../offsets/partition-groups.ts'
import type { OffsetCommitter } from '../offsets/offset-committer.ts'
import { describe, errorFields } from './health.ts'
import type { PipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import type { LedgerBook } from './ledger.ts'
import { plural } from './plural.ts'
import { within } from './within.ts'

/** How long finishing what is in flight, and then committing it, may each hold up a rebalance, in milliseconds. */
const DRAIN_MS = 10_000

export interface OwnershipParts {
  readonly tracker: AckTracker
  readonly committer: OffsetCommitter
  readonly sink: SinkTask
  readonly ledger: LedgerBook
  readonly metrics: PipelineMetrics
  readonly logger: Logger
  readonly clock: Clock
  /** Sends what waits for a fuller batch. */
  readonly flush: () => void
  /** Nothing will be done soon: the sink fails. */
  readonly stuck: () => boolean
  /**
   * Where the sink writes in transactions: fails the task, and the open transaction with it. A partition must not be
   * given up while records of it stand there without their position: its next owner writes them as well.
   */
  readonly abort: ((error: ConnectError) => void) | undefined
}

/** Which partitions this task owns, for sources whose partitions come and go. */
export class Ownership {
  readonly #parts: OwnershipParts
  readonly #owned = new Map<string, Partition>()
  #known = false

  constructor(parts: OwnershipParts) {
    this.#parts = parts
  }

  /** Undefined for a source that never says. */
  get partitions(): readonly Partition[] | undefined {
    return this.#known ? [...this.#owned.values()] : undefined
  }

  async assigned(partitions: readonly Partition[], stored: Positions): Promise<Positions> {
    this.#known = true
    this.#parts.tracker.assign(partitions)
    for (const partition of partitions) this.#owned.set(trackKey(partition.stream, partition.partition), partition)
    this.#changed()
    this.#parts.logger.info({ partitions: names(partitions) }, `assigned ${plural(partitions.length, 'partition')}`)
    return (await this.#parts.sink.recover?.({ partitions, stored })) ?? []
  }

  async revoking(partitions: readonly Partition[]): Promise<void> {
    const { committer, logger, clock, flush } = this.#parts
    flush()
    await this.#drain(partitions)
    crashPoint('revoke-drained')
    const committing = committer.commit().catch((error: unknown) => {
      logger.warn(errorFields(error), `positions of revoked partitions are not committed: ${describe(error)}`)
    })
    await within(() => committing, DRAIN_MS, clock)
    if (!this.#isCommitted(partitions)) this.#abort('revoked before they were committed', partitions)
    const forgotten = this.#release(partitions)
    logger.info({ partitions: names(partitions), forgotten }, `revoked ${plural(partitions.length, 'partition')}`)
  }

  lost(partitions: readonly Partition[]): void {
    this.#abort('taken away', partitions)
    const forgotten = this.#release(partitions)
    this.#parts.logger.warn(
      { partitions: names(partitions), forgotten },
      `lost ${plural(partitions.length, 'partition')}`,
    )
  }

  async #drain(partitions: readonly Partition[]): Promise<void> {
    const { tracker, clock, stuck } = this.#parts
    const until = clock.monotonic() + DRAIN_MS
    while (!tracker.isDone(partitions) && !stuck() && clock.monotonic() < until) {
      await within((over) => tracker.changed(over), 50, clock)
    }
  }

  #isCommitted(partitions: readonly Partition[]): boolean {
    const { tracker } = this.#parts
    const passed = new Map(tracker.passed().map((it) => [trackKey(it.stream, it.partition), it.position.offset]))
    return partitions.every((partition) => {
      const read = tracker.readPosition(partition)
      return read === undefined || read.offset === passed.get(trackKey(partition.stream, partition.partition))
    })
  }

  #abort(what: string, partitions: readonly Partition[]): void {
    const message = `${names(partitions).join(', ')} ${what}; the open transaction is aborted`
    const hint = 'Nothing is lost or doubled: the next owner goes on from the last transaction that was committed.'
    this.#parts.abort?.(new ConnectError('FENCED', message, { hint }))
  }

  #changed(): void {
    this.#parts.metrics.count('rebalances_total')
    this.#parts.metrics.gauge('partitions_assigned', this.#owned.size)
  }

  #release(partitions: readonly Partition[]): number {
    const { tracker, ledger } = this.#parts
    for (const { stream, partition } of partitions) this.#owned.delete(trackKey(stream, partition))
    const forgotten = tracker.release(partitions)
    ledger.released(forgotten)
    this.#changed()
    return forgotten.records
  }
}

function names(partitions: readonly Partition[]): string[] {
  return partitions.map(({ stream, partition }) => `${stream}/${partition}`)
}
