import type { PollLimits } from '../api/source-task.ts'
import type { Clock } from '../api/task-context.ts'
import type { FlowLimits } from '../config/pipeline-config.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import { within } from './within.ts'

/** How long records of one poll may hold the event loop while they are prepared for the sink, in milliseconds. */
const PREPARE_MS = 8
/** The least that a poll asks for, and the most of the first, in bytes. */
const LEAST_BYTES = 16 * 1024
const FIRST_BYTES = 512 * 1024

/** How long a poll may wait for the first record, and a full pipeline for room, in milliseconds. */
const WAIT_MS = 100

/**
 * Bounds what is read and not done, in records and in bytes: a slow sink slows the source down. A poll asks for at
 * most one sink batch or so, and for no more than can be prepared in a moment, going by the last ones.
 */
export class FlowControl {
  readonly #limits: FlowLimits
  readonly #poll: FlowLimits
  readonly #tracker: AckTracker
  readonly #clock: Clock
  /** Bytes that can be prepared in time, going by the last polls. */
  #preparable = FIRST_BYTES

  /** `poll`: bounds of one poll, about one sink batch. */
  constructor(limits: FlowLimits, poll: FlowLimits, parts: { tracker: AckTracker; clock: Clock }) {
    this.#limits = limits
    this.#poll = poll
    this.#tracker = parts.tracker
    this.#clock = parts.clock
  }

  pollLimits(): PollLimits {
    const { maxRecords, maxBytes } = this.#poll
    const records = this.#limits.maxRecords - this.#tracker.records
    const bytes = this.#limits.maxBytes - this.#tracker.bytes
    if (this.#isFull(records, bytes)) return { maxRecords: 0, maxBytes: 0, maxWaitMs: WAIT_MS }
    return {
      maxRecords: Math.min(records, maxRecords),
      maxBytes: Math.min(bytes, maxBytes, this.#preparable),
      maxWaitMs: WAIT_MS,
    }
  }

  /** Takes note of how long so many bytes were prepared. Down at once, up slowly. */
  prepared(bytes: number, ms: number): void {
    const fit = (bytes * PREPARE_MS) / Math.max(ms, 0.01)
    if (ms > PREPARE_MS || bytes * 2 >= this.#preparable) {
      this.#preparable = Math.floor(Math.max(LEAST_BYTES, Math.min(fit, this.#preparable * 2)))
    }
  }

  /** Room for less than half a poll is none: many small polls cost more than a few large ones. */
  #isFull(records: number, bytes: number): boolean {
    if (records <= 0 || bytes <= 0) return true
    if (this.#tracker.records === 0) return false
    const { maxRecords, maxBytes } = this.#limits
    const isSmall = records * 2 < Math.min(this.#poll.maxRecords, maxRecords)
    return isSmall || bytes * 2 < Math.min(this.#poll.maxBytes, maxBytes)
  }

  /** Resolves when something was done, or after a while. */
  room(): Promise<void> {
    return within((over) => this.#tracker.changed(over), WAIT_MS, this.#clock)
  }
}
