import type { SinkTask } from '../api/sink-task.ts'
import type { SourceTask } from '../api/source-task.ts'
import type { Clock } from '../api/task-context.ts'
import type { PipelineConfig } from '../config/pipeline-config.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import type { CommitLoopOptions } from './commit-loop.ts'
import { sinkTraits } from './open-ends.ts'

/** How often positions pass to a source that keeps them itself: a round trip to brokers that others use as well. */
const SOURCE_COMMIT_MS = 1000
/** … and to the state store, which is near. */
const STATE_COMMIT_MS = 100
/** So many records done call for a commit at once where a crash would double them. */
const PROMPT_RECORDS = 1000
/** … but not sooner than this after the last one, in milliseconds: a commit costs what thousands of records do. */
const PROMPT_MS = 5

export interface CommitParts {
  readonly source: SourceTask
  readonly sink: SinkTask
  readonly tracker: AckTracker
  readonly clock: Clock
}

/**
 * When to commit, where the user says nothing else. What a crash leaves uncommitted is written again: a sink that
 * would show it twice is left no more than a batch or two of it, where the positions go to the state store.
 */
export function commitTiming(
  pipeline: Pick<PipelineConfig, 'commitIntervalMs' | 'sink'>,
  { source, sink, tracker, clock }: CommitParts,
): Pick<CommitLoopOptions, 'intervalMs' | 'due'> {
  const { commitIntervalMs } = pipeline
  if (commitIntervalMs !== undefined) return { intervalMs: commitIntervalMs }
  if (source.commit !== undefined) return { intervalMs: SOURCE_COMMIT_MS }
  const isRepeatable = sink.commit !== undefined || sinkTraits(pipeline.sink).idempotent === true
  return { intervalMs: STATE_COMMIT_MS, ...(isRepeatable ? {} : { due: someDone(tracker, clock) }) }
}

/** Waits for so many records to be done since the last wait was over, and a moment at least. */
function someDone(tracker: AckTracker, clock: Clock): (over: AbortSignal) => Promise<void> {
  let before = 0
  return async (over) => {
    await clock.sleep(PROMPT_MS, over).catch(() => undefined)
    while (!over.aborted && tracker.settled - before < PROMPT_RECORDS) await tracker.changed(over)
    before = tracker.settled
  }
}
