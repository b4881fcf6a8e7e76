import type { PipelineSnapshot, RootLogger, Worker, WorkerConfig, WorkerOptions } from '@connect-run/core/runtime'

import type { Host, OpenedState } from '../host.ts'

/** All workers of one run, seen as one. */
export interface Fleet {
  /** Resolves when every worker has ended. */
  readonly ended: Promise<{ readonly ok: boolean }>
  /** Gracefully; a second call at once. */
  stop(): void
  /** Pipelines that share their name carry their worker's too. */
  readonly snapshot: () => readonly PipelineSnapshot[]
}

export interface FleetOptions {
  readonly configs: readonly WorkerConfig[]
  /** Run once; the others end with what these have sent. */
  readonly companions: readonly WorkerConfig[]
  readonly once: boolean
  readonly logger: RootLogger
  readonly host: Host
}

interface Member {
  readonly config: WorkerConfig
  readonly worker: Worker
}

/** Rejects, with nothing started, where the state of one of them can't be opened. */
export async function startFleet({ configs, companions, once, logger, host }: FleetOptions): Promise<Fleet> {
  const states = await openStates([...companions, ...configs], logger, host)
  const member = (config: WorkerConfig, options: WorkerOptions): Member => {
    return { config, worker: host.createWorker(config, { ...options, ...states.get(config) }) }
  }
  const beside = companions.map((config) => member(config, { logger, once: true }))
  const besideEnded = Promise.all(beside.map(({ worker }) => worker.run()))
  const start = { logger, once, ...(beside.length === 0 ? {} : { endAfter: besideEnded }) }
  const main = configs.map((config) => member(config, start))
  const members = [...beside, ...main]
  const mainEnded = Promise.all(main.map(({ worker }) => worker.run()))
  return {
    ended: Promise.all([besideEnded, mainEnded]).then((results) => ({ ok: results.flat().every(({ ok }) => ok) })),
    stop: () => {
      for (const { worker } of members) worker.stop()
    },
    snapshot: () => snapshotOf(members),
  }
}

async function openStates(
  configs: readonly WorkerConfig[],
  logger: RootLogger,
  host: Host,
): Promise<ReadonlyMap<WorkerConfig, OpenedState>> {
  const opened = new Map<WorkerConfig, OpenedState>()
  try {
    for (const config of configs) opened.set(config, await host.openState(config.state, logger))
    return opened
  } catch (error) {
    await Promise.allSettled([...opened.values()].map(({ stateStore }) => stateStore.close()))
    throw error
  }
}

function snapshotOf(members: readonly Member[]): PipelineSnapshot[] {
  const names = members.flatMap(({ config }) => config.pipelines.map(({ name }) => name))
  const isShared = (name: string): boolean => names.indexOf(name) !== names.lastIndexOf(name)
  return members.flatMap(({ config, worker }) =>
    worker.snapshot().map((pipeline) => {
      if (!isShared(pipeline.name)) return pipeline
      return Object.assign({}, pipeline, { name: `${config.name}/${pipeline.name}` })
    }),
  )
}
