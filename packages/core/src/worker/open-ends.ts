import type { SinkConnector, SourceConnector } from '../api/connector.ts'
import { ConnectError } from '../api/errors.ts'
import type { Positions } from '../api/record.ts'
import type { SinkTask, SinkTraits } from '../api/sink-task.ts'
import type { SourceTask } from '../api/source-task.ts'
import type { Clock, SinkContext } from '../api/task-context.ts'
import { sourceFacts } from '../config/guarantee.ts'
import type { DeadLetterTarget, PipelineConfig, RetryConfig, SinkEnd } from '../config/pipeline-config.ts'
import { DeadLetterFile } from '../delivery/dead-letter-file.ts'
import { DeadLetterWriter } from '../delivery/dead-letter-writer.ts'
import { isReplayPosition } from '../dead-letters/replay-position.ts'
import { trackKey } from '../offsets/partition-groups.ts'
import type { TaskState } from '../state/state-store.ts'
import type { LedgerBook } from './ledger.ts'
import { LedgerSlot } from './ledger-slot.ts'
import type { Ownership } from './ownership.ts'
import { startTask } from './start-task.ts'
import type { TaskOptions } from './task-options.ts'

/** The source waits for its system for as long as it takes; so does the dead letter queue. */
export const ENDLESS: Pick<RetryConfig, 'maxAttempts' | 'maxElapsedMs'> = { maxAttempts: 0, maxElapsedMs: 0 }

/** Run in reverse at the end. */
export type Closers = (() => Promise<void>)[]

/** `member`: what the source lends a transaction, once it has started. */
export async function openSink(options: TaskOptions, closers: Closers, member: () => unknown): Promise<SinkTask> {
  const { pipeline } = options
  const connector = sinkOf(pipeline.sink.plugin)
  const streams = sourceOf(pipeline.source.plugin).streams?.(pipeline.source.config)
  const sink = await startTask<SinkTask>({
    ...options,
    create: () => connector.create(pipeline.sink.config),
    start: (task) => {
      return task.start({ ...options.context(pipeline.sink.config, 'sink'), streams, ...exactlyOnce(pipeline, member) })
    },
    retry: pipeline.sink.retry,
    health: options.sinkHealth,
  })
  closers.push(() => sink.stop())
  if (pipeline.delivery === 'exactly-once' && sink.transactional !== true) throw notTransactional(pipeline)
  return sink
}

/** Without transactions the promise would be broken by the first crash, and nobody would know. */
function notTransactional({ sink }: PipelineConfig): ConnectError {
  const message = `the ${sink.plugin.name} sink states that it can deliver exactly once, and does not write in transactions`
  return new ConnectError('PLUGIN_INVALID', message, {
    hint: 'Set `delivery: at-least-once`, and report it to its author.',
  })
}

function exactlyOnce(pipeline: PipelineConfig, member: () => unknown): Pick<SinkContext<unknown>, 'exactlyOnce'> {
  if (pipeline.delivery !== 'exactly-once') return {}
  return { exactlyOnce: { member: sourceFacts(pipeline).positions === 'source' ? member : undefined } }
}

/** Undefined where the pipeline has none. `signal` aborts writes when the task fails. */
export async function openDeadLetters(
  options: TaskOptions,
  closers: Closers,
  { main, signal }: { readonly main: SinkTask; readonly signal: AbortSignal },
): Promise<DeadLetterWriter | undefined> {
  const target = options.pipeline.errors.deadLetterQueue
  if (target === undefined) return undefined
  const config = target.kind === 'sink' ? target.config : {}
  const start = (): Promise<SinkTask> =>
    startTask<SinkTask>({
      ...options,
      create: () => deadLetterSink(target, options.clock),
      start: (task) => task.start({ ...options.context(config, 'dead-letters'), streams: undefined }),
      retry: ENDLESS,
      health: options.deadLetterHealth,
    })
  const sink = besideMain(options, main, target) ?? (await start())
  const where = target.kind === 'sink' ? target.describe : target.path
  const writer = new DeadLetterWriter({ ...options, sink, target: where, health: options.deadLetterHealth, signal })
  closers.push(() => writer.stop())
  return writer
}

export interface SourceParts {
  /** Of a source that keeps no positions itself. */
  readonly state: TaskState | undefined
  readonly sink: SinkTask
  readonly ownership: Ownership
  /** Told where positions pass to from now on. */
  readonly storeIn: (store: (positions: Positions) => Promise<void>) => void
}

/** Starts the source from where the sink, its own store or the state store says, in this order. */
export async function openSource(options: TaskOptions, closers: Closers, parts: SourceParts): Promise<SourceTask> {
  const { pipeline } = options
  const connector = sourceOf(pipeline.source.plugin)
  const { state } = parts
  let slot: LedgerSlot | undefined
  const source = await startTask<SourceTask>({
    ...options,
    create: () => connector.create(pipeline.source.config),
    start: async (task) => {
      if (state !== undefined) parts.storeIn((positions) => storeWithLedger(state, options.ledger, positions))
      if (task.commit !== undefined) {
        const commit = isInTransaction(parts.sink, task) ? async () => undefined : task.commit.bind(task)
        const ledgerSlot = (slot ??= openSlot(options, closers))
        parts.storeIn(async (positions) => {
          if (positions.length > 0) await commit(positions)
          options.ledger.passed(positions)
          ledgerSlot.changed()
        })
      }
      const { ownership } = parts
      await task.start({
        ...options.context(pipeline.source.config, 'source'),
        positions: await startingPositions(state, parts.sink),
        once: options.once,
        assigned: (partitions, known) => ownership.assigned(partitions, known),
        revoking: (partitions) => ownership.revoking(partitions),
        lost: (partitions) => ownership.lost(partitions),
      })
    },
    retry: ENDLESS,
    health: options.sourceHealth,
  })
  closers.push(() => source.stop())
  return source
}

/** The sink's transactions hold the source's own positions. */
function isInTransaction(sink: SinkTask, source: SourceTask): boolean {
  return sink.transactional === true && source.transactionMember !== undefined
}

async function storeWithLedger(state: TaskState, ledger: LedgerBook, positions: Positions): Promise<void> {
  const { entries, stored } = ledger.passing(positions)
  await state.write({ positions, ledger: entries })
  stored()
}

/** Where the ledger is kept of a source that keeps its own positions. */
function openSlot(options: TaskOptions, closers: Closers): LedgerSlot {
  const task = `${options.worker}-${options.pipeline.name}`
  const slot = new LedgerSlot({ ...options, task, health: options.ledgerHealth })
  closers.push(() => slot.close())
  return slot
}

/** A source with a store of its own asks for its partitions' positions later. */
async function startingPositions(state: TaskState | undefined, sink: SinkTask): Promise<Positions> {
  if (state === undefined) return []
  const stored = state.positions
  const all = (await sink.recover?.({ partitions: undefined, stored })) ?? []
  const recovered = all.filter((entry) => !isReplayPosition(entry))
  const held = new Set(recovered.map(({ stream, partition }) => trackKey(stream, partition)))
  return [...recovered, ...stored.filter(({ stream, partition }) => !held.has(trackKey(stream, partition)))]
}

/** In the transactions of the pipeline's own sink, where that takes them there: then it is started and stopped as that. */
function besideMain({ pipeline }: TaskOptions, main: SinkTask, target: DeadLetterTarget): SinkTask | undefined {
  if (target.kind !== 'sink' || target.plugin !== pipeline.sink.plugin) return undefined
  const beside = main.beside?.(target.config)
  return beside && { start: nothing, stop: nothing, put: beside.put.bind(beside) }
}

async function nothing(): Promise<void> {}

function deadLetterSink(target: DeadLetterTarget, clock: Clock): SinkTask {
  if (target.kind === 'sink') return sinkOf(target.plugin).create(target.config)
  return new DeadLetterFile({ ...target, now: () => clock.now() })
}

/** The plugin forgets its config's type; the config was validated by the plugin's own schema. */
export function sourceOf(plugin: { name: string; source?: SourceConnector<never> }): SourceConnector<unknown> {
  if (plugin.source !== undefined) return plugin.source as unknown as SourceConnector<unknown>
  throw new ConnectError('PLUGIN_INVALID', `the connector ${plugin.name} has no source`)
}

export function sinkOf(plugin: { name: string; sink?: SinkConnector<never> }): SinkConnector<unknown> {
  if (plugin.sink !== undefined) return plugin.sink as unknown as SinkConnector<unknown>
  throw new ConnectError('PLUGIN_INVALID', `the connector ${plugin.name} has no sink`)
}

export function sinkTraits({ plugin, config }: Pick<SinkEnd, 'plugin' | 'config'>): SinkTraits {
  return sinkOf(plugin).traits?.(config) ?? {}
}
