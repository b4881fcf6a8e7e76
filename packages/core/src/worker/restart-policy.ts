import { errorKind, isConnectError } from '../api/errors.ts'
import type { ErrorCode } from '../api/error-codes.ts'
import type { RestartConfig } from '../config/pipeline-config.ts'
import { backoffMs } from '../delivery/backoff.ts'

/** A restart would meet the same again until somebody changes something. */
const PERMANENT: ReadonlySet<ErrorCode> = new Set([
  'CONFIG_INVALID',
  'CONFIG_VARIABLE',
  'CONNECTOR_UNKNOWN',
  'PLUGIN_INVALID',
  'FEATURE_MISSING',
  'STATE_UNREADABLE',
  'STATE_UNSAFE',
  'OFFSET_MISSING',
  'DEAD_LETTER_LIMIT',
])

export interface RestartPolicy {
  /** Pause before the next restart in milliseconds, or undefined: the pipeline is given up. */
  next(error: unknown, ranMs: number): number | undefined
}

/** Counts restarts in a row; a task that ran well for long enough has recovered. */
export function restartPolicy(config: RestartConfig, random: () => number): RestartPolicy {
  let restarts = 0
  let fenced = 0
  return {
    next(error, ranMs) {
      if (isPermanent(error)) return undefined
      // It has not failed: it stands by from now on.
      if (isConnectError(error) && error.code === 'STATE_FENCED') return 0
      if (ranMs >= config.resetAfterMs) restarts = fenced = 0
      // Nor has this one: its partitions or its transactions are another worker's, and may come back.
      if (isConnectError(error) && error.code === 'FENCED' && config.maxRestarts > 0) {
        return backoffMs(config, ++fenced, random)
      }
      if (restarts >= config.maxRestarts) return undefined
      restarts++
      return backoffMs(config, restarts, random)
    },
  }
}

/** A poison record under `tolerance: none`, or a configuration that can't work. */
function isPermanent(error: unknown): boolean {
  return errorKind(error) === 'record' || (isConnectError(error) && PERMANENT.has(error.code))
}
