import { ConnectError } from '../api/errors.ts'
import type { Clock } from '../api/task-context.ts'

/** How long a call may go on after everything was told to end at once, in milliseconds. */
const GRACE_MS = 5000

/**
 * Waits for what `wait` starts, but at most `ms` milliseconds and no longer than the signal lets it. Leaves no timer
 * behind, and nothing else if the wait ends by the signal that it is given.
 */
export async function within(
  wait: (over: AbortSignal) => Promise<unknown>,
  ms: number,
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  const over = new AbortController()
  const until = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal])
  try {
    await Promise.race([wait(over.signal), clock.sleep(ms, until).catch(() => undefined)])
  } finally {
    over.abort()
  }
}

/** Waits for a connector's call; rejects with `STOPPED` when it ignores for 5 s that everything must end at once. */
export async function unlessStuck<T>(call: Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  const ended = new AbortController()
  const stuck = async (): Promise<never> => {
    await aborted(AbortSignal.any([signal, ended.signal]))
    await clock.sleep(GRACE_MS, ended.signal)
    throw new ConnectError('STOPPED', `a call did not end within ${GRACE_MS / 1000} s of being told to`)
  }
  try {
    return await Promise.race([call, stuck()])
  } finally {
    ended.abort()
  }
}

export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
