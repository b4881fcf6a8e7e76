import type { Clock } from '@connect-run/core'
import type { ConsumerClient } from './consumer-client.ts'

export const ABANDONED = 'the connection to Kafka did not close in time and is abandoned'

/** Closes a client. False when it has not closed within the time, in milliseconds: it is left to do so by itself. */
export async function closeInTime(
  client: Pick<ConsumerClient, 'disconnect'>,
  timeoutMs: number,
  clock: Clock,
): Promise<boolean> {
  const closed = new AbortController()
  const tooLong = clock.sleep(timeoutMs, closed.signal).then(
    () => false,
    () => true,
  )
  try {
    return await Promise.race([client.disconnect().then(() => true), tooLong])
  } finally {
    closed.abort()
  }
}
