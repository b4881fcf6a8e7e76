import { type Clock, type Logger, type Partition, isConnectError } from '@connect-run/core'
import type { ConsumerClient } from './client/consumer-client.ts'

const LOOK_MS = 10_000
/** After so many looks at most, a position that stands still is one of nobody. */
const MOST_LOOKS = 12
const ASK_TIMEOUT_MS = 10_000

/** A position that has records behind it, and at how many looks after the first it was the same. */
interface Still {
  readonly position: number
  readonly looks: number
}

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
 * One that commits seldom is waited for twice as long after each time that it was disturbed.
 */
export class OrphanWatch {
  readonly #parts: OrphanWatchParts
  readonly #stopping = new AbortController()
  /** By partition, where records waited at the last look. */
  #still: ReadonlyMap<string, Still> = new Map()
  /** By partition, the last position that the group was nudged for, and after how many looks it will be for another. */
  readonly #nudged = new Map<string, number>()
  readonly #patience = new Map<string, number>()
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
    const waiting = [...(await this.#waiting())]
    this.#still = new Map(waiting.map(([name, position]) => [name, seen(position, before.get(name))]))
    const stuck = [...this.#still].filter(([name, { looks }]) => looks >= this.#patienceWith(name))
    const found = stuck.filter(([name, { position }]) => this.#nudged.get(name) !== position)
    if (found.length === 0 || this.#stopping.signal.aborted) return
    const partitions = found.map(([name]) => name)
    logger.warn({ partitions }, 'nobody commits records that are there: the group is asked to give its partitions anew')
    await nudge(this.#stopping.signal)
    for (const [name, { position }] of found) {
      this.#nudged.set(name, position)
      this.#patience.set(name, Math.min(2 * this.#patienceWith(name), MOST_LOOKS))
    }
  }

  #patienceWith(name: string): number {
    return this.#patience.get(name) ?? 1
  }

  /** By partition, the positions that have records behind them. */
  async #waiting(): Promise<Map<string, number>> {
    const { client, others } = this.#parts
    const partitions = await others()
    if (partitions.length === 0) return new Map()
    const committed = await client.committed(partitions, ASK_TIMEOUT_MS)
    const firsts = await client.offsets(partitions, 'earliest', ASK_TIMEOUT_MS)
    const ends = await client.offsets(partitions, 'latest', ASK_TIMEOUT_MS)
    const waiting = new Map<string, number>()
    partitions.forEach(({ stream, partition }, i) => {
      const position = committed[i] ?? 0
      // What retention has removed waits for nobody.
      if (Math.max(position, firsts[i] ?? 0) < (ends[i] ?? 0)) waiting.set(`${stream}/${partition}`, position)
    })
    return waiting
  }
}

function seen(position: number, before: Still | undefined): Still {
  return { position, looks: before?.position === position ? before.looks + 1 : 0 }
}

function messageOf(error: unknown): string {
  return error instanceof Error || isConnectError(error) ? error.message : String(error)
}
