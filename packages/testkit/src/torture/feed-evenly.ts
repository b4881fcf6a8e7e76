import { setTimeout as delay } from 'node:timers/promises'

const TICK_MS = 100

export interface Load {
  readonly records: number
  /** In milliseconds. */
  readonly forMs: number
  /** Ends it early. */
  readonly signal?: AbortSignal
}

/** Has so many records sent, `count` at a time, evenly over the time. */
export async function feedEvenly(
  { records, forMs, signal }: Load,
  send: (count: number) => Promise<void>,
): Promise<void> {
  const begin = performance.now()
  for (let sent = 0; sent < records;) {
    if (signal?.aborted === true) return
    const due = Math.min(records, Math.ceil((records * (performance.now() - begin + TICK_MS)) / forMs))
    await send(due - sent)
    sent = due
    await delay(TICK_MS)
  }
}
