import type { Clock, Latency, Logger, Partition, Positions, SinkContext, SourceContext } from '@connect-run/core'
import { systemClock } from '@connect-run/core/runtime'

export interface LogEntry {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: object
  readonly message: string
}

/** Prints nothing and keeps everything. */
export interface RecordingLogger extends Logger {
  readonly entries: readonly LogEntry[]
}

export function recordingLogger(): RecordingLogger {
  const entries: LogEntry[] = []
  const at =
    (level: LogEntry['level']) =>
    (fields: object, message: string): void => {
      entries.push({ level, fields, message })
    }
  return { entries, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** A clock that stands still until it is told to go on. */
export interface FakeClock extends Clock {
  /** How many calls of `sleep` have not ended. */
  readonly sleeping: number
  /** Goes on by so many milliseconds and wakes sleepers at their time, one after the other. */
  advance(ms: number): Promise<void>
}

interface Sleeper {
  readonly due: number
  wake(): void
}

/** `start`: milliseconds since 1970. */
export function fakeClock(start = 1_700_000_000_000): FakeClock {
  let now = start
  const sleepers = new Set<Sleeper>()
  const earliest = (limit: number): Sleeper | undefined =>
    [...sleepers].filter((sleeper) => sleeper.due <= limit).sort((a, b) => a.due - b.due)[0]
  return {
    now: () => now,
    monotonic: () => now - start,
    get sleeping() {
      return sleepers.size
    },
    sleep: (ms, signal) =>
      new Promise<void>((resolve, reject) => {
        if (signal?.aborted === true) return reject(signal.reason as Error)
        const leave = (): void => {
          sleepers.delete(sleeper)
          signal?.removeEventListener('abort', abort)
        }
        const sleeper: Sleeper = {
          due: now + ms,
          wake: () => {
            leave()
            resolve()
          },
        }
        const abort = (): void => {
          leave()
          reject(signal?.reason as Error)
        }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', abort)
      }),
    advance: async (ms) => {
      const end = now + ms
      for (let next = earliest(end); next !== undefined; next = earliest(end)) {
        now = Math.max(now, next.due)
        next.wake()
        // What the sleeper does next may sleep again before the end.
        await new Promise((resolve) => setImmediate(resolve))
      }
      now = end
    },
  }
}

export interface TestContextOptions<Config> {
  readonly config: Config
  /** Default `worker`. */
  readonly worker?: string
  /** Default `pipeline`. */
  readonly pipeline?: string
  /** Default: one that never aborts. */
  readonly signal?: AbortSignal
  /** Default the machine's. */
  readonly clock?: Clock
  /** Default `balanced`. */
  readonly latency?: Latency
  /** Default: always 0.5. */
  readonly random?: () => number
  /** Default: none. */
  readonly positions?: Positions
  /** Default false. */
  readonly once?: boolean
  readonly streams?: readonly string[]
  /** What `assigned` resolves with: positions that the sink holds. Default: none. */
  readonly sinkPositions?: Positions
}

/** Serves as the context of a source and of a sink, and keeps what the task did with it. */
export interface TestContext<Config> extends SourceContext<Config>, SinkContext<Config> {
  readonly logger: RecordingLogger
  /** Counted events by metric. */
  readonly counts: ReadonlyMap<string, number>
  /** Calls of `assigned`, `revoking` and `lost`, in order. */
  readonly ownership: readonly OwnershipCall[]
}

export interface OwnershipCall {
  readonly call: 'assigned' | 'revoking' | 'lost'
  readonly partitions: readonly Partition[]
}

/** What the runtime would lend a task. */
export function testContext<Config>(options: TestContextOptions<Config>): TestContext<Config> {
  const { config, worker = 'worker', pipeline = 'pipeline', clock = systemClock, random = () => 0.5 } = options
  const {
    signal = new AbortController().signal,
    latency = 'balanced',
    positions = [],
    once = false,
    streams,
    sinkPositions = [],
  } = options
  const counts = new Map<string, number>()
  const ownership: OwnershipCall[] = []
  return {
    config,
    worker,
    pipeline,
    clock,
    latency,
    random,
    signal,
    positions,
    once,
    streams,
    counts,
    ownership,
    logger: recordingLogger(),
    count: (metric, by = 1) => {
      counts.set(metric, (counts.get(metric) ?? 0) + by)
    },
    assigned: (partitions) => {
      ownership.push({ call: 'assigned', partitions })
      return Promise.resolve(sinkPositions)
    },
    revoking: (partitions) => {
      ownership.push({ call: 'revoking', partitions })
      return Promise.resolve()
    },
    lost: (partitions) => {
      ownership.push({ call: 'lost', partitions })
    },
  }
}
