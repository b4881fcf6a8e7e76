import type { ErrorCode } from '../api/error-codes.ts'
import type { BreakerState } from '../delivery/breaker.ts'
import type { Tally } from '../offsets/tally.ts'

/** Counts of source records of one pipeline since its worker started. `read` is the sum of all others but `retried`. */
export interface Ledger extends Readonly<Tally> {
  readonly read: number
  /** Read, and not yet any of the others. After a rebalance or a restart some are forgotten and read again. */
  readonly inFlight: number
  /** Given up with their partition, or abandoned by a failed task: whoever owns it next reads them again. */
  readonly released: number
}

/**
 * `ended`: it has done its work, or was stopped while all was well. `stopped`: it was stopped before that, with `--once`
 * before it had read all, or while it could not work. `failed`: it was given up.
 */
export type PipelineState =
  'starting' | 'running' | 'retrying' | 'restarting' | 'stopping' | 'ended' | 'stopped' | 'failed'

/** Why a task failed last, or can't work now. */
export interface PipelineFailure {
  /** Undefined for an error without a documented code. */
  readonly code: ErrorCode | undefined
  readonly message: string
  readonly hint: string | undefined
}

export interface PipelineSnapshot {
  readonly name: string
  readonly state: PipelineState
  readonly ledger: Ledger
  /** What is wrong right now, in one sentence. */
  readonly problem: string | undefined
  /** Not `closed` while the sink fails: writes wait, and one at a time tries whether it works again. */
  readonly breaker: BreakerState
  readonly failure?: PipelineFailure | undefined
  /** How many records there are to read in all, where `--once` knows it. */
  readonly total: number | undefined
}

export interface WorkerResult {
  readonly pipelines: readonly PipelineSnapshot[]
  /** Whether every pipeline ended well. */
  readonly ok: boolean
  /** Whether a second signal or the deadline cut the stop short. */
  readonly forced: boolean
}
