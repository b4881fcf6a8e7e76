import { setMaxListeners } from 'node:events'
import type { Positions } from '../api/record.ts'
import type { SinkTask } from '../api/sink-task.ts'
import type { SourceTask } from '../api/source-task.ts'
import type { PipelineConfig } from '../config/pipeline-config.ts'
import type { DeadLetterWriter } from '../delivery/dead-letter-writer.ts'
import { Delivery } from '../delivery/delivery.ts'
import type { ParkedRecords } from '../delivery/parked-records.ts'
import { SinkCalls } from '../delivery/sink-calls.ts'
import { Tolerance } from '../delivery/tolerance.ts'
import { AckTracker } from '../offsets/ack-tracker.ts'
import { OffsetCommitter } from '../offsets/offset-committer.ts'
import type { LedgerEntry } from '../state/ledger-entry.ts'
import type { Stage } from '../pipeline/stage.ts'
import { type CommitLoop, commitRegularly } from './commit-loop.ts'
import { commitTiming, keepUp } from './commit-timing.ts'
import { FlowControl } from './flow-control.ts'
import { describe, errorFields } from './health.ts'
import { OnceGate } from './once-gate.ts'
import { type Closers, openDeadLetters, openSink, openSource } from './open-ends.ts'
import { openParking } from './open-parking.ts'
import { openState, readingAs } from './open-state.ts'
import { Ownership } from './ownership.ts'
import { RecordFlow } from './record-flow.ts'
import { sinkService } from './sink-service.ts'
import type { TaskOptions } from './task-options.ts'
import { aborted, unlessStuck, within } from './within.ts'

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
  const failure = new AbortController()
  const fail = (error: unknown): void => failure.abort(error)
  const cut = AbortSignal.any([options.signal, failure.signal])
  // Every call under way listens, and there may be many.
  setMaxListeners(0, cut)

  const state = await openState(options, closers, fail)
  const lent: { member?: () => unknown } = {}
  const sink = await openSink(options, closers, () => lent.member?.())
  const deadLetters = await openDeadLetters(options, closers, { main: sink, signal: cut })
  const moving = assemble(options, closers, { sink, deadLetters, stored: state?.ledger, fail, cut })
  const { flow, committer, ownership, gate, calls } = moving
  const source = await openSource(options, closers, { ...moving, state })
  lent.member = () => source.transactionMember?.()

  if (options.once) gate.learn(source, options.endAfter).catch(fail)
  const commits = startCommits(options, moving, { source, fail })
  moving.parked?.start()
  options.onRunning({ remaining: () => gate.remaining(ownership.partitions), breaker: () => calls.breaker })
  const ending = AbortSignal.any([options.stopping, cut])
  let isFinished = false
  const move = async (): Promise<void> => {
    isFinished = await flow.run(readingAs(state, source), () => gate.reached(ownership.partitions), ending)
    await flow.drained()
  }
  const moved = move()
  await Promise.race([moved, aborted(cut)]).catch(fail)
  commits.stop()
  await endCalls(options, moving, { moved, cut, fail })
  const isLost = state?.lost.aborted === true || (failure.signal.aborted && sink.transactional === true)
  if (!isLost) await commitLast(options, committer).catch(fail)
  moving.tolerance.close()
  const abandoned = moving.tracker.abandon()
  options.ledger.released(abandoned)
  failure.signal.throwIfAborted()
  options.ledger.verify()
  return isFinished && abandoned.records === 0
}

interface Running {
  readonly moved: Promise<void>
  readonly cut: AbortSignal
  readonly fail: (error: unknown) => void
}

/** The sink is not stopped under running calls; those of a failed task end soon, as their signal is aborted. */
async function endCalls(
  { clock, signal }: TaskOptions,
  { flow, parked }: Moving,
  { moved, cut, fail }: Running,
): Promise<void> {
  const ended = (): Promise<unknown> => Promise.allSettled([moved, flow.drained()])
  if (cut.aborted) await within(ended, ABORT_MS, clock, signal)
  if (signal.aborted) await within(ended, HARD_ABORT_MS, clock)
  // What it still brings about belongs to the ledger that is stored last.
  if (parked !== undefined) await unlessStuck(parked.close(), clock, signal).catch(fail)
}

async function commitLast(options: TaskOptions, committer: OffsetCommitter): Promise<void> {
  if (options.signal.aborted) return
  await unlessStuck(committer.commit(), options.clock, options.signal)
  options.commitHealth.succeeded()
}

interface Moving {
  readonly flow: RecordFlow
  readonly tracker: AckTracker
  readonly committer: OffsetCommitter
  readonly ownership: Ownership
  readonly gate: OnceGate
  readonly tolerance: Tolerance
  readonly calls: SinkCalls
  readonly parked: ParkedRecords | undefined
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
  /** The ledger of the task so far, where the state store has it. */
  readonly stored: readonly LedgerEntry[] | undefined
  readonly fail: (error: unknown) => void
  readonly cut: AbortSignal
}

/** Puts together what stands between the two ends. */
function assemble(options: TaskOptions, closers: Closers, { sink, deadLetters, stored, fail, cut }: Ends): Moving {
  const { pipeline, ledger, clock, logger, metrics } = options
  const tracker = new AckTracker()
  ledger.begin(tracker, stored)
  const context = { worker: options.worker, pipeline: pipeline.name, executing: executing(pipeline) }
  const limit = options.deadLetterLimit
  const tolerance = new Tolerance({ ...options, errors: pipeline.errors, deadLetters, tracker, context, limit })
  const calls = new SinkCalls({ ...options, sink, retry: pipeline.sink.retry, signal: cut })
  const settings = sinkSettings(options, tracker)
  const parked = openParking(options, closers, { ...settings, calls, tolerance, fail, signal: cut })
  const delivery = deliveryOf(options, { calls, tracker, tolerance, parked, cut })
  let afterBatch = nothing
  const parts = { tracker, delivery, tolerance, afterBatch: () => afterBatch(), fail }
  const flow = new RecordFlow({ ...options, ...settings, ...parts })
  let store: (positions: Positions) => Promise<void> = nothing
  const verify = (): void => ledger.verify()
  const isTransactional = sink.transactional === true
  const committer = new OffsetCommitter({
    tracker,
    sink,
    store: (positions) => store(positions),
    storeLedger: parked && (async () => (ledger.unstored().entries.length === 0 ? undefined : store([]))),
    verify,
    whileSettled: isTransactional ? (commit) => flow.whileSettled(commit) : undefined,
    signal: cut,
  })
  const flush = (): void => flow.flush()
  const stuck = (): boolean => calls.stuck
  const abort = isTransactional ? fail : undefined
  const ownership = new Ownership({ tracker, committer, sink, ledger, metrics, logger, clock, flush, stuck, abort })
  const storeIn: Moving['storeIn'] = (next) => (store = next)
  const doAfterBatch: Moving['doAfterBatch'] = (next) => (afterBatch = next)
  const gate = new OnceGate(tracker)
  return { flow, tracker, committer, ownership, gate, tolerance, calls, parked, sink, storeIn, doAfterBatch }
}

interface DeliveryEnds extends Pick<Moving, 'tracker' | 'tolerance' | 'calls' | 'parked'> {
  readonly cut: AbortSignal
}

function deliveryOf(options: TaskOptions, { calls, tracker, tolerance, parked, cut }: DeliveryEnds): Delivery {
  return new Delivery({
    ...options,
    calls,
    tracker,
    retry: options.pipeline.sink.retry,
    health: options.sinkHealth,
    reject: (failures, tried) => tolerance.reject(failures, tried),
    park: parked && ((rows, tried) => parked.park(rows, tried)),
    signal: cut,
  })
}

/** What is at work at each stage, for dead letters. */
function executing({ source, sink }: PipelineConfig): Readonly<Record<Stage, string>> {
  return {
    TASK_POLL: source.plugin.name,
    KEY_CONVERTER: source.key.format,
    VALUE_CONVERTER: source.value.format,
    TRANSFORMATION: 'transforms',
    TASK_PUT: sink.plugin.name,
  }
}

function sinkSettings({ pipeline, clock }: TaskOptions, tracker: AckTracker) {
  const service = sinkService(pipeline)
  const flow = new FlowControl(pipeline.limits, service.batch, { tracker, clock })
  return { connector: pipeline.source.plugin.name, ...service, flow }
}

/** What there is to do before the source has started: nothing is read, so nothing can be committed. */
function nothing(): Promise<void> {
  return Promise.resolve()
}
