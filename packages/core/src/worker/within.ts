import type { Clock } from '../api/task-context.ts'

/** Waits for the promise, but at most `ms` milliseconds and no longer than the signal lets it; leaves no timer behind. */
export async function within(promise: Promise<unknown>, ms: number, clock: Clock, signal?: AbortSignal): Promise<void> {
  const over = new AbortController()
  const until = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal])
  try {
    await Promise.race([promise, clock.sleep(ms, until).catch(() => undefined)])
  } finally {
    over.abort()
  }
}
