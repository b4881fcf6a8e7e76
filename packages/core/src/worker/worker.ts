import { setMaxListeners } from 'node:events'
import type { Clock } from '../api/task-context.ts'
import type { WorkerConfig } from '../config/pipeline-config.ts'
import { stateLocation } from '../config/state-config.ts'
import { openStateStore } from '../state/open.ts'
import type { ParkingLot } from '../delivery/parking.ts'
import type { StateStore } from '../state/state-store.ts'
import { watchEventLoop } from '../telemetry/event-loop-watch.ts'
import type { RootLogger } from '../telemetry/logger.ts'
import { type Metrics, noMetrics } from '../telemetry/metrics.ts'
import { systemClock } from './clock.ts'
import { describe, errorFields } from './health.ts'
import { PipelineRunner } from './pipeline-runner.ts'
import type { PipelineSnapshot, WorkerResult } from './snapshot.ts'

export interface WorkerOptions {
  readonly logger: RootLogger
  readonly clock?: Clock
  readonly random?: () => number
  /** Where counts and gauges go. Default: nowhere. */
  readonly metrics?: Metrics
  /** Closed when the worker has ended. Default: what `config.state` says, unless that is Redis. */
  readonly stateStore?: StateStore
  /** Where records wait that a sink refuses for a reason that may pass. Default: they are tried again in place. */
  readonly parkingLot?: ParkingLot
  /** End when every source has been read up to what was its end at the start. */
  readonly once: boolean
  /** With `once`: the end is what it is when this has settled. */
  readonly endAfter?: Promise<unknown>
}

export interface Worker {
  /** Runs all pipelines until they have ended, failed for good, or were stopped. Call it once; never rejects. */
  run(): Promise<WorkerResult>
  /**
   * Stops gracefully: reads no more, finishes and commits what is in flight, at most for `shutdown.timeout`. A
   * second call, or the deadline, ends everything at once; uncommitted records are read again at the next start.
   */
  stop(): void
  snapshot(): readonly PipelineSnapshot[]
}

/** The pipelines of one file, each on its own: the failure of one does not touch the others. */
export function createWorker(config: WorkerConfig, options: WorkerOptions): Worker {
  const { logger, clock = systemClock, random = Math.random, metrics = noMetrics, once, endAfter, parkingLot } = options
  const stopping = new AbortController()
  const hard = new AbortController()
  setMaxListeners(0, stopping.signal, hard.signal)
  const stateStore = options.stateStore ?? openStateStore(config.state)
  const shared = { worker: config.name, stateStore, parkingLot, clock, random, logger, metrics, once, endAfter }
  const signals = { stopping: stopping.signal, signal: hard.signal }
  const runners = config.pipelines.map((pipeline) => new PipelineRunner({ ...shared, ...signals, pipeline }))
  const snapshot = (): readonly PipelineSnapshot[] => runners.map((runner) => runner.snapshot())
  return {
    snapshot,
    stop() {
      if (stopping.signal.aborted) return hard.abort(new Error('stopped at once'))
      stopping.abort(new Error('stopping'))
      void clock
        .sleep(config.shutdownTimeoutMs, hard.signal)
        .then(() => hard.abort(new Error('the shutdown timeout has passed')))
        .catch(() => undefined)
    },
    async run() {
      const { name: worker, file } = config
      const location = stateLocation(config.state)
      logger.info({ worker, file, state: location, pipelines: config.pipelines.map(({ name }) => name) }, 'starting')
      const ended = new AbortController()
      const watching = watchEventLoop({ metrics, logger, clock, signal: ended.signal })
      await Promise.all(runners.map((runner) => runner.run()))
      ended.abort()
      await watching
      const forced = hard.signal.aborted
      hard.abort(new Error('ended'))
      await stateStore.close().catch((error: unknown) => {
        logger.warn(errorFields(error), `while closing the state: ${describe(error)}`)
      })
      const pipelines = snapshot()
      return { pipelines, ok: pipelines.every(({ state }) => state === 'ended') && !forced, forced }
    },
  }
}
