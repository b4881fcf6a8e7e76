import type { Partition, SourceContext } from '@connect-run/core'
import { type Assignment, type Start, isFinished } from './assignment.ts'
import type { ConsumerClient } from './client/consumer-client.ts'
import type { Pump } from './pump.ts'
import type { KafkaSourceConfig } from './source-config.ts'

/** librdkafka's name for the end of a partition, where an offset stands. */
const OFFSET_END = -1

export interface RebalancerParts {
  readonly context: SourceContext<KafkaSourceConfig>
  readonly client: ConsumerClient
  readonly assignment: Assignment
  readonly pump: Pump
  /** Where to begin in new partitions; sink-held positions come first. */
  findStarts(partitions: readonly Partition[]): Promise<Start[]>
}

/**
 * Answers the group, one request after the other: partitions are read once it is known where to begin, and given up
 * once what is in flight of them is done and committed. The group waits for each answer.
 */
export class Rebalancer {
  readonly #parts: RebalancerParts
  #queue: Promise<void> = Promise.resolve()
  #revoking: readonly Partition[] = []
  #stopping = false
  #lost = false
  #assigned = false

  constructor(parts: RebalancerParts) {
    this.#parts = parts
  }

  /** Whether the group has answered, be it with no partition. */
  get hasAssignment(): boolean {
    return this.#assigned
  }

  assigned(partitions: readonly Partition[]): void {
    this.#lost = false
    this.enqueue(() => this.#assign(partitions))
  }

  revoked(partitions: readonly Partition[]): void {
    this.enqueue(() => this.#revoke(partitions))
  }

  /** The next revocation is one that has already happened: nothing can be committed. */
  expelled(): void {
    this.#lost = true
  }

  /** Whether the group still takes this consumer's positions of the partition. */
  mayCommit({ stream, partition }: Partition): boolean {
    if (this.#parts.assignment.get({ stream, partition }) !== undefined) return true
    return this.#revoking.some((it) => it.stream === stream && it.partition === partition)
  }

  /** Runs an action when no assignment is changing. What it throws fails the task. */
  enqueue(action: () => Promise<void>): void {
    this.#queue = this.#queue.then(action).catch((error: unknown) => this.#parts.pump.fail(error))
  }

  /** From now on requests are granted at once. Resolves when the last one has been answered. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#queue
  }

  /** Goes on elsewhere in partitions that this consumer has. What was fetched before stays good. */
  async move(wanted: () => readonly Start[]): Promise<void> {
    const { client, pump, assignment } = this.#parts
    await pump.hold(() => {
      const starts = wanted()
      if (starts.length === 0) return
      for (const start of starts) assignment.remove(start)
      client.unassign(starts)
      this.#take(starts)
    })
  }

  async #assign(partitions: readonly Partition[]): Promise<void> {
    const { pump, client } = this.#parts
    try {
      const starts = partitions.length === 0 || this.#stopping ? [] : await this.#parts.findStarts(partitions)
      if (this.#stopping) throw new Error('stopped while partitions were assigned')
      await pump.hold(() => this.#take(starts))
      this.#assigned = true
    } catch (error) {
      // The group hangs until it is answered; of these partitions nothing will be read.
      client.assign(partitions.map(({ stream, partition }) => ({ stream, partition, offset: OFFSET_END })))
      if (!this.#stopping) throw error
    }
  }

  #take(starts: readonly Start[]): void {
    const { client, assignment, pump } = this.#parts
    client.assign(starts)
    for (const start of starts) assignment.add(start)
    const idle = starts.filter((start) => pump.paused || isFinished(assignment.get(start)!))
    client.pause(idle)
  }

  #give(partitions: readonly Partition[]): void {
    const { assignment, pump } = this.#parts
    for (const partition of partitions) assignment.remove(partition)
    this.#revoking = partitions
    pump.discard(partitions)
  }

  async #revoke(partitions: readonly Partition[]): Promise<void> {
    const { context, client, pump } = this.#parts
    if (this.#stopping) return client.unassign(partitions)
    try {
      await pump.hold(() => this.#give(partitions))
      // Only now: the fetch that asked for this may have ended with the error that tells of it.
      const lost = this.#lost
      this.#lost = false
      if (lost) this.#revoking = []
      if (lost) context.lost(partitions)
      else await context.revoking(partitions)
    } finally {
      this.#revoking = []
      // A fetch under way would leave its position behind in the client, for when the partition comes back.
      await pump.hold(() => client.unassign(partitions))
    }
  }
}
