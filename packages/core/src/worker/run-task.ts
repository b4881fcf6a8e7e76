import { setMaxListeners } from 'node:events'
import type { Positions } from '../api/record.ts'
import type { SinkTask } from '../api/sink-task.ts'
import type { SourceTask } from '../api/source-task.ts'
import type { Latency } from '../api/task-context.ts'
import type { DeadLetterWriter } from '../delivery/dead-letter-writer.ts'
import { Delivery } from '../delivery/delivery.ts'
import { Tolerance } from '../delivery/tolerance.ts'
import { AckTracker } from '../offsets/ack-tracker.ts'
import { OffsetCommitter } from '../offsets/offset-committer.ts'
import { recordPipeline } from '../pipeline/record-pipeline.ts'
import { endConverters } from '../records/codec.ts'
import { type CommitLoop, commitRegularly } from './commit-loop.ts'
import { commitTiming, keepUp } from './commit-timing.ts'
import { FlowControl } from './flow-control.ts'
import { describe, errorFields } from './health.ts'
import { OnceGate } from './once-gate.ts'
import { type Closers, openDeadLetters, openSink, openSource, sinkTraits } from './open-ends.ts'
import { Ownership } from './ownership.ts'
import { RecordFlow } from './record-flow.ts'
import type { TaskOptions } from './task-options.ts'
import { aborted, unlessStuck, within } from './within.ts'

const BATCH = { maxRecords: 5000, maxBytes: 4 * 1024 * 1024 }
/** How long the first record of a batch waits for company, in milliseconds. */
const LINGER_MS: Readonly<Record<Latency, number>> = { low: 1, balanced: 25, throughput: 200 }
/** How long after a failure running calls may take to notice that they are aborted, in milliseconds. */
const ABORT_MS = 10_000
/** … and how long when everything must end at once. */
const HARD_ABORT_MS = 1000

/**
 * Runs a pipeline's task once: opens both ends, moves records until the source ends, a stop is asked for or
 * something fails, commits, and closes everything, the source first. Rejects with what failed; resolves with whether
 * the source had ended, or been read as far as `once` asks for, before it was stopped.
 */
export async function runTask(options: TaskOptions): Promise<boolean> {
  const closers: Closers = []
  try {
    return await moveRecords(options, closers)
  } finally {
    for (const close of closers.toReversed()) {
      await unlessStuck(close(), options.clock, options.signal).catch((error: unknown) => {
        options.logger.warn(errorFields(error), `while stopping: ${describe(error)}`)
      })
    }
  }
}

async function moveRecords(options: TaskOptions, closers: Closers): Promise<boolean> {
  const { clock } = options
  const failure = new AbortController()
  const fail = (error: unknown): void => failure.abort(error)
  const cut = AbortSignal.any([options.signal, failure.signal])
  // Every call under way listens, and there may be many.
  setMaxListeners(0, cut)

  const sink = await openSink(options, closers)
  const deadLetters = await openDeadLetters(options, closers, cut)
  const moving = assemble(options, { sink, deadLetters, fail, cut })
  const { flow, tracker, committer, ownership, gate, tolerance } = moving
  const source = await openSource(options, closers, moving)

  if (options.once) gate.learn(source, options.endAfter).catch(fail)
  const commits = startCommits(options, moving, { source, fail })
  options.onRunning({ remaining: () => gate.remaining(ownership.partitions) })
  const ending = AbortSignal.any([options.stopping, cut])
  let isFinished = false
  const move = async (): Promise<void> => {
    isFinished = await flow.run(source, () => gate.reached(ownership.partitions), ending)
    await flow.drained()
  }
  const moved = move()
  try {
    await Promise.race([moved, aborted(cut)])
  } catch (error) {
    fail(error)
  } finally {
    commits.stop()
  }
  // The sink is not stopped under running calls; those of a failed task end soon, as their signal is aborted.
  const ended = (): Promise<unknown> => Promise.allSettled([moved, flow.drained()])
  if (cut.aborted) await within(ended, ABORT_MS, clock, options.signal)
  if (options.signal.aborted) await within(ended, HARD_ABORT_MS, clock)
  const commit = async (): Promise<void> => committer.commit().then(() => options.commitHealth.succeeded())
  if (!options.signal.aborted) await unlessStuck(commit(), clock, options.signal).catch(fail)
  tolerance.close()
  const abandoned = tracker.abandon()
  options.ledger.add('released', abandoned)
  failure.signal.throwIfAborted()
  return isFinished && abandoned === 0
}

interface Moving {
  readonly flow: RecordFlow
  readonly tracker: AckTracker
  readonly committer: OffsetCommitter
  readonly ownership: Ownership
  readonly gate: OnceGate
  readonly tolerance: Tolerance
  readonly sink: SinkTask
  readonly storeIn: (store: (positions: Positions) => Promise<void>) => void
  readonly doAfterBatch: (next: () => Promise<void>) => void
}

function startCommits(
  options: TaskOptions,
  { committer, tracker, sink, doAfterBatch }: Moving,
  { source, fail }: { readonly source: SourceTask; readonly fail: (error: unknown) => void },
): CommitLoop {
  const { intervalMs, promptRecords } = commitTiming(options.pipeline, { source, sink })
  const commits = commitRegularly(committer, { ...options, intervalMs, fail })
  if (promptRecords !== undefined) doAfterBatch(keepUp(tracker, commits, promptRecords))
  return commits
}

interface Ends {
  readonly sink: SinkTask
  readonly deadLetters: DeadLetterWriter | undefined
  readonly fail: (error: unknown) => void
  readonly cut: AbortSignal
}

/** Puts together what stands between the two ends. */
function assemble(options: TaskOptions, { sink, deadLetters, fail, cut }: Ends): Moving {
  const { pipeline, ledger, clock, logger, metrics } = options
  const tracker = new AckTracker()
  const context = { worker: options.worker, pipeline: pipeline.name, connector: pipeline.sink.plugin.name }
  const tolerance = new Tolerance({ errors: pipeline.errors, deadLetters, tracker, ledger, clock, logger, context })
  const delivery = new Delivery({
    ...options,
    sink,
    tracker,
    retry: pipeline.sink.retry,
    health: options.sinkHealth,
    reject: (failures, attempts) => tolerance.reject(failures, attempts),
    signal: cut,
  })
  let afterBatch = nothing
  const parts = { tracker, delivery, tolerance, afterBatch: () => afterBatch(), fail }
  const flow = new RecordFlow({ ...options, ...sinkSettings(options, tracker), ...parts })
  let store: (positions: Positions) => Promise<void> = nothing
  const committer = new OffsetCommitter({ tracker, sink, store: (positions) => store(positions), signal: cut })
  const flush = (): void => flow.flush()
  const stuck = (): boolean => delivery.stuck
  const ownership = new Ownership({ tracker, committer, sink, ledger, metrics, logger, clock, flush, stuck })
  const storeIn: Moving['storeIn'] = (next) => (store = next)
  const doAfterBatch: Moving['doAfterBatch'] = (next) => (afterBatch = next)
  const gate = new OnceGate(tracker)
  return { flow, tracker, committer, ownership, gate, tolerance, sink, storeIn, doAfterBatch }
}

/** How the sink is served: by its traits, where the user says nothing else. */
function sinkSettings({ pipeline, clock }: TaskOptions, tracker: AckTracker) {
  const { source, sink } = pipeline
  const traits = sinkTraits(sink)
  const batch = { ...BATCH, lingerMs: LINGER_MS[pipeline.latency], ...traits.batch, ...sink.batch }
  const codec = { key: endConverters(source.key, sink.key), value: endConverters(source.value, sink.value) }
  return {
    connector: source.plugin.name,
    prepare: recordPipeline({ codec, transforms: pipeline.transforms, traits }),
    flow: new FlowControl(pipeline.limits, batch, { tracker, clock }),
    batch,
    ordered: traits.ordered ?? false,
    concurrency: sink.concurrency ?? traits.concurrency ?? 1,
  }
}

/** What there is to do before the source has started: nothing is read, so nothing can be committed. */
function nothing(): Promise<void> {
  return Promise.resolve()
}
