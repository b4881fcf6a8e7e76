import type { SinkConnector, SourceConnector } from '../api/connector.ts'
import { ConnectError } from '../api/errors.ts'
import type { Positions } from '../api/record.ts'
import type { SinkTask, SinkTraits } from '../api/sink-task.ts'
import type { SourceTask } from '../api/source-task.ts'
import type { DeadLetterTarget, SinkEnd } from '../config/pipeline-config.ts'
import { deadLetterFile } from '../delivery/dead-letter-file.ts'
import { DeadLetterWriter } from '../delivery/dead-letter-writer.ts'
import { trackKey } from '../offsets/partition-groups.ts'
import type { TaskState } from '../state/state-store.ts'
import type { Ownership } from './ownership.ts'
import { startTask } from './start-task.ts'
import type { TaskOptions } from './task-options.ts'

/** The source waits for its system for as long as it takes; so does the dead letter queue. */
const ENDLESS = { maxAttempts: 0, maxElapsedMs: 0 }

/** Run in reverse at the end. */
export type Closers = (() => Promise<void>)[]

export async function openSink(options: TaskOptions, closers: Closers): Promise<SinkTask> {
  const { pipeline } = options
  const connector = sinkOf(pipeline.sink.plugin)
  const streams = sourceOf(pipeline.source.plugin).streams?.(pipeline.source.config)
  const sink = await startTask<SinkTask>({
    ...options,
    create: () => connector.create(pipeline.sink.config),
    start: (task) => task.start({ ...options.context(pipeline.sink.config, 'sink'), streams }),
    retry: pipeline.sink.retry,
    health: options.sinkHealth,
  })
  closers.push(() => sink.stop())
  return sink
}

/** Undefined where the pipeline has none. `signal` aborts writes when the task fails. */
export async function openDeadLetters(
  options: TaskOptions,
  closers: Closers,
  signal: AbortSignal,
): Promise<DeadLetterWriter | undefined> {
  const target = options.pipeline.errors.deadLetterQueue
  if (target === undefined) return undefined
  const config = target.kind === 'sink' ? target.config : {}
  const sink = await startTask<SinkTask>({
    ...options,
    create: () => deadLetterSink(target),
    start: (task) => task.start({ ...options.context(config, 'dead-letters'), streams: undefined }),
    retry: ENDLESS,
    health: options.deadLetterHealth,
  })
  const where = target.kind === 'sink' ? target.describe : target.path
  const writer = new DeadLetterWriter({ ...options, sink, target: where, health: options.deadLetterHealth, signal })
  closers.push(() => writer.stop())
  return writer
}

export interface SourceParts {
  readonly sink: SinkTask
  readonly ownership: Ownership
  /** Told where positions pass to from now on. */
  readonly storeIn: (store: (positions: Positions) => Promise<void>) => void
}

/** Starts the source from where the sink, its own store or the state store says, in this order. */
export async function openSource(options: TaskOptions, closers: Closers, parts: SourceParts): Promise<SourceTask> {
  const { pipeline } = options
  const connector = sourceOf(pipeline.source.plugin)
  let state: TaskState | undefined
  const openState = async (): Promise<TaskState> => {
    const opened = await options.stateStore.open(`${options.worker}-${pipeline.name}`)
    closers.push(() => opened.close())
    return opened
  }
  const source = await startTask<SourceTask>({
    ...options,
    create: () => connector.create(pipeline.source.config),
    start: async (task) => {
      if (task.commit === undefined) {
        state ??= await openState()
        parts.storeIn(state.write.bind(state))
      } else parts.storeIn(task.commit.bind(task))
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

/** A source with a store of its own asks for its partitions' positions later. */
async function startingPositions(state: TaskState | undefined, sink: SinkTask): Promise<Positions> {
  if (state === undefined) return []
  const stored = state.positions
  const recovered = (await sink.recover?.({ partitions: undefined, stored })) ?? []
  const held = new Set(recovered.map(({ stream, partition }) => trackKey(stream, partition)))
  return [...recovered, ...stored.filter(({ stream, partition }) => !held.has(trackKey(stream, partition)))]
}

function deadLetterSink(target: DeadLetterTarget): SinkTask {
  return target.kind === 'file' ? deadLetterFile(target.path) : sinkOf(target.plugin).create(target.config)
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
