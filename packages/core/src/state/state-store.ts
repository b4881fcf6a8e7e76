import type { Positions } from '../api/record.ts'

/**
 * Keeps positions of sources that keep none themselves. One `TaskState` for each pipeline, named `<worker>-<pipeline>`.
 */
export interface StateStore {
  /**
   * Claims a task's state. Rejects with `STATE_LOCKED` (retriable) while another living worker holds it: the caller
   * stands by and tries again; with `STATE_UNREADABLE` where a file can't be understood, which is never "no state".
   */
  open(task: string): Promise<TaskState>
  close(): Promise<void>
}

export interface TaskState {
  /** As last written; empty on a first start. */
  readonly positions: Positions
  /** Merges by partition and makes it durable, or rejects (`STATE_UNWRITABLE`, retriable) and changes nothing. */
  write(positions: Positions): Promise<void>
  /** Gives the claim back. Further writes reject. */
  close(): Promise<void>
}
