import { isConnectError } from '../api/errors.ts'
import type { Clock, Logger, TaskContext } from '../api/task-context.ts'
import type { PipelineConfig } from '../config/pipeline-config.ts'
import { DeadLetterLimit } from '../delivery/dead-letter-limit.ts'
import type { ParkingLot } from '../delivery/parking.ts'
import type { StateStore } from '../state/state-store.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type PipelineMetrics, pipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import type { RootLogger } from '../telemetry/logger.ts'
import { Health, describe, errorFields } from './health.ts'
import { LedgerBook } from './ledger.ts'
import { restartPolicy } from './restart-policy.ts'
import { runTask } from './run-task.ts'
import type { PipelineFailure, PipelineSnapshot, PipelineState } from './snapshot.ts'
import type { TaskProgress } from './task-options.ts'

export interface PipelineRunnerOptions {
  readonly worker: string
  readonly pipeline: PipelineConfig
  readonly stateStore: StateStore
  readonly parkingLot: ParkingLot | undefined
  readonly clock: Clock
  readonly random: () => number
  readonly logger: RootLogger
  readonly metrics: Metrics
  readonly once: boolean
  readonly endAfter: Promise<unknown> | undefined
  readonly stopping: AbortSignal
  readonly signal: AbortSignal
}

/** Runs a pipeline until it has ended, is stopped, or is given up; restarts its task after failures, by policy. */
export class PipelineRunner {
  readonly #options: PipelineRunnerOptions
  readonly #logger: Logger
  readonly #metrics: PipelineMetrics
  readonly #ledger: LedgerBook
  readonly #health: { readonly source: Health; readonly sink: Health; readonly dead: Health; readonly commit: Health }
  /** No trouble of the pipeline: its records flow. */
  readonly #ledgerHealth: Health
  readonly #deadLetterLimit: DeadLetterLimit | undefined
  #state: PipelineState = 'starting'
  #progress: TaskProgress | undefined
  #failure: PipelineFailure | undefined
  #isFinished = false

  constructor(options: PipelineRunnerOptions) {
    const { pipeline, clock } = options
    const limits = pipeline.errors.deadLetterLimits
    this.#options = options
    this.#deadLetterLimit = limits && new DeadLetterLimit(limits, clock)
    this.#metrics = pipelineMetrics(options.metrics, pipeline.name)
    this.#ledger = new LedgerBook(this.#metrics, pipeline.name)
    this.#logger = options.logger.child({ pipeline: pipeline.name })
    const health = (subject: string): Health => new Health(subject, this.#logger, clock)
    this.#health = {
      source: health(`source ${pipeline.source.plugin.name}`),
      sink: health(`sink ${pipeline.sink.plugin.name}`),
      dead: health('dead letter queue'),
      commit: health('commit of positions'),
    }
    this.#ledgerHealth = health('ledger')
  }

  /** Never rejects: what became of it stands in the snapshot. */
  async run(): Promise<void> {
    const { pipeline, random, clock, stopping } = this.#options
    const policy = restartPolicy(pipeline.restart, random)
    for (;;) {
      const began = clock.monotonic()
      const error = await this.#runOnce()
      if (error === undefined) return this.#end()
      this.#failure = failureOf(error)
      const pause = stopping.aborted ? undefined : policy.next(error, clock.monotonic() - began)
      if (pause === undefined) return this.#giveUp(error)
      this.#state = 'restarting'
      this.#metrics.count('task_restarts_total')
      const fields = { ...errorFields(error), ...stackOf(error), restartInMs: pause }
      this.#logger.error(fields, `the task failed: ${describe(error)}; it restarts`)
      await clock.sleep(pause, stopping).catch(() => undefined)
      if (stopping.aborted) return this.#end()
    }
  }

  snapshot(): PipelineSnapshot {
    const ledger = this.#ledger.snapshot()
    const remaining = this.#progress?.remaining()
    return {
      name: this.#options.pipeline.name,
      state: this.#stateNow(),
      ledger,
      problem: this.#problem(),
      breaker: (this.#state === 'running' ? this.#progress?.breaker() : undefined) ?? 'closed',
      failure: this.#failure ?? this.#trouble(),
      total: remaining === undefined ? undefined : ledger.read + remaining,
    }
  }

  /** One life of the task: undefined when it ended well or was stopped, otherwise why it failed. */
  async #runOnce(): Promise<unknown> {
    const { stopping } = this.#options
    this.#state = 'starting'
    try {
      this.#isFinished = await runTask({
        ...this.#options,
        logger: this.#logger,
        metrics: this.#metrics,
        ledger: this.#ledger,
        sourceHealth: this.#health.source,
        sinkHealth: this.#health.sink,
        deadLetterHealth: this.#health.dead,
        deadLetterLimit: this.#deadLetterLimit,
        commitHealth: this.#health.commit,
        ledgerHealth: this.#ledgerHealth,
        context: (config, role) => this.#context(config, role),
        onRunning: (progress) => {
          this.#state = 'running'
          this.#progress = progress
          this.#metrics.gauge('pipeline_up', 1)
          if (this.#failure === undefined) this.#logger.info({}, 'running')
          else this.#logger.debug({}, 'running again')
          this.#failure = undefined
        },
      })
      return undefined
    } catch (error) {
      const stopped = stopping.aborted && isConnectError(error) && error.code === 'STOPPED'
      return stopped ? undefined : (error ?? new Error('the task failed without a reason'))
    } finally {
      this.#metrics.gauge('pipeline_up', 0)
    }
  }

  #context(config: unknown, role: string): TaskContext<never> {
    const { worker, pipeline, signal, clock, random, logger } = this.#options
    return {
      config: config as never,
      worker,
      pipeline: pipeline.name,
      signal,
      clock,
      latency: pipeline.latency,
      random,
      logger: logger.child({ pipeline: pipeline.name, role }),
      count: (metric, by = 1) => this.#metrics.count(metric, by),
    }
  }

  #stateNow(): PipelineState {
    if (this.#state !== 'running') return this.#state
    if (this.#options.stopping.aborted) return 'stopping'
    return this.#problem() === undefined ? 'running' : 'retrying'
  }

  #problem(): string | undefined {
    const { source, sink, dead, commit } = this.#health
    return source.problem ?? sink.problem ?? dead.problem ?? commit.problem ?? this.#failure?.message
  }

  /** What stands in the way of the records now. */
  #trouble(): PipelineFailure | undefined {
    const error = Object.values(this.#health).find((health) => health.error !== undefined)?.error
    return error === undefined ? undefined : failureOf(error)
  }

  /** It ended by itself, or a stop came. */
  #end(): void {
    const wasWell = this.#state === 'running' && this.#problem() === undefined
    this.#state = this.#isFinished || (wasWell && !this.#options.once) ? 'ended' : 'stopped'
    const problem = this.#problem()
    this.#logger.info(problem === undefined ? {} : { problem }, this.#state)
  }

  #giveUp(error: unknown): void {
    this.#state = 'failed'
    this.#logger.error({ ...errorFields(error), ...stackOf(error) }, `failed: ${describe(error)}`)
  }
}

/** Where it went wrong, for an error that nobody has foreseen. */
function stackOf(error: unknown): { stack?: string } {
  if (isConnectError(error) || !(error instanceof Error) || error.stack === undefined) return {}
  return { stack: error.stack }
}

function failureOf(error: unknown): PipelineFailure {
  if (!isConnectError(error)) return { code: undefined, message: describe(error), hint: undefined }
  return { code: error.code, message: error.message, hint: error.hint }
}
