import {
  type ConnectorPlugin,
  type PollLimits,
  type Positions,
  RetriableError,
  EndOfSource,
  type SourceContext,
  type SourceRecord,
  type SourceTask,
  sourceConnector,
} from '@connect-run/core'
import type { SeedRecord, SourceDriver } from '../../src/conformance/index.ts'

interface Config {
  readonly queue: string
}

/** Places where a source may be wrong; each changes the right thing into a wrong one. */
export interface SourceDefects {
  record?(record: SourceRecord): SourceRecord
  batch?(records: SourceRecord[]): readonly SourceRecord[]
  maxRecords?(asked: number): number
  resumeAt?(offset: number): number
  wait?(limits: PollLimits): number
  readonly ignoresSignal?: boolean
  readonly onlyOnce?: boolean
  readonly neverEnds?: boolean
  readonly probeReads?: boolean
  readonly probeThrows?: () => Error
  readonly leaks?: (timer: NodeJS.Timeout) => void
  readonly stopThrows?: boolean
}

/** By queue, two partitions each; a queue that is not here can't be reached. */
const queues = new Map<string, SeedRecord[][]>()
let made = 0

class MemorySource implements SourceTask<Config> {
  readonly #queue: string
  readonly #defects: SourceDefects
  #context: SourceContext<Config> | undefined
  readonly #next = [0, 0]
  #polled = false
  readonly #stopped = new AbortController()

  constructor({ queue }: Config, defects: SourceDefects) {
    this.#queue = queue
    this.#defects = defects
  }

  start(context: SourceContext<Config>): Promise<void> {
    if (!queues.has(this.#queue)) {
      return Promise.reject(new RetriableError('UNREACHABLE', `queue ${this.#queue} is not there`))
    }
    this.#context = context
    for (const { partition, position } of context.positions) {
      this.#next[partition] = this.#defects.resumeAt?.(position.offset) ?? position.offset
    }
    this.#defects.leaks?.(setInterval(() => undefined, 60_000))
    return Promise.resolve()
  }

  async poll(limits: PollLimits, signal: AbortSignal): Promise<readonly SourceRecord[]> {
    const context = this.#context!
    const maxRecords = this.#defects.maxRecords?.(limits.maxRecords) ?? limits.maxRecords
    const found = this.#defects.onlyOnce === true && this.#polled ? [] : this.#take(maxRecords)
    this.#polled = true
    if (found.length > 0 || maxRecords === 0) return this.#defects.batch?.(found) ?? found
    if (context.once && this.#defects.neverEnds !== true) throw new EndOfSource()
    const ms = this.#defects.wait?.(limits) ?? Math.min(limits.maxWaitMs, 100)
    const { signal: stopped } = this.#stopped
    const ends = this.#defects.ignoresSignal === true ? stopped : AbortSignal.any([signal, stopped])
    await context.clock.sleep(ms, ends).catch(() => undefined)
    return []
  }

  stop(): Promise<void> {
    this.#stopped.abort()
    if (this.#defects.stopThrows === true && this.#context === undefined) throw new TypeError('not started')
    return Promise.resolve()
  }

  #take(maxRecords: number): SourceRecord[] {
    const taken: SourceRecord[] = []
    queues.get(this.#queue)!.forEach((records, partition) => {
      while (taken.length < maxRecords && this.#next[partition]! < records.length) {
        const offset = this.#next[partition]!++
        const { key, value, headers } = records[offset]!
        const record: SourceRecord = { stream: this.#queue, partition, offset, key, value, headers }
        taken.push(this.#defects.record?.(record) ?? record)
      }
    })
    return taken
  }
}

async function probe({ queue }: Config, defects: SourceDefects): Promise<readonly string[]> {
  const found = queues.get(queue)
  if (found === undefined) throw defects.probeThrows?.() ?? new RetriableError('UNREACHABLE', `no queue ${queue}`)
  if (defects.probeReads === true) found[0]!.shift()
  defects.leaks?.(setInterval(() => undefined, 60_000))
  return ['memory']
}

export function memorySourcePlugin(defects: SourceDefects = {}): ConnectorPlugin {
  return {
    name: 'memory',
    description: 'Queues in memory, for tests.',
    source: sourceConnector<Config>({
      description: 'Reads a queue.',
      config: {
        type: 'object',
        required: ['queue'],
        properties: {
          queue: { type: 'string', minLength: 1, description: 'The queue to read.', examples: ['orders'] },
        },
      },
      create: (config) => new MemorySource(config, defects),
      probe: (config) => probe(config, defects),
      streams: ({ queue }) => [queue],
    }),
  }
}

export function memorySourceDriver(defects: SourceDefects = {}): SourceDriver {
  return {
    plugin: memorySourcePlugin(defects),
    options: () => {
      const queue = `queue-${made++}`
      queues.set(queue, [[], []])
      return Promise.resolve({ queue })
    },
    seed: (options, records) => {
      const partitions = queues.get(String(options['queue']))!
      for (const record of records) partitions[record.partition]!.push(record)
      return Promise.resolve()
    },
    unreachable: () => Promise.resolve({ queue: 'nowhere' }),
    cleanUp: ({ queue }) => {
      queues.delete(String(queue))
      return Promise.resolve()
    },
    carries: { keys: true, headers: true, tombstones: true, emptyValues: true, largestValueBytes: 1_000_000 },
    deadlineMs: 500,
  }
}

/** A source that keeps its own positions, as a consumer group does, and delivers a commit's result while it is polled. */
export function groupSourcePlugin(): ConnectorPlugin {
  const committed = new Map<string, Positions>()
  const { source, ...plugin } = memorySourcePlugin()
  return {
    ...plugin,
    source: sourceConnector<Config>({
      ...(source as unknown as ReturnType<typeof sourceConnector<Config>>),
      create: (config: Config) => {
        const inner = new MemorySource(config, {})
        let deliver: (() => void) | undefined
        const task: SourceTask<Config> = {
          start: (context) => inner.start({ ...context, positions: committed.get(config.queue) ?? [] }),
          poll: (limits, signal) => {
            deliver?.()
            return inner.poll(limits, signal)
          },
          stop: () => inner.stop(),
          commit: (positions) =>
            new Promise((resolve) => {
              deliver = () => {
                committed.set(config.queue, positions)
                resolve()
              }
            }),
        }
        return task
      },
    } as never),
  }
}
