import type { Clock } from '@connect-run/core'
import { closeInTime } from './client/close-in-time.ts'
import type { ClientLibrary } from './client/connection.ts'
import type { ConsumerClient, ConsumerEvents } from './client/consumer-client.ts'
import { isKafkaError } from './kafka-error.ts'
import type { ClientSettings } from './librdkafka-settings.ts'

/** librdkafka's name for the end of a partition, where an offset stands. */
const OFFSET_END = -1
const CONNECT_MS = 10_000
/** How long it waits for the group to answer: other members notice with their next heartbeat. */
const MEMBER_MS = 20_000
/** How long its client may take to close, which does so by itself otherwise. */
const CLOSE_MS = 10_000

export interface PassingMemberParts {
  readonly library: ClientLibrary<ConsumerClient, ConsumerEvents>
  /** Of the member that stays. */
  readonly settings: ClientSettings
  readonly topics: readonly string[]
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Joins a group and leaves it at once, reading nothing: after that, it has given all its partitions anew. */
export async function passThroughGroup({
  library,
  settings,
  topics,
  clock,
  signal,
}: PassingMemberParts): Promise<void> {
  const { 'group.instance.id': _, ...global } = settings.global
  const joined = new AbortController()
  const client: ConsumerClient = library.open(
    { ...settings, global },
    {
      assigned: (partitions) => {
        joined.abort()
        attempt(() => client.assign(partitions.map((it) => ({ ...it, offset: OFFSET_END }))))
      },
      revoked: (partitions) => attempt(() => client.unassign(partitions)),
      log: () => undefined,
      error: () => undefined,
    },
    false,
  )
  const until = clock.monotonic() + MEMBER_MS
  try {
    await client.connect(CONNECT_MS)
    client.subscribe(topics)
    const over = AbortSignal.any([joined.signal, signal])
    while (!over.aborted && clock.monotonic() < until) {
      await client.fetch({ maxRecords: 1, maxBytes: 1, waitMs: 100, lingerMs: 0 })
    }
  } finally {
    await closeInTime(client, CLOSE_MS, clock)
  }
}

/** The client may have lost the group meanwhile, and takes no answer then; it is about to leave. */
function attempt(answer: () => void): void {
  try {
    answer()
  } catch (error) {
    if (!isKafkaError(error)) throw error
  }
}
