import type { RetryConfig } from '../config/pipeline-config.ts'

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

/** Whether another attempt is allowed after `attempt` attempts over `elapsedMs` milliseconds. */
export function mayRetry(
  { maxAttempts, maxElapsedMs }: Pick<RetryConfig, 'maxAttempts' | 'maxElapsedMs'>,
  attempt: number,
  elapsedMs: number,
): boolean {
  return (maxAttempts === 0 || attempt < maxAttempts) && (maxElapsedMs === 0 || elapsedMs < maxElapsedMs)
}
