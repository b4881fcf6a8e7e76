import { type Clock, type Logger, type Partition, isConnectError } from '@connect-run/core'
import type { ConsumerClient } from './client/consumer-client.ts'

const LOOK_MS = 10_000
const ASK_TIMEOUT_MS = 10_000

export interface OrphanWatchParts {
  readonly client: Pick<ConsumerClient, 'committed' | 'offsets'>
  readonly clock: Clock
  readonly logger: Logger
  /** Partitions of the topics that this consumer does not have. */
  readonly others: () => Promise<readonly Partition[]>
  /** Makes the group give its partitions anew. Ends early when the signal aborts. */
  readonly nudge: (signal: AbortSignal) => Promise<void>
}

/**
 * Finds partitions that nobody reads. A static member that dies between giving partitions up and saying so comes back
 * to what it had then: the group waits for no word of it, and nobody gets the partitions until it assigns anew. They show
 * by records behind a position that stands still, as those of a member whose sink is down do: that one is disturbed once.
 */
export class OrphanWatch {
  readonly #parts: OrphanWatchParts
  readonly #stopping = new AbortController()
  /** By partition, the position where records waited at the last look, and those that the group was nudged for. */
  #still = new Map<string, number>()
  #nudged = new Map<string, number>()
  #lookedAt: number
  #looking: Promise<void> | undefined

  constructor(parts: OrphanWatchParts) {
    this.#parts = parts
    this.#lookedAt = parts.clock.monotonic()
  }

  /** To be called again and again; looks now and then. */
  tick(): void {
    const { clock } = this.#parts
    if (this.#looking !== undefined || clock.monotonic() - this.#lookedAt < LOOK_MS) return
    this.#looking = this.#look()
      .catch((error: unknown) => this.#parts.logger.debug({}, `can't look at the group: ${messageOf(error)}`))
      .finally(() => {
        this.#looking = undefined
        this.#lookedAt = clock.monotonic()
      })
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#looking
  }

  async #look(): Promise<void> {
    const { logger, nudge } = this.#parts
    const before = this.#still
    this.#still = await this.#waiting()
    const stuck = [...this.#still].filter(([name, position]) => before.get(name) === position)
    const found = stuck.filter(([name, position]) => this.#nudged.get(name) !== position)
    this.#nudged = new Map(stuck)
    if (found.length === 0 || this.#stopping.signal.aborted) return
    const partitions = found.map(([name]) => name)
    logger.warn({ partitions }, 'nobody commits records that are there: the group is asked to give its partitions anew')
    await nudge(this.#stopping.signal)
  }

  /** By partition, the positions that have records behind them. */
  async #waiting(): Promise<Map<string, number>> {
    const { client, others } = this.#parts
    const partitions = await others()
    if (partitions.length === 0) return new Map()
    const committed = await client.committed(partitions, ASK_TIMEOUT_MS)
    const ends = await client.offsets(partitions, 'latest', ASK_TIMEOUT_MS)
    const waiting = new Map<string, number>()
    partitions.forEach(({ stream, partition }, i) => {
      const position = committed[i] ?? 0
      if (position < (ends[i] ?? 0)) waiting.set(`${stream}/${partition}`, position)
    })
    return waiting
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error || isConnectError(error) ? error.message : String(error)
}
