import type { Positions } from '../api/record.ts'
import type { LedgerEntry } from './ledger-entry.ts'

/** What is kept of a task: where to go on, and what became of its records so far. */
export interface StoredState {
  readonly task: string
  readonly positions: Positions
  readonly ledger: readonly LedgerEntry[]
  /** When it was last written, in milliseconds since 1970. */
  readonly savedAtMs: number
  /** The living worker that has claimed it, for people; undefined: none, or it can't be told. Set by `read` only. */
  readonly heldBy?: string | undefined
}

export interface StateChanges {
  /** Each replaces the position of its partition; one that has `ended` removes it. */
  readonly positions: Positions
  /** Totals, not differences: each replaces the entry of its partition; one of which nothing was read removes it. */
  readonly ledger?: readonly LedgerEntry[]
}

/**
 * Keeps positions of sources that keep none themselves, and the ledgers of all. One `TaskState` for each pipeline,
 * named `<worker>-<pipeline>`; where several workers share a pipeline, each has a slot `<worker>-<pipeline>@<n>`.
 */
export interface StateStore {
  /**
   * Claims a task's state. Rejects with `STATE_LOCKED` (retriable) while another living worker holds it: the caller
   * stands by and tries again; with `STATE_UNREADABLE` where it can't be understood, which is never "no state"; with
   * `STATE_UNWRITABLE` (retriable) while the store can't be reached.
   */
  open(task: string): Promise<TaskState>
  /** What was last stored of the task and of its slots, claiming nothing: one entry for each that has any state. */
  read(task: string): Promise<readonly StoredState[]>
  /**
   * Rejects with `STATE_UNSAFE` where the config refuses a place that may lose what it has confirmed; resolves where it
   * can't be asked now. Without it, every place will do.
   */
  check?(): Promise<void>
  close(): Promise<void>
}

export interface TaskState {
  /** As last written; empty on a first start. */
  readonly positions: Positions
  /** As last written; empty on a first start. */
  readonly ledger: readonly LedgerEntry[]
  /**
   * Merges by partition and makes it durable, positions and ledger together; or rejects (`STATE_UNWRITABLE`, retriable)
   * and changes nothing that a later reader would go by. Rejects with `STATE_FENCED` after `lost`.
   */
  write(changes: StateChanges): Promise<void>
  /** Aborts, with a ConnectError STATE_FENCED, when another worker has taken the task over: the task stops at once and stands by. */
  readonly lost: AbortSignal
  /**
   * Resolves when the claim is sure to hold now, at once as long as its lease runs. Rejects with `STATE_UNWRITABLE`
   * (retriable) while that can't be found out, and with `STATE_FENCED`. Without it, a claim holds until it is given back.
   */
  confirm?(): Promise<void>
  /** Gives the claim back. Further writes reject. */
  close(): Promise<void>
}

/** Whether a stored name is the task's or one of its slots'. */
export function isOfTask(name: string, task: string): boolean {
  return name === task || (name.startsWith(`${task}@`) && /^\d+$/.test(name.slice(task.length + 1)))
}
