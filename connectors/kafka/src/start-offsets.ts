import { type Clock, ConnectError, type Logger, type Partition, type Positions } from '@connect-run/core'
import type { Start } from './assignment.ts'
import type { ConsumerClient } from './client/consumer-client.ts'
import { isKafkaError } from './kafka-error.ts'
import { connectError, isPassing } from './error-map.ts'
import type { KafkaSourceConfig } from './source-config.ts'

const ASK_TIMEOUT_MS = 10_000
const RETRY_FIRST_MS = 200
const RETRY_MAX_MS = 5000

export interface StartParts {
  readonly client: ConsumerClient
  readonly config: KafkaSourceConfig
  readonly clock: Clock
  readonly logger: Logger
  readonly count: (metric: string, by?: number) => void
  /** Aborts the waiting for brokers that don't answer. */
  readonly signal: AbortSignal
  /** Whether the partition came into being after the task's start: `latest` must not skip what it got since. */
  readonly isNew: (partition: Partition) => boolean
}

/** The offsets that the brokers have of some partitions, in the same order. */
interface Range {
  readonly low: readonly number[]
  readonly high: readonly number[]
}

/** The positions that the group has of the partitions; none where it has none. Asks until the brokers answer. */
export async function groupPositions(partitions: readonly Partition[], parts: StartParts): Promise<Positions> {
  const committed = await asking(parts, () => parts.client.committed(partitions, ASK_TIMEOUT_MS))
  return partitions.flatMap((partition, i) => {
    const offset = committed[i]
    return offset === undefined ? [] : [{ ...partition, position: { offset } }]
  })
}

/**
 * Where to begin in partitions just assigned: at the first of the known positions, else where `startAt` says. Asks
 * until the brokers answer.
 */
export async function findStarts(
  partitions: readonly Partition[],
  known: Positions,
  parts: StartParts,
): Promise<Start[]> {
  const range = await askRange(partitions, parts)
  const first = await firstOffsets(partitions, range, parts)
  const ends = await findEnds(partitions, range, parts)
  return partitions.map((partition, i) => {
    const position = known.find((it) => it.stream === partition.stream && it.partition === partition.partition)
    const wanted = position?.position.offset
    const [low, high] = [range.low[i]!, range.high[i]!]
    if (wanted === undefined) return { ...first[i]!, end: ends[i] }
    // Beyond `high` is not missing yet: records of an open transaction may be there.
    if (wanted < low) return missing(partition, wanted, { low, high, end: ends[i] }, parts)
    return { stream: partition.stream, partition: partition.partition, offset: wanted, end: ends[i] }
  })
}

/**
 * The partitions whose next offset the brokers don't have, and where to go on in them. Retention removes at the
 * low end; only if nothing is missing there, a position beyond the end is taken for a topic created anew.
 */
export async function findMissing(
  positions: readonly (Partition & { readonly next: number; readonly end: number | undefined })[],
  parts: StartParts,
): Promise<Start[]> {
  const range = await askRange(positions, parts)
  const all = positions.map((owned, i) => ({ owned, low: range.low[i]!, high: range.high[i]! }))
  const removed = all.filter(({ owned, low }) => owned.next < low)
  const beyond = all.filter(({ owned, high }) => owned.next > high)
  return (removed.length > 0 ? removed : beyond).map(({ owned, low, high }) =>
    missing(owned, owned.next, { low, high, end: owned.end }, parts),
  )
}

/** The ends that `endAt` sets; undefined where it sets none or not yet. */
export async function findEnds(
  partitions: readonly Partition[],
  range: { readonly high: readonly number[] } | undefined,
  parts: StartParts,
): Promise<(number | undefined)[]> {
  const { client, config, clock } = parts
  const { endAt } = config
  if (endAt === undefined) return partitions.map(() => undefined)
  // Partitions that a list of offsets leaves out are not read.
  if (typeof endAt !== 'string') return partitions.map(({ stream, partition }) => endAt[stream]?.[partition] ?? 0)
  const atOrAfterMs = Date.parse(endAt)
  if (atOrAfterMs > clock.now()) return partitions.map(() => undefined)
  const found = await asking(parts, () => client.offsets(partitions, { atOrAfterMs }, ASK_TIMEOUT_MS))
  const { high } = range ?? (await askRange(partitions, parts))
  return found.map((offset, i) => offset ?? high[i]!)
}

async function askRange(partitions: readonly Partition[], parts: StartParts): Promise<Range> {
  const { client } = parts
  const low = await asking(parts, () => client.offsets(partitions, 'earliest', ASK_TIMEOUT_MS))
  const high = await asking(parts, () => client.offsets(partitions, 'latest', ASK_TIMEOUT_MS))
  return { low: low.map((offset) => offset ?? 0), high: high.map((offset) => offset ?? 0) }
}

async function firstOffsets(partitions: readonly Partition[], range: Range, parts: StartParts): Promise<Start[]> {
  const { client, config } = parts
  const at = (offset: (i: number) => number, settled: boolean): Start[] =>
    partitions.map(({ stream, partition }, i) => ({ stream, partition, offset: offset(i), settled }))
  if (config.startAt === 'earliest') return at((i) => range.low[i]!, false)
  if (config.startAt === 'latest') {
    return at((i) => (parts.isNew(partitions[i]!) ? range.low[i]! : range.high[i]!), true)
  }
  const query = { atOrAfterMs: Date.parse(config.startAt) }
  const found = await asking(parts, () => client.offsets(partitions, query, ASK_TIMEOUT_MS))
  return at((i) => found[i] ?? range.high[i]!, true)
}

function missing(
  { stream, partition }: Partition,
  wanted: number,
  { low, high, end }: { low: number; high: number; end: number | undefined },
  { config, logger, count }: StartParts,
): Start {
  const to = config.onMissingOffset === 'latest' ? high : low
  const what =
    wanted < low
      ? `${low - wanted} records of ${stream}/${partition} were removed by retention before they were read`
      : `position ${wanted} of ${stream}/${partition} is beyond its end ${high}: the topic was created anew or cut`
  if (config.onMissingOffset === 'fail') {
    throw new ConnectError('OFFSET_MISSING', what, {
      hint: 'Reset the group (kafka-consumer-groups --reset-offsets), or set `onMissingOffset: earliest` or `latest`.',
    })
  }
  const lost = Math.max(0, to - wanted)
  logger.warn({ stream, partition, wanted, earliest: low, latest: high, goOnAt: to, lost }, `${what}; goes on at ${to}`)
  count('offsets_lost_total', lost)
  return { stream, partition, offset: to, settled: true, end }
}

/** Asks again while the failure is one that passes. */
async function asking<T>(parts: StartParts, ask: () => Promise<T>): Promise<T> {
  for (let wait = RETRY_FIRST_MS; ; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
    parts.signal.throwIfAborted()
    try {
      return await ask()
    } catch (error) {
      if (!isKafkaError(error)) throw error
      if (!isPassing(error)) throw connectError(error, "can't ask for offsets")
    }
    await parts.clock.sleep(wait, parts.signal)
  }
}
