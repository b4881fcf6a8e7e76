import { ConnectError, type Partition, type Positions, type RecordBatch, type SourceContext } from '@connect-run/core'
import { Assignment, type Start, isFinished } from './assignment.ts'
import { BrokerWatch } from './broker-watch.ts'
import { brokerList } from './connection-config.ts'
import { ABANDONED, closeInTime } from './client/close-in-time.ts'
import type { ClientLibrary } from './client/connection.ts'
import type { ConsumerClient, ConsumerEvents, Fetched } from './client/consumer-client.ts'
import { KafkaError, isKafkaError } from './kafka-error.ts'
import { connectError, explaining, isPassing } from './error-map.ts'
import type { ClientSettings } from './librdkafka-settings.ts'
import { OrphanWatch } from './orphan-watch.ts'
import { passThroughGroup } from './passing-member.ts'
import { Pump } from './pump.ts'
import { Rebalancer } from './rebalancer.ts'
import { compressionMissing } from './required-features.ts'
import { usesPacked } from './packed-path.ts'
import { type KafkaSourceConfig, fetchLingerMs } from './source-config.ts'
import { type StartParts, findEnds, findMissing, findStarts, groupPositions } from './start-offsets.ts'
import { TopicWatch } from './topic-watch.ts'

const ASK_TIMEOUT_MS = 10_000
const PROBE_TIMEOUT_MS = 2000
/** What the group answers to positions of who was its member before it gave its partitions anew. */
const OLD_GENERATION = 22
/** How often partitions that should flow and don't are looked at. */
const STALL_CHECK_MS = 30_000
/** How often all topics are listed for the orphan watch: large clusters have many. */
const LIST_MS = 60_000

/** One connection to the group, from `connect` to `close`: wires its parts and says what their events mean. */
export class SourceSession {
  readonly context: SourceContext<KafkaSourceConfig>
  readonly pump: Pump
  readonly #client: ConsumerClient
  readonly #features: readonly string[]
  /** Whether no error of a fetch is lost. */
  readonly #packed: boolean
  readonly #assignment = new Assignment()
  readonly #rebalancer: Rebalancer
  readonly #brokers: BrokerWatch
  readonly #topics: TopicWatch
  /** Undefined where the member is not static: then its return has the group assign anew. */
  readonly #orphans: OrphanWatch | undefined
  #subscribed: readonly string[] = []
  /** All partitions of the topics, for the orphan watch. */
  #listed: readonly Partition[] = []
  #listAgain = 0
  readonly #closing = new AbortController()
  #connected = false
  #lastCommit: Promise<void> = Promise.resolve()
  #checkedAt = 0
  #probes = 0
  #stalled = new Map<Partition, number>()

  constructor(
    context: SourceContext<KafkaSourceConfig>,
    library: ClientLibrary<ConsumerClient, ConsumerEvents>,
    settings: ClientSettings,
  ) {
    const { clock, logger, config, latency } = context
    this.context = context
    this.#features = library.features
    this.#packed = usesPacked(config, library)
    this.#client = library.open(settings, this.#events(), this.#packed)
    const client = this.#client
    this.#topics = new TopicWatch({ config, clock, logger, list: () => client.topics(ASK_TIMEOUT_MS) })
    this.#brokers = new BrokerWatch({
      brokers: brokerList(config.brokers),
      clock,
      logger,
      probe: () => this.#probe(),
    })
    this.pump = new Pump({
      clock,
      lingerMs: fetchLingerMs[latency],
      fetch: (limits) => client.fetch(limits),
      take: (fetched) => this.#take(fetched),
      committing: () => client.committing,
      pauseAll: () => client.pause(this.#assignment.all()),
      resumeAll: () => client.resume(this.#assignment.all().filter((owned) => !isFinished(owned))),
      failed: (error) => this.#fetchFailed(error),
      tick: () => this.#tick(),
    })
    this.#orphans = this.#orphanWatch(library, settings)
    this.#rebalancer = new Rebalancer({
      context,
      client,
      assignment: this.#assignment,
      pump: this.pump,
      findStarts: (partitions) => this.#findStarts(partitions),
    })
  }

  async connect(): Promise<void> {
    await this.#client.connect(this.context.config.connectTimeout)
    this.#connected = true
    await this.#topics.learn()
  }

  async lend<T>(partitions: readonly Partition[], call: (consumer: unknown) => Promise<T>): Promise<T> {
    const gone = partitions.find((partition) => !this.#rebalancer.mayCommit(partition))
    if (gone === undefined) return this.#client.lend(call)
    throw new KafkaError(OLD_GENERATION, `${gone.stream}/${gone.partition} was given up`, false, gone)
  }

  subscribe(topics: readonly string[]): void {
    this.#subscribed = topics
    this.#client.subscribe(topics)
    this.#checkedAt = this.context.clock.monotonic()
    this.pump.start()
  }

  /**
   * One at a time, each after the last one's answer, also where nobody waits for that any more: the client repeats a
   * commit that the brokers did not take, and must not do so after a later one.
   */
  commit(positions: Positions): Promise<void> {
    const next = this.#lastCommit.then(() => this.#commit(positions))
    this.#lastCommit = next.catch(() => undefined)
    return next
  }

  async #commit(positions: Positions): Promise<void> {
    const mine = positions.filter((position) => this.#rebalancer.mayCommit(position))
    if (mine.length === 0) return
    const offsets = mine.map(({ stream, partition, position }) => ({ stream, partition, offset: position.offset }))
    await explaining("can't commit positions to the group", () => this.#client.commit(offsets))
    this.#brokers.answered()
  }

  /** Ends of what is assigned; before that is known, of all partitions of the topics, once there are any. */
  async endPositions(): Promise<Positions> {
    const assigned = this.#assignment.all()
    const partitions = assigned.length > 0 ? assigned : await this.#topics.waitForPartitions(this.#closing.signal)
    const ask = (): Promise<(number | undefined)[]> => this.#client.offsets(partitions, 'latest', ASK_TIMEOUT_MS)
    const ends = await explaining("can't ask for the ends of the partitions", ask)
    return partitions.map(({ stream, partition }, i) => {
      const wanted = this.#assignment.get({ stream, partition })?.end
      return { stream, partition, position: { offset: Math.min(ends[i] ?? 0, wanted ?? Infinity) } }
    })
  }

  /** Whether `endAt` was reached in everything that this consumer has. */
  finished(): boolean {
    if (this.context.config.endAt === undefined) return false
    const owned = this.#assignment.all()
    return owned.length > 0 && owned.every(isFinished) && this.pump.isEmpty
  }

  async close(timeoutMs: number): Promise<void> {
    const { clock, logger } = this.context
    this.#closing.abort(new ConnectError('STOPPED', 'the source is stopping'))
    await this.#orphans?.stop()
    await this.#rebalancer.stop()
    if (this.#connected) await this.pump.stop()
    if (!(await closeInTime(this.#client, timeoutMs, clock))) logger.warn({ timeoutMs }, ABANDONED)
  }

  #events(): ConsumerEvents {
    const { logger } = this.context
    return {
      assigned: (partitions) => this.#rebalancer.assigned(partitions),
      revoked: (partitions) => this.#rebalancer.revoked(partitions),
      log: (level, text) => logger.debug({ level }, text),
      error: (error) => {
        this.#brokers.failed(error)
        if (error.fatal) this.pump.fail(connectError(error, 'the consumer can no longer be used'))
      },
    }
  }

  #take(fetched: Fetched): RecordBatch {
    const batch = this.#assignment.take(fetched)
    const late = this.#assignment.takeLate()
    if (late > 0) this.context.count('records_late_total', late)
    if (this.context.config.endAt !== undefined && batch.positions !== null) {
      this.#client.pause(batch.positions.filter((position) => isFinished(this.#assignment.get(position)!)))
    }
    return batch
  }

  #orphanWatch(
    library: ClientLibrary<ConsumerClient, ConsumerEvents>,
    settings: ClientSettings,
  ): OrphanWatch | undefined {
    if (settings.global['group.instance.id'] === undefined) return undefined
    const { clock, logger } = this.context
    const others = (): Promise<Partition[]> => this.#others()
    const nudge = (signal: AbortSignal): Promise<void> =>
      passThroughGroup({ library, settings, topics: this.#subscribed, clock, signal })
    return new OrphanWatch({ client: this.#client, clock, logger, others, nudge })
  }

  /** Partitions of the topics that are not this consumer's, once the group has answered. */
  async #others(): Promise<Partition[]> {
    if (!this.#rebalancer.hasAssignment) return []
    const now = this.context.clock.monotonic()
    if (now >= this.#listAgain) {
      this.#listed = await this.#topics.partitions()
      this.#listAgain = now + LIST_MS
    }
    return this.#listed.filter((it) => this.#assignment.get(it) === undefined)
  }

  /**
   * Asks for one partition after the other, for their brokers differ. Without partitions there is nothing cheap to ask;
   * their assignment will show that the brokers are back.
   */
  #probe(): Promise<unknown> | undefined {
    const owned = this.#assignment.all()
    const next = owned[this.#probes++ % owned.length]
    return next === undefined ? undefined : this.#client.offsets([next], 'latest', PROBE_TIMEOUT_MS)
  }

  async #findStarts(partitions: readonly Partition[]): ReturnType<typeof findStarts> {
    const parts = this.#startParts()
    const stored = await groupPositions(partitions, parts)
    const recovered = await this.context.assigned(partitions, stored)
    const starts = await findStarts(partitions, [...recovered, ...stored], parts)
    this.#brokers.answered()
    return starts
  }

  #startParts(): StartParts {
    const { config, clock, logger } = this.context
    return {
      client: this.#client,
      config,
      clock,
      logger,
      count: (metric, by) => this.context.count(metric, by),
      signal: this.#closing.signal,
      isNew: (partition) => this.#topics.isNew(partition),
    }
  }

  #fetchFailed(error: unknown): void {
    if (!isKafkaError(error)) throw error
    const { code } = error
    if (code === -140) return this.#rebalancer.enqueue(() => this.#moveFromMissing(error.partition))
    if (code === -147) return this.#expelled(error)
    if (code === 3) return this.#topics.look()
    if (code === -170) throw compressionMissing(this.#features)
    if (!isPassing(error)) throw connectError(error, "can't read")
    this.context.logger.debug({ kafkaCode: code }, error.message)
  }

  #expelled(error: KafkaError): void {
    this.#rebalancer.expelled()
    const hint = 'Raise `max.poll.interval.ms` in `properties`, or find what blocks this process.'
    this.context.logger.warn({ hint }, `expelled from the group: ${error.message}; joining again`)
  }

  #tick(): void {
    this.#brokers.tick()
    this.#orphans?.tick()
    const { clock } = this.context
    if (clock.monotonic() - this.#checkedAt < STALL_CHECK_MS) return
    this.#checkedAt = clock.monotonic()
    if (this.context.config.endAt !== undefined) this.#rebalancer.enqueue(() => this.#learnEnds())
    // The published call drops an error that follows records, and a partition whose position is gone says so only once.
    if (!this.#packed && this.#anyStalled()) this.#rebalancer.enqueue(() => this.#moveFromMissing())
  }

  /** Whether a partition that has more to give gave nothing since the last time. */
  #anyStalled(): boolean {
    const owned = this.pump.paused ? [] : this.#assignment.all()
    const waiting = owned.filter((it) => !it.atEnd && !isFinished(it))
    const stalled = waiting.some((it) => this.#stalled.get(it) === it.next)
    this.#stalled = new Map(waiting.map((it) => [it, it.next]))
    return stalled
  }

  /** Goes on elsewhere where the next record is gone, and anew in the partition that librdkafka has given up. */
  async #moveFromMissing(stopped?: Partition): Promise<void> {
    const waiting = this.#assignment.all().filter((owned) => !owned.atEnd && !isFinished(owned))
    const missing = waiting.length === 0 ? [] : await findMissing(waiting, this.#startParts())
    await this.#rebalancer.move(() => [...missing, ...this.#again(stopped, missing)])
  }

  #again(stopped: Partition | undefined, moved: readonly Start[]): readonly Start[] {
    const owned = stopped === undefined ? undefined : this.#assignment.get(stopped)
    if (owned === undefined || moved.some((start) => this.#assignment.get(start) === owned)) return []
    const { stream, partition, next, end } = owned
    return [{ stream, partition, offset: next, end }]
  }

  /** `endAt` may be a time that was still to come when the partitions were assigned. */
  async #learnEnds(): Promise<void> {
    const open = this.#assignment.all().filter((owned) => owned.end === undefined)
    if (open.length === 0) return
    const ends = await findEnds(open, undefined, this.#startParts())
    open.forEach((owned, i) => (owned.end = ends[i]))
  }
}
