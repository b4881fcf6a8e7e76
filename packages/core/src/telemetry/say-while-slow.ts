import type { Clock } from '../api/task-context.ts'

/** A call that takes longer is said, and again each time it has taken so long, in milliseconds. */
const SLOW_MS = 60_000

/** Says for how many seconds a call has not been answered, once a minute until it is. */
export async function sayWhileSlow(clock: Clock, answered: AbortSignal, say: (seconds: number) => void): Promise<void> {
  for (let seconds = SLOW_MS / 1000; ; seconds += SLOW_MS / 1000) {
    await clock.sleep(SLOW_MS, answered).catch(() => undefined)
    if (answered.aborted) return
    say(seconds)
  }
}
