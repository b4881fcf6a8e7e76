import type { PollLimits } from '../api/source-task.ts'
import type { Clock } from '../api/task-context.ts'
import type { FlowLimits } from '../config/pipeline-config.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import { within } from './within.ts'

/** How long a poll may wait for the first record, and a full pipeline for room, in milliseconds. */
const WAIT_MS = 100

/**
 * Bounds what is read and not done, in records and in bytes: a slow sink slows the source down. A poll asks for at
 * most one sink batch or so, so that the event loop is not held for long.
 */
export class FlowControl {
  readonly #limits: FlowLimits
  readonly #pollRecords: number
  readonly #tracker: AckTracker
  readonly #clock: Clock

  constructor(limits: FlowLimits, pollRecords: number, parts: { tracker: AckTracker; clock: Clock }) {
    this.#limits = limits
    this.#pollRecords = pollRecords
    this.#tracker = parts.tracker
    this.#clock = parts.clock
  }

  pollLimits(): PollLimits {
    const records = this.#limits.maxRecords - this.#tracker.records
    const bytes = this.#limits.maxBytes - this.#tracker.bytes
    if (records <= 0 || bytes <= 0) return { maxRecords: 0, maxBytes: 0, maxWaitMs: WAIT_MS }
    return { maxRecords: Math.min(records, this.#pollRecords), maxBytes: bytes, maxWaitMs: WAIT_MS }
  }

  /** Resolves when something was done, or after a while. */
  room(): Promise<void> {
    return within((over) => this.#tracker.changed(over), WAIT_MS, this.#clock)
  }
}
