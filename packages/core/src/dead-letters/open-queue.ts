import { dirname, join, resolve } from 'node:path'
import { ConnectError } from '../api/errors.ts'
import type { Clock, Logger } from '../api/task-context.ts'
import type { DeadLetterTarget, PipelineConfig, WorkerConfig } from '../config/pipeline-config.ts'
import { fileQueue } from './file-queue.ts'
import type { DeadLetterQueue } from './queue.ts'
import { sourceQueue } from './source-queue.ts'

export interface OpenQueueOptions {
  readonly config: WorkerConfig
  readonly pipeline: PipelineConfig
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
}

export interface OpenedQueue {
  readonly queue: DeadLetterQueue
  /** Path of the journal of its replays. */
  readonly journal: string
  readonly target: DeadLetterTarget
}

/** The dead letter queue of a pipeline. Throws `CONFIG_INVALID` where it has none. */
export function openDeadLetterQueue({ config, pipeline, ...rest }: OpenQueueOptions): OpenedQueue {
  const target = pipeline.errors.deadLetterQueue
  if (target === undefined) {
    throw new ConnectError('CONFIG_INVALID', `the pipeline ${pipeline.name} has no dead letter queue`, {
      hint: 'Set `errors: {tolerance: all, deadLetterQueue: …}` to set records aside that fail.',
    })
  }
  if (target.kind === 'file') return { queue: fileQueue(target.path), journal: `${target.path}.journal`, target }
  const queue = sourceQueue({ worker: config.name, pipeline: pipeline.name, target, ...rest })
  return { queue, journal: join(journalFolder(config), `${config.name}-${pipeline.name}.dlq.journal`), target }
}

/** The folder of the state; where that is none, the one that would be. */
function journalFolder({ file, state }: WorkerConfig): string {
  if (state.kind === 'file') return state.folder
  return join(dirname(resolve(file)), '.connect-run')
}
