import type { Clock, Logger, TaskContext } from '../api/task-context.ts'
import type { PipelineConfig } from '../config/pipeline-config.ts'
import type { DeadLetterLimit } from '../delivery/dead-letter-limit.ts'
import type { PipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import type { ParkingLot } from '../delivery/parking.ts'
import type { BreakerState } from '../delivery/breaker.ts'
import type { StateStore } from '../state/state-store.ts'
import type { Health } from './health.ts'
import type { LedgerBook } from './ledger.ts'

/** What one run of a pipeline's task needs from its runner. */
export interface TaskOptions {
  readonly worker: string
  readonly pipeline: PipelineConfig
  readonly stateStore: StateStore
  /** Undefined: there is nowhere to park records. */
  readonly parkingLot: ParkingLot | undefined
  readonly ledger: LedgerBook
  readonly sourceHealth: Health
  readonly sinkHealth: Health
  readonly deadLetterHealth: Health
  /** Undefined: any number of dead letters will do. */
  readonly deadLetterLimit: DeadLetterLimit | undefined
  readonly commitHealth: Health
  /** Where only the figures of the ledger are kept, which hold nothing up. */
  readonly ledgerHealth: Health
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  readonly metrics: PipelineMetrics
  readonly once: boolean
  /** With `once`: the end is what it is when this has passed. */
  readonly endAfter: Promise<unknown> | undefined
  /** Aborts on a graceful stop. */
  readonly stopping: AbortSignal
  /** Aborts when everything must end at once. */
  readonly signal: AbortSignal
  /** What a task of this pipeline is lent. */
  readonly context: (config: unknown, role: 'source' | 'sink' | 'dead-letters') => TaskContext<never>
  /** Called when both ends have started, with a look at how far it is. */
  readonly onRunning: (progress: TaskProgress) => void
}

export interface TaskProgress {
  /** Records still to be read, where `--once` knows. */
  remaining(): number | undefined
  /** Of the calls to the sink. */
  breaker(): BreakerState
}
