import type { Positions } from '../api/record.ts'
import type { SinkTask } from '../api/sink-task.ts'
import { crashPoint } from '../crash-points.ts'
import type { AckTracker } from './ack-tracker.ts'

export interface CommitterParts {
  readonly tracker: AckTracker
  readonly sink: SinkTask
  /** Where positions pass to: the source's own store, or the state store. */
  readonly store: (positions: Positions) => Promise<void>
  /** Called where no position passes: what became of parked records is to be stored nevertheless. */
  readonly storeLedger?: (() => Promise<void>) | undefined
  /** Throws where not every record is accounted for: then nothing passes. */
  readonly verify: () => void
  /**
   * For a transactional sink: runs the commit while everything that was put is settled and nothing new is put, or not
   * at all where that can't be had. Undefined: others commit while puts are running.
   */
  readonly whileSettled?: ((commit: () => Promise<void>) => Promise<void>) | undefined
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
    const { tracker, whileSettled, signal } = this.#parts
    if (whileSettled === undefined) return this.#pass()
    if (tracker.records === 0 && tracker.committable().length === 0) return
    // A task that fails leaves a transaction that nobody knows the contents of.
    await whileSettled(async () => (signal.aborted ? undefined : this.#pass()))
  }

  async #pass(): Promise<void> {
    const { tracker, sink, store, verify, signal } = this.#parts
    verify()
    const positions = tracker.committable()
    if (positions.length === 0) return this.#parts.storeLedger?.()
    await sink.flush?.(signal)
    crashPoint('after-flush')
    await sink.commit?.(positions, tracker.passed())
    crashPoint('after-sink-commit')
    // Those lost meanwhile are their next owner's.
    const held = tracker.held(positions)
    if (held.length === 0) return
    await store(held)
    crashPoint('after-store')
    tracker.committed(held)
  }
}
