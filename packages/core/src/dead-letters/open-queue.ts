import { dirname, join, resolve } from 'node:path'
import { ConnectError } from '../api/errors.ts'
import type { Clock, Logger } from '../api/task-context.ts'
import type { DeadLetterTarget, PipelineConfig, WorkerConfig } from '../config/pipeline-config.ts'
import { fileJournal } from './file-journal.ts'
import { fileQueue } from './file-queue.ts'
import type { JournalPlace, SharedJournals } from './journal.ts'
import type { DeadLetterQueue } from './queue.ts'
import { sourceQueue } from './source-queue.ts'

export interface OpenQueueOptions {
  readonly config: WorkerConfig
  readonly pipeline: PipelineConfig
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  /** Undefined: what was replayed is remembered in a file of this host. */
  readonly sharedJournals: SharedJournals | undefined
}

export interface OpenedQueue {
  readonly queue: DeadLetterQueue
  /** What was replayed of it. */
  readonly journal: JournalPlace
  /** Path of the journal that this host keeps where none is shared; nothing is read of it while one is. */
  readonly localJournal: string
  readonly target: DeadLetterTarget
}

/** The dead letter queue of a pipeline. Throws `CONFIG_INVALID` where it has none. */
export function openDeadLetterQueue({ config, pipeline, sharedJournals, ...rest }: OpenQueueOptions): OpenedQueue {
  const target = pipeline.errors.deadLetterQueue
  if (target === undefined) {
    throw new ConnectError('CONFIG_INVALID', `the pipeline ${pipeline.name} has no dead letter queue`, {
      hint: 'Set `errors: {tolerance: all, deadLetterQueue: …}` to set records aside that fail.',
    })
  }
  const task = `${config.name}-${pipeline.name}`
  const localJournal =
    target.kind === 'file' ? `${target.path}.journal` : join(journalFolder(config), `${task}.dlq.journal`)
  const journal = sharedJournals?.of(task) ?? fileJournal(localJournal)
  const queue =
    target.kind === 'file'
      ? fileQueue(target.path)
      : sourceQueue({ worker: config.name, pipeline: pipeline.name, target, ...rest })
  return { queue, journal, localJournal, target }
}

/** The folder of the state; where that is none, the one that would be. */
function journalFolder({ file, state }: WorkerConfig): string {
  if (state.kind === 'file') return state.folder
  return join(dirname(resolve(file)), '.connect-run')
}
