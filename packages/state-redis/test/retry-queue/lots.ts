import type { ParkedFate, ParkedRecord, ParkingSpace, RedisStateConfig } from '@connect-run/core/runtime'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { createParkingLot } from '../../src/retry-queue/parking-lot.ts'

export const LIMITS = { maxRecords: 1000, maxBytes: 1 << 20, maxAttempts: 0, initialDelayMs: 20, maxDelayMs: 100 }
/** As in production, but a dead worker's jobs are found at once. */
export const TIMING = { lockMs: 10_000, stalledMs: 200, sweepMs: 200 }

export function stateIn(port: number, changes: Partial<RedisStateConfig> = {}): RedisStateConfig {
  return {
    kind: 'redis',
    mode: 'single',
    hosts: [{ host: '127.0.0.1', port }],
    primary: undefined,
    database: 0,
    username: undefined,
    password: undefined,
    tls: undefined,
    sentinel: undefined,
    strict: false,
    leaseMs: 15_000,
    keyPrefix: 'connect-run',
    durability: { disk: true, replicas: 0, timeoutMs: 2000 },
    ...changes,
  }
}

export interface OpenLot {
  readonly space: ParkingSpace
  /** Offsets of what was handed out, in order. */
  readonly tried: number[]
  readonly handed: ParkedRecord[]
  readonly warnings: string[]
  /** How many records were handed out at a time. */
  readonly batches: number[]
}

type Answer = (record: ParkedRecord) => ParkedFate | Promise<ParkedFate>

/** Opens the space of a task; `answer` says what becomes of each record that is due. */
export function openLot(
  config: RedisStateConfig,
  answer: Answer = () => 'done',
  limits: Partial<typeof LIMITS> = {},
  task = 'w-p',
): OpenLot {
  const handed: ParkedRecord[] = []
  const tried: number[] = []
  const warnings: string[] = []
  const batches: number[] = []
  const silent = (): void => undefined
  const logger = {
    debug: silent,
    info: silent,
    error: silent,
    warn: (_: object, text: string) => void warnings.push(text),
  }
  const space = createParkingLot(config, TIMING).open({
    task,
    limits: { ...LIMITS, ...limits },
    logger,
    random: () => 0.5,
    retry: (records) => {
      batches.push(records.length)
      handed.push(...records)
      tried.push(...records.map(({ offset }) => offset))
      return Promise.all(records.map(async (record) => answer(record)))
    },
  })
  return { space, tried, handed, warnings, batches }
}

export function parked(offset: number, changes: Partial<ParkedRecord> = {}): ParkedRecord {
  return {
    stream: 'orders',
    partition: 3,
    offset,
    timestamp: 1_700_000_000_000 + offset,
    key: Buffer.from([0, 255, offset & 255]),
    value: Buffer.from(`{"n":${offset}}`),
    headers: [
      { key: 'h', value: Buffer.from([1, 2, 254]) },
      { key: 'none', value: null },
    ],
    attempts: 1,
    retries: 0,
    firstFailureMs: 1_700_000_000_500,
    ...changes,
  }
}

/** The queue of a task, as a tool from outside sees it. */
export async function lookInto<T>(port: number, look: (queue: Queue) => Promise<T>, task = 'w-p'): Promise<T> {
  const connection = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null })
  const queue = new Queue('retry', { connection, prefix: `connect-run:{${task}}`, skipVersionCheck: true })
  try {
    return await look(queue)
  } finally {
    await queue.close()
    connection.disconnect()
  }
}

/** Jobs that are there, in any state. */
export function jobsIn(port: number, task?: string): Promise<number> {
  return lookInto(
    port,
    async (queue) => {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'failed', 'completed')
      return Object.values(counts).reduce((sum, count) => sum + count, 0)
    },
    task,
  )
}
