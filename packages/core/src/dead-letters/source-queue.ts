import { randomUUID } from 'node:crypto'
import { ConnectError } from '../api/errors.ts'
import type { Positions } from '../api/record.ts'
import type { PollLimits, SourceTask } from '../api/source-task.ts'
import type { Clock, Logger } from '../api/task-context.ts'
import type { DeadLetterTarget } from '../config/pipeline-config.ts'
import { validateOptions } from '../config/validate.ts'
import { trackKey } from '../offsets/partition-groups.ts'
import { packSourceRecords } from '../records/batch-builder.ts'
import { RecordBatch } from '../records/record-batch.ts'
import { sourceOf } from '../worker/open-ends.ts'
import { within } from '../worker/within.ts'
import { letterOf } from './letter.ts'
import type { DeadLetterQueue, QueuePage } from './queue.ts'

const LIMITS: PollLimits = { maxRecords: 500, maxBytes: 4 * 1024 * 1024, maxWaitMs: 200 }
/** How long the queue may take to say how far it goes. */
const ANSWER_MS = 15_000
/** … and how long it may give nothing of it. */
const STALL_MS = 30_000

export interface SourceQueueOptions {
  readonly worker: string
  readonly pipeline: string
  readonly target: DeadLetterTarget & { readonly kind: 'sink' }
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
}

/** The letters that a connector's sink has taken, read by a source of the same connector. */
export function sourceQueue(options: SourceQueueOptions): DeadLetterQueue {
  const { target } = options
  return {
    target: target.describe,
    async *read(signal) {
      const reader = `connect-run-dlq-${randomUUID()}`
      const config = sourceConfig(target, reader)
      const source = sourceOf(target.plugin).create(config)
      try {
        await source.start(contextOf(options, { config, reader, signal }))
        yield* pagesTo(await endsOf(source, options), source, { ...options, signal })
      } finally {
        await source.stop()
      }
    },
  }
}

function sourceConfig({ plugin, options, describe }: SourceQueueOptions['target'], reader: string): unknown {
  const written = plugin.deadLetterSource?.(options, reader)
  if (written === undefined || plugin.source === undefined) {
    throw new ConnectError('CONFIG_INVALID', `dead letters in ${describe} can't be read back`, {
      hint: 'set records aside in a `topic` or a file (`path`) to list and replay them with this command',
    })
  }
  const { config, issues } = validateOptions(plugin.source.config, written)
  if (issues === undefined) return config
  throw new ConnectError('PLUGIN_INVALID', `the connector ${plugin.name} reads no dead letters: ${issues[0]!.message}`)
}

function contextOf(
  { worker, pipeline, clock, random, logger }: SourceQueueOptions,
  { config, reader, signal }: { config: unknown; reader: string; signal: AbortSignal },
): Parameters<SourceTask['start']>[0] {
  return {
    config,
    worker,
    pipeline: `${pipeline}-${reader}`,
    signal,
    clock,
    latency: 'throughput',
    random,
    logger,
    count: () => undefined,
    positions: [],
    once: true,
    assigned: async () => [],
    revoking: async () => undefined,
    lost: () => undefined,
  }
}

async function endsOf(source: SourceTask, { clock, target }: SourceQueueOptions): Promise<Positions> {
  let ends: Positions | undefined
  const ask = async (): Promise<void> => void (ends = await source.endPositions?.())
  await within(ask, ANSWER_MS, clock)
  if (ends !== undefined) return ends
  throw new ConnectError('TIMEOUT', `${target.describe} did not say within ${ANSWER_MS / 1000} s what it holds`, {
    hint: 'the queue comes into being with the first dead letter: if there was one, look whether the brokers answer',
  })
}

async function* pagesTo(
  ends: Positions,
  source: SourceTask,
  { clock, target, signal }: SourceQueueOptions & { readonly signal: AbortSignal },
): AsyncGenerator<QueuePage, void> {
  const left = new Map(ends.map((end) => [trackKey(end.stream, end.partition), end.position.offset]))
  for (const [key, offset] of left) if (offset <= 0) left.delete(key)
  let last = clock.monotonic()
  while (left.size > 0) {
    signal.throwIfAborted()
    const polled = await source.poll(LIMITS, signal)
    const batch = polled instanceof RecordBatch ? polled : packSourceRecords(polled, '')
    const positions = batch.positions ?? []
    for (const { stream, partition, position } of positions) {
      const key = trackKey(stream, partition)
      if (position.offset >= (left.get(key) ?? Infinity)) left.delete(key)
    }
    if (batch.length > 0) yield { letters: Array.from(batch, (_, row) => letterAt(batch, row)), damaged: [] }
    const now = clock.monotonic()
    if (positions.length > 0) last = now
    else if (now - last > STALL_MS) throw stalled(target.describe)
  }
}

function stalled(queue: string): ConnectError {
  return new ConnectError('TIMEOUT', `${queue} has given nothing more for ${STALL_MS / 1000} s, before its end`, {
    hint: 'look whether its brokers are well; a transaction that a killed process left open ends by its timeout',
  })
}

function letterAt(batch: RecordBatch, row: number): QueuePage['letters'][number] {
  const [stream, partition, offset] = [batch.stream(row), batch.partition(row), batch.offset(row)]
  const bytes = { key: batch.rawKey(row) ?? null, value: batch.rawValue(row) ?? null }
  const found = {
    stream,
    partition,
    offset,
    timestamp: batch.timestamp(row) ?? -1,
    ...bytes,
    headers: batch.headers(row),
  }
  return letterOf(found, { container: stream, partition, number: offset })
}
