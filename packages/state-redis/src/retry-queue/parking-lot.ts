import type { ParkingLot, RedisStateConfig } from '@connect-run/core/runtime'
import { connectRedis } from '../connection.ts'
import { RetryQueue } from './retry-queue.ts'

/** How fast what a dead worker had in hand is found; for tests. */
export interface RetryTiming {
  /** A job whose worker has not been heard of for so long is free again, in milliseconds. */
  readonly lockMs: number
  /** How often such jobs are looked for, in milliseconds. */
  readonly stalledMs: number
  /** How often failed jobs and room without a job are looked for, in milliseconds. */
  readonly sweepMs: number
}

export const DEFAULT_TIMING: RetryTiming = { lockMs: 15_000, stalledMs: 5000, sweepMs: 10_000 }

/** Parks records in a BullMQ queue for each task, on connections of its own. */
export function createParkingLot(config: RedisStateConfig, timing: RetryTiming = DEFAULT_TIMING): ParkingLot {
  return {
    open: (request) =>
      new RetryQueue({
        ...request,
        config,
        timing,
        clients: {
          // Adding must fail at once where Redis is away: the record is then tried again in place.
          queue: connectRedis(config, {
            enableOfflineQueue: false,
            autoResendUnfulfilledCommands: false,
            maxRetriesPerRequest: 0,
            commandTimeout: 5000 + config.durability.timeoutMs,
          }),
          // BullMQ's worker waits, for as long as it takes.
          worker: connectRedis(config, { maxRetriesPerRequest: null }),
        },
      }),
  }
}
