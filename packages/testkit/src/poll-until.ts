import { setTimeout as delay } from 'node:timers/promises'

export interface PollOptions {
  /** How long to go on asking, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number
  /** The pause between two questions, in milliseconds. Default 50. */
  readonly intervalMs?: number
  /** What is waited for; stands in the error. */
  readonly what?: string
}

/**
 * Asks again and again until the answer is neither undefined nor false, and returns it.
 * The last error of `ask` is the cause of the error thrown at the deadline.
 */
export async function pollUntil<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  options: PollOptions = {},
): Promise<T> {
  const { timeoutMs = 30_000, intervalMs = 50, what = 'the condition' } = options
  const deadline = Date.now() + timeoutMs
  let cause: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (Date.now() >= deadline) throw new Error(`${what}: not so after ${timeoutMs} ms`, { cause })
    await delay(intervalMs)
  }
}
