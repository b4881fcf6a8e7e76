import type {
  ConnectorPlugin,
  Logger,
  Partition,
  Positions,
  RecordBatch,
  SourceContext,
  SourceRecord,
} from '../../src/index.ts'
import { EndOfSource, sinkConnector, sourceConnector } from '../../src/index.ts'
import type { SinkTask, SinkTraits } from '../../src/api/sink-task.ts'
import type { PollLimits, PollResult, SourceTask } from '../../src/api/source-task.ts'
import type { PipelineConfig } from '../../src/config/pipeline-config.ts'
import type { Stage } from '../../src/pipeline/stage.ts'
import { bytesConverter } from '../../src/converters/bytes.ts'
import type { StateChanges, StateStore } from '../../src/state/state-store.ts'
import { systemClock } from '../../src/worker/clock.ts'
import { PipelineRunner, type PipelineRunnerOptions } from '../../src/worker/pipeline-runner.ts'

const schema = { type: 'object', properties: {} } as const

/** What is at work at each stage, in dead letters. */
export const executing: Readonly<Record<Stage, string>> = {
  TASK_POLL: 'source',
  KEY_CONVERTER: 'key-format',
  VALUE_CONVERTER: 'value-format',
  TRANSFORMATION: 'transforms',
  TASK_PUT: 'sink',
}

/** A logger that keeps what it is told. */
export function recordingLogger(): Logger & {
  lines: { level: string; message: string; fields: object }[]
  child(): never
} {
  const lines: { level: string; message: string; fields: object }[] = []
  const log = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields })
  const logger = { lines, debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
  return Object.assign(logger, { child: () => logger as never })
}

export interface TestSource {
  readonly plugin: ConnectorPlugin
  /** Positions passed by `commit`, in order. */
  readonly commits: Positions[]
  context: SourceContext<unknown> | undefined
  polls: PollLimits[]
  starts: number
}

export interface SourceSetting {
  /** Batches to hand out, one a poll; then `EndOfSource`, or nothing where `endless`. */
  readonly batches: readonly (readonly SourceRecord[])[]
  readonly endless?: boolean
  /** Keeps its own positions (has `commit`). Default true. */
  readonly commits?: boolean
  readonly ends?: Positions
  readonly onPoll?: (source: TestSource, poll: number) => Promise<void> | void
  readonly onCommit?: (positions: Positions) => Promise<void> | void
  readonly onStart?: (source: TestSource) => Promise<void> | void
}

/** A source that hands out given batches and honours an empty limit. Each start begins anew. */
export function testSource(setting: SourceSetting): TestSource {
  const source: TestSource = {
    commits: [],
    context: undefined,
    polls: [],
    starts: 0,
    plugin: { name: 'test', description: 'a test' },
  }
  const create = (): SourceTask => {
    let next = 0
    return {
      async start(context) {
        source.context = context
        source.starts++
        await setting.onStart?.(source)
      },
      async poll(limits, signal): Promise<PollResult> {
        source.polls.push(limits)
        await setting.onPoll?.(source, source.polls.length)
        if (limits.maxRecords === 0) return []
        const batch = setting.batches[next++]
        if (batch !== undefined) return batch
        if (setting.endless !== true) throw new EndOfSource()
        await systemClock.sleep(5, signal).catch(() => undefined)
        return []
      },
      async stop() {},
      ...(setting.commits !== false && {
        async commit(positions: Positions) {
          await setting.onCommit?.(positions)
          source.commits.push(positions)
        },
      }),
      ...(setting.ends !== undefined && { endPositions: () => Promise.resolve(setting.ends!) }),
    }
  }
  const plugin = { ...source.plugin, source: sourceConnector({ description: 'test', config: schema, create }) }
  return Object.assign(source, { plugin })
}

export interface TestSink {
  readonly plugin: ConnectorPlugin
  /** `stream/partition/offset=value` of every row whose put resolved, in order. */
  readonly written: string[]
  readonly puts: number[]
  running: number
  mostRunning: number
}

/** A sink that keeps what it is given; `onPut` may throw to fail an attempt. */
export function testSink(
  setting: {
    readonly onPut?: (batch: RecordBatch, attempt: number, signal: AbortSignal) => Promise<void> | void
    readonly traits?: SinkTraits
    readonly extras?: Partial<SinkTask>
  } = {},
): TestSink {
  const sink = { written: [] as string[], puts: [] as number[], running: 0, mostRunning: 0 }
  const create = (): SinkTask => ({
    async start() {},
    async put(batch, signal) {
      sink.puts.push(batch.length)
      sink.mostRunning = Math.max(sink.mostRunning, ++sink.running)
      try {
        await setting.onPut?.(batch, sink.puts.length, signal)
        for (const record of batch) sink.written.push(nameOf(record))
      } finally {
        sink.running--
      }
    },
    async stop() {},
    ...setting.extras,
  })
  const traits = (): SinkTraits => setting.traits ?? {}
  const plugin: ConnectorPlugin = {
    name: 'test',
    description: 'a test',
    sink: sinkConnector({ description: 'test', config: schema, create, traits }),
  }
  return Object.assign(sink, { plugin })
}

export function nameOf(record: { stream: string; partition: number; offset: number; value: unknown }): string {
  const value = Buffer.isBuffer(record.value) ? record.value.toString() : JSON.stringify(record.value)
  return `${record.stream}/${record.partition}/${record.offset}=${value}`
}

/** Records `from` to `to` (exclusive) of a partition, valued `v<offset>`. */
export function records(from: number, to: number, number = 0, stream = 't'): SourceRecord[] {
  return Array.from({ length: to - from }, (_, i) => ({
    stream,
    partition: number,
    offset: from + i,
    timestamp: 1_700_000_000_000,
    value: Buffer.from(`v${from + i}`),
  }))
}

export function pipelineConfig(
  source: TestSource,
  sink: TestSink,
  changes: Partial<Omit<PipelineConfig, 'sink'>> & { readonly sink?: Partial<PipelineConfig['sink']> } = {},
): PipelineConfig {
  const converters = { key: bytesConverter, value: bytesConverter }
  const retry = { initialDelayMs: 1, maxDelayMs: 5, maxAttempts: 0, maxElapsedMs: 0, attemptTimeoutMs: 0 }
  return {
    name: 'p',
    source: { plugin: source.plugin, config: {}, ...converters },
    transforms: [],
    errors: { tolerance: 'none', deadLetterQueue: undefined },
    limits: { maxRecords: 1000, maxBytes: 1 << 20 },
    restart: { maxRestarts: 0, initialDelayMs: 1, maxDelayMs: 2, resetAfterMs: 60_000 },
    latency: 'balanced',
    delivery: 'at-least-once',
    commitIntervalMs: 10,
    ...changes,
    sink: {
      plugin: sink.plugin,
      config: {},
      ...converters,
      batch: { lingerMs: 1 },
      concurrency: undefined,
      retry,
      parking: undefined,
      ...changes.sink,
    },
  }
}

export interface TestRun {
  readonly runner: PipelineRunner
  readonly logger: ReturnType<typeof recordingLogger>
  readonly stop: () => void
  readonly kill: () => void
}

export function testRunner(pipeline: PipelineConfig, changes: Partial<PipelineRunnerOptions> = {}): TestRun {
  const stopping = new AbortController()
  const hard = new AbortController()
  const logger = recordingLogger()
  const runner = new PipelineRunner({
    worker: 'w',
    pipeline,
    stateStore: memoryState().store,
    parkingLot: undefined,
    clock: systemClock,
    random: () => 0.5,
    logger,
    metrics: { count() {}, gauge() {}, observe() {} },
    once: false,
    endAfter: undefined,
    stopping: stopping.signal,
    signal: hard.signal,
    ...changes,
  })
  return { runner, logger, stop: () => stopping.abort(), kill: () => hard.abort(new Error('killed')) }
}

export function memoryState(positions: Positions = []): { store: StateStore; written: Positions[] } {
  const written: Positions[] = []
  const task = {
    positions,
    ledger: [],
    write: async (changes: StateChanges) => void written.push(changes.positions),
    lost: new AbortController().signal,
    close: async () => {},
  }
  return { written, store: { open: async () => task, read: async () => [], close: async () => {} } }
}

/** Waits until the condition holds; fails after 5 s. */
export async function until(condition: () => boolean, what = 'the condition'): Promise<void> {
  const deadline = Date.now() + 5000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited 5 s for ${what}`)
    await systemClock.sleep(2)
  }
}

export function partition(number: number, stream = 't'): Partition {
  return { stream, partition: number }
}

/** Last committed offset of a partition. */
export function committedOffset(source: TestSource, number = 0): number | undefined {
  const all = source.commits.flat().filter((entry) => entry.partition === number)
  return all[all.length - 1]?.position.offset
}
