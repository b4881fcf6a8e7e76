import type { SinkTask } from '../api/sink-task.ts'
import type { SourceTask } from '../api/source-task.ts'
import type { PipelineConfig } from '../config/pipeline-config.ts'
import type { AckTracker } from '../offsets/ack-tracker.ts'
import type { CommitLoop } from './commit-loop.ts'
import { sinkTraits } from './open-ends.ts'

/** How often positions pass to a source that keeps them itself: a round trip to brokers that others use as well. */
const SOURCE_COMMIT_MS = 1000
/** … and to the state store, which is near. */
const STATE_COMMIT_MS = 100
/** … and to readers of a transaction, who wait for its end. */
const TRANSACTION_MS = 100
/** So many records done and not committed keep the next batch waiting, where a crash would double them. */
const PROMPT_RECORDS = 1000

export interface CommitTiming {
  readonly intervalMs: number
  /** A commit must not wait for the interval when so many records are done since the last; undefined: it may. */
  readonly promptRecords: number | undefined
}

/**
 * When to commit, where the user says nothing else. What a crash leaves uncommitted is written again: a sink that
 * would show it twice gets its next batch when the last one is committed, where the positions go to the state store.
 */
export function commitTiming(
  pipeline: Pick<PipelineConfig, 'commitIntervalMs' | 'sink'>,
  { source, sink }: { readonly source: SourceTask; readonly sink: SinkTask },
): CommitTiming {
  const { commitIntervalMs } = pipeline
  if (commitIntervalMs !== undefined) return { intervalMs: commitIntervalMs, promptRecords: undefined }
  if (sink.transactional === true) return { intervalMs: TRANSACTION_MS, promptRecords: undefined }
  if (source.commit !== undefined) return { intervalMs: SOURCE_COMMIT_MS, promptRecords: undefined }
  const isRepeatable = sink.commit !== undefined || sinkTraits(pipeline.sink).idempotent === true
  return { intervalMs: STATE_COMMIT_MS, promptRecords: isRepeatable ? undefined : PROMPT_RECORDS }
}

/** Commits when so many records are done since the last time; resolves when that was tried, if it was. */
export function keepUp(tracker: AckTracker, commits: CommitLoop, promptRecords: number): () => Promise<void> {
  let before = 0
  return async () => {
    if (tracker.settled - before < promptRecords) return
    before = tracker.settled
    await commits.now()
  }
}
