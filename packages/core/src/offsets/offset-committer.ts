import type { Positions } from '../api/record.ts'
import type { SinkTask } from '../api/sink-task.ts'
import type { AckTracker } from './ack-tracker.ts'

export interface CommitterParts {
  readonly tracker: AckTracker
  readonly sink: SinkTask
  /** Where positions pass to: the source's own store, or the state store. */
  readonly store: (positions: Positions) => Promise<void>
  readonly signal: AbortSignal
}

/**
 * Passes positions, in the order that loses nothing: what is done is noted first, then the sink makes it durable,
 * then it stores the positions beside its data, and only then do they pass. One commit at a time.
 */
export class OffsetCommitter {
  readonly #parts: CommitterParts
  #last: Promise<void> = Promise.resolve()

  constructor(parts: CommitterParts) {
    this.#parts = parts
  }

  /** Resolves when everything done at the time of the call is committed; rejects as the sink or the store does. */
  commit(): Promise<void> {
    const next = this.#last.then(() => this.#commit())
    this.#last = next.catch(() => undefined)
    return next
  }

  async #commit(): Promise<void> {
    const { tracker, sink, store, signal } = this.#parts
    const positions = tracker.committable()
    if (positions.length === 0) return
    await sink.flush?.(signal)
    await sink.commit?.(positions, tracker.passed())
    // Those lost meanwhile are their next owner's.
    const held = tracker.held(positions)
    if (held.length === 0) return
    await store(held)
    tracker.committed(held)
  }
}
