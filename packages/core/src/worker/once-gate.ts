import type { Partition, Positions } from '../api/record.ts'
import type { SourceTask } from '../api/source-task.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import { trackKey } from '../offsets/partition-groups.ts'

/** For `--once`: knows when everything up to what was the end has been read. */
export class OnceGate {
  readonly #tracker: AckTracker
  #ends: Positions | undefined

  constructor(tracker: AckTracker) {
    this.#tracker = tracker
  }

  /** Asks the source for its ends, once `after` has passed. A source without ends says `EndOfSource` itself. */
  async learn(source: SourceTask, after: Promise<unknown> | undefined): Promise<void> {
    await after
    this.#ends = await source.endPositions?.()
  }

  /** Whether the partitions (all where undefined) were read up to their ends. */
  reached(owned: readonly Partition[] | undefined): boolean {
    if (this.#ends === undefined || (owned !== undefined && owned.length === 0)) return false
    return this.#relevant(owned).every((end) => {
      return end.position.offset <= 0 || (this.#tracker.readPosition(end)?.offset ?? -1) >= end.position.offset
    })
  }

  /** Records still to be read, where the ends are known; gaps count as records. */
  remaining(owned: readonly Partition[] | undefined): number | undefined {
    if (this.#ends === undefined) return undefined
    let records = 0
    for (const end of this.#relevant(owned)) {
      const read = this.#tracker.readPosition(end)
      if (read === undefined && end.position.offset > 0) return undefined
      records += Math.max(0, end.position.offset - (read?.offset ?? 0))
    }
    return records
  }

  #relevant(owned: readonly Partition[] | undefined): Positions {
    const ends = this.#ends ?? []
    if (owned === undefined) return ends
    const mine = new Set(owned.map(({ stream, partition }) => trackKey(stream, partition)))
    return ends.filter(({ stream, partition }) => mine.has(trackKey(stream, partition)))
  }
}
