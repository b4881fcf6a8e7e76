import type { PartitionPosition, Positions } from '../api/record.ts'
import type { SinkTask } from '../api/sink-task.ts'
import type { Clock, Logger } from '../api/task-context.ts'
import type { PipelineConfig } from '../config/pipeline-config.ts'
import { crashPoint } from '../crash-points.ts'
import { Delivery, type Tried } from '../delivery/delivery.ts'
import { SinkCalls } from '../delivery/sink-calls.ts'
import { AckTracker } from '../offsets/ack-tracker.ts'
import { trackKey } from '../offsets/partition-groups.ts'
import { Batcher } from '../pipeline/batcher.ts'
import { pieces } from '../pipeline/record-pipeline.ts'
import type { StageFailure } from '../pipeline/stage.ts'
import type { RecordBatch } from '../records/record-batch.ts'
import { noMetrics } from '../telemetry/metrics.ts'
import { pipelineMetrics } from '../telemetry/pipeline-metrics.ts'
import { Health } from '../worker/health.ts'
import { LedgerBook } from '../worker/ledger.ts'
import { sinkOf, sourceOf } from '../worker/open-ends.ts'
import { type SinkService, sinkService } from '../worker/sink-service.ts'
import { startTask } from '../worker/start-task.ts'
import type { ReplayJournal } from './journal.ts'
import type { FailedAgain, OpenChunk } from './marks.ts'
import type { ReplayChunk, ReplayItem } from './replay-plan.ts'
import { REPLAY_STREAM, isReplayPosition } from './replay-position.ts'
import { replayedBatch } from './replayed-batch.ts'

/** Where a replay begins: with converters and transforms, or with the sink (converters only). */
export const replayStages = ['transforms', 'sink'] as const

export type ReplayStage = (typeof replayStages)[number]

export interface ReplayerOptions {
  readonly worker: string
  readonly pipeline: PipelineConfig
  readonly from: ReplayStage
  readonly journal: ReplayJournal
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  /** Aborts on a graceful stop. */
  readonly stopping: AbortSignal
  /** Aborts when everything must end at once. */
  readonly signal: AbortSignal
}

/** What became of the records of a chunk. */
export interface ChunkResult {
  readonly replayed: number
  /** Of these, dropped on purpose by a transform or by the sink's rules. */
  readonly filtered: number
  readonly failed: readonly { readonly item: ReplayItem; readonly failure: StageFailure }[]
  /** The sink holds positions that have not passed these: the pipeline reads them again itself. */
  readonly notPassed: number
}

/**
 * Runs dead letters through a pipeline's converters, transforms and sink again, one chunk at a time. The journal says
 * before what is put and afterwards that it is done; where a crash comes between, a sink that holds positions tells
 * whether it has the chunk, and one that is idempotent takes it again without a double.
 */
export class Replayer {
  readonly #options: ReplayerOptions
  readonly #sink: SinkTask
  readonly #service: SinkService
  readonly #calls: SinkCalls
  readonly #health: Health
  /** By partition: where the sink, if it holds positions, says that the pipeline goes on. */
  readonly #passed: ReadonlyMap<string, number> | undefined
  #position: PartitionPosition | undefined

  private constructor(options: ReplayerOptions, { sink, health, recovered }: Opened) {
    const { pipeline, from } = options
    this.#options = options
    this.#sink = sink
    this.#health = health
    this.#service = sinkService(from === 'sink' ? { ...pipeline, transforms: [] } : pipeline)
    const metrics = pipelineMetrics(noMetrics, pipeline.name)
    this.#calls = new SinkCalls({ ...options, sink, retry: pipeline.sink.retry, metrics })
    this.#position = recovered?.find(isReplayPosition)
    const own = recovered?.filter((entry) => !isReplayPosition(entry))
    // What a transaction holds does not depend on where the pipeline is.
    if (own === undefined || sink.transactional === true) return
    this.#passed = new Map(own.map((entry) => [trackKey(entry.stream, entry.partition), entry.position.offset]))
  }

  /** Starts the sink, and finds out whether it has the chunk that was on its way when a replay was interrupted. */
  static async open(options: ReplayerOptions): Promise<Replayer> {
    const { journal, clock } = options
    const opened = await openSink(options)
    const replayer = new Replayer(options, opened)
    const token = replayer.#position?.position.token
    const written = journal.marks.openChunks.find(({ key }) => key === token)
    if (written !== undefined) await journal.done(written, clock.now())
    return replayer
  }

  /** What the sink waits for, in one sentence. */
  get problem(): string | undefined {
    return this.#health.problem
  }

  /** Undefined when a stop came first: then nothing of the chunk counts. Rejects when the sink can't go on. */
  async run(chunk: ReplayChunk): Promise<ChunkResult | undefined> {
    const { journal, clock, signal } = this.#options
    const items = chunk.filter(({ letter }) => this.#hasPassed(letter))
    const notPassed = chunk.length - items.length
    if (items.length === 0) return { replayed: 0, filtered: 0, failed: [], notPassed }
    const begun = await journal.begin(
      items.flatMap(({ ids }) => ids),
      this.#position?.position.offset ?? 0,
    )
    crashPoint('replay-begun')
    const put = await this.#put(items)
    if (put === undefined) return undefined
    await this.#sink.flush?.(signal)
    const failed = [...put.failures].map(([row, failure]) => ({ item: items[row]!, failure }))
    await journal.failed(begun, failed.flatMap(asEntries))
    crashPoint('replay-written')
    await this.#commit(begun)
    crashPoint('replay-committed')
    await journal.done(begun, clock.now())
    crashPoint('replay-done')
    return { replayed: items.length - failed.length, filtered: put.filtered, failed, notPassed }
  }

  async close(): Promise<void> {
    await this.#sink.stop()
  }

  #hasPassed({ stream, partition, offset }: ReplayItem['letter']): boolean {
    return this.#passed === undefined || offset < (this.#passed.get(trackKey(stream, partition)) ?? -1)
  }

  async #commit({ number, key }: OpenChunk): Promise<void> {
    if (this.#sink.recover === undefined || this.#sink.commit === undefined) return
    const stored = this.#position === undefined ? [] : [this.#position]
    const position = { stream: REPLAY_STREAM, partition: 0, position: { offset: number, token: key } }
    await this.#sink.commit([position], stored)
    this.#position = position
  }

  /** Failures by row; undefined when a stop came first. */
  async #put(items: readonly ReplayItem[]): Promise<Put | undefined> {
    const tracker = new AckTracker()
    const polled = tracker.register(replayedBatch(items.map(({ letter }) => letter)))
    const prepared = this.#service.prepare(polled)
    if (prepared.transformed.isSplit) tracker.split(pieces(prepared))
    // Rows are numbered from 0 by a new tracker: that is their place among the items.
    const failures = new Map<number, StageFailure>()
    const reject = async (failed: readonly StageFailure[]): Promise<boolean> => {
      for (const failure of failed) failures.set(failure.batch.origin(failure.row), failure)
      return true
    }
    await reject(prepared.failures)
    const delivery = this.#delivery(tracker, reject)
    for (const batch of this.#batches(prepared.ready)) if (!(await delivery.deliver(batch))) return undefined
    return { failures, filtered: prepared.filtered.length + prepared.skipped.length }
  }

  #delivery(
    tracker: AckTracker,
    reject: (failures: readonly StageFailure[], tried: Tried) => Promise<boolean>,
  ): Delivery {
    const { pipeline } = this.#options
    const metrics = pipelineMetrics(noMetrics, pipeline.name)
    return new Delivery({
      ...this.#options,
      calls: this.#calls,
      tracker,
      // Counts of the pipeline, of which a replay is no part.
      ledger: new LedgerBook(metrics, pipeline.name),
      retry: pipeline.sink.retry,
      health: this.#health,
      metrics,
      reject,
      park: undefined,
    })
  }

  #batches(ready: RecordBatch): RecordBatch[] {
    const batches: RecordBatch[] = []
    const batcher = new Batcher(this.#service.batch, (batch) => batches.push(batch))
    batcher.add(ready)
    batcher.flush()
    return batches
  }
}

interface Put {
  readonly failures: ReadonlyMap<number, StageFailure>
  readonly filtered: number
}

interface Opened {
  readonly sink: SinkTask
  readonly health: Health
  /** Undefined where the sink holds no positions. */
  readonly recovered: Positions | undefined
}

/** Under a name of its own, so that it does not pass for the pipeline, which may be running. */
async function openSink(options: ReplayerOptions): Promise<Opened> {
  const { worker, pipeline, signal, clock, random, logger } = options
  const { plugin, config } = pipeline.sink
  const connector = sinkOf(plugin)
  const health = new Health(`sink ${plugin.name}`, logger, clock)
  const lent = { config, worker, pipeline: `${pipeline.name}-replay`, signal, clock, latency: pipeline.latency, random }
  const streams = sourceOf(pipeline.source.plugin).streams?.(pipeline.source.config)
  const isExactlyOnce = pipeline.delivery === 'exactly-once'
  const context = {
    ...lent,
    logger,
    count: (): void => undefined,
    streams,
    ...(isExactlyOnce && { exactlyOnce: { member: undefined, isReplay: true as const } }),
  }
  const sink = await startTask<SinkTask>({
    ...options,
    create: () => connector.create(config),
    start: (task) => task.start(context),
    retry: pipeline.sink.retry,
    health,
  })
  try {
    const recovered =
      sink.commit === undefined ? undefined : await sink.recover?.({ partitions: undefined, stored: [] })
    return { sink, health, recovered }
  } catch (error) {
    await sink.stop()
    throw error
  }
}

function asEntries({ item, failure }: ChunkResult['failed'][number]): FailedAgain[] {
  const { stage, error } = failure
  return item.ids.map((id) => ({ id, code: error.code, stage, message: error.message }))
}
