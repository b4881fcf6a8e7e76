import type { Clock } from '@connect-run/core'
import type { ClientLibrary } from './client/connection.ts'
import type { ConsumerClient, ConsumerEvents } from './client/consumer-client.ts'
import type { ClientSettings } from './librdkafka-settings.ts'

/** librdkafka's name for the end of a partition, where an offset stands. */
const OFFSET_END = -1
const CONNECT_MS = 10_000
/** How long it waits for the group to answer: other members notice with their next heartbeat. */
const MEMBER_MS = 20_000

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
        client.assign(partitions.map(({ stream, partition }) => ({ stream, partition, offset: OFFSET_END })))
      },
      revoked: (partitions) => client.unassign(partitions),
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
    await client.disconnect()
  }
}
