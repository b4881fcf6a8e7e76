import type { RetriableError } from '../api/errors.ts'
import type { RetryConfig } from '../config/pipeline-config.ts'

/** However long the other side asks to be left alone, it is asked again after this, in milliseconds. */
const LONGEST_ASKED_MS = 300_000

/**
 * Pause before attempt `attempt + 1` in milliseconds: full jitter, that is anything up to an exponentially growing
 * bound, so that many workers do not come back together. `attempt` counts from 1.
 */
export function backoffMs(
  { initialDelayMs, maxDelayMs }: Pick<RetryConfig, 'initialDelayMs' | 'maxDelayMs'>,
  attempt: number,
  random: () => number,
): number {
  const bound = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(attempt - 1, 30))
  return Math.ceil(random() * bound)
}

/** The pause that the other side has asked for, in milliseconds: the backoff comes on top of it. 0: none. */
export function askedMs({ retryAfterMs = 0 }: Pick<RetriableError, 'retryAfterMs'>): number {
  return Math.min(Math.max(0, retryAfterMs), LONGEST_ASKED_MS)
}

/** Whether another attempt is allowed after `attempt` attempts over `elapsedMs` milliseconds. */
export function mayRetry(
  { maxAttempts, maxElapsedMs }: Pick<RetryConfig, 'maxAttempts' | 'maxElapsedMs'>,
  attempt: number,
  elapsedMs: number,
): boolean {
  return (maxAttempts === 0 || attempt < maxAttempts) && (maxElapsedMs === 0 || elapsedMs < maxElapsedMs)
}
