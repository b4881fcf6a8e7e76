import { hostname } from 'node:os'
import {
  EndOfSource,
  type PollLimits,
  type Positions,
  type RecordBatch,
  RetriableError,
  type SourceContext,
  type SourceTask,
} from '@connect-run/core'
import { brokerList } from './connection-config.ts'
import type { GroupMember } from './group-member.ts'
import { type InstanceSlot, takeInstanceSlot } from './instance-slot.ts'
import { SourceSession } from './source-session.ts'
import { type KafkaSourceConfig, type Member, anchoredPattern, consumerSettings } from './source-config.ts'
import type { ConsumerClient, ConsumerEvents } from './client/consumer-client.ts'
import type { ClientLibrary } from './client/connection.ts'
import { connecting } from './error-map.ts'
import { tellPath } from './packed-path.ts'
import { assertFeatures } from './required-features.ts'

const COMMIT_TIMEOUT_MS = 30_000
const DISCONNECT_TIMEOUT_MS = 10_000
const DEFAULT_SESSION_MS = 45_000

type Library = ClientLibrary<ConsumerClient, ConsumerEvents>

/** The addon is loaded by the first task that starts. */
async function loadConsumer(): Promise<Library> {
  return (await import('./client/rdkafka-consumer.ts')).consumerLibrary
}

/** Reads topics as one member of a consumer group. */
export class KafkaSourceTask implements SourceTask<KafkaSourceConfig> {
  readonly #load: () => Promise<Library>
  #session: SourceSession | undefined
  #slot: InstanceSlot | undefined
  #member: Member | undefined
  #farewell: (() => void) | undefined

  constructor(load: () => Promise<Library> = loadConsumer) {
    this.#load = load
  }

  async start(context: SourceContext<KafkaSourceConfig>): Promise<void> {
    const { config } = context
    const library = await this.#load()
    assertFeatures(config, library.features)
    tellPath(config, library, context.logger)
    const groupId = config.groupId ?? `connect-${context.worker}-${context.pipeline}`
    if (config.instanceId === undefined) this.#slot = await takeInstanceSlot(groupId)
    const member = (this.#member = memberOf(context, groupId, this.#slot))
    const brokers = brokerList(config.brokers)
    const session = await connecting(brokers, async () => {
      this.#session = new SourceSession(context, library, consumerSettings(config, member, context.latency))
      await this.#session.connect()
      return this.#session
    })
    const topics = config.topicPattern === undefined ? config.topics! : [anchoredPattern(config.topicPattern)]
    session.subscribe(topics)
    context.logger.info({ ...member, topics, brokers }, `joining the group ${groupId}`)
    if (member.instanceId !== undefined) this.#farewell = () => tellPlaceKept(context, member)
  }

  async poll(limits: PollLimits, signal: AbortSignal): Promise<RecordBatch> {
    const session = this.#running()
    const batch = await session.pump.poll(limits, signal)
    if (batch.length === 0 && batch.positions?.length === 0 && session.finished()) {
      throw new EndOfSource('everything before `endAt` was read')
    }
    return batch
  }

  async commit(positions: Positions): Promise<void> {
    const session = this.#running()
    const { clock } = session.context
    const waited = new AbortController()
    const late = clock.sleep(COMMIT_TIMEOUT_MS, waited.signal).then(() => {
      throw new RetriableError('TIMEOUT', `the group did not answer a commit within ${COMMIT_TIMEOUT_MS / 1000} s`)
    })
    late.catch(() => undefined)
    try {
      await Promise.race([session.commit(positions), late])
    } finally {
      waited.abort()
    }
  }

  transactionMember(): GroupMember {
    const session = this.#running()
    const { groupId, instanceId } = this.#member!
    return { groupId, instanceId, lend: (partitions, call) => session.lend(partitions, call) }
  }

  endPositions(): Promise<Positions> {
    return this.#running().endPositions()
  }

  async stop(): Promise<void> {
    try {
      await this.#session?.close(DISCONNECT_TIMEOUT_MS)
      this.#farewell?.()
    } finally {
      await this.#slot?.release()
    }
  }

  #running(): SourceSession {
    if (this.#session === undefined) throw new Error('the source has not been started')
    return this.#session
  }
}

/** A static member does not leave its group when it stops. */
function tellPlaceKept({ config, logger }: SourceContext<KafkaSourceConfig>, { groupId, instanceId }: Member): void {
  const seconds = Number(config.properties?.['session.timeout.ms'] ?? DEFAULT_SESSION_MS) / 1000
  logger.info(
    { groupId, instanceId },
    `${instanceId} keeps its place in the group for ${seconds} s; start again within it to resume at once`,
  )
}

function memberOf(context: SourceContext<KafkaSourceConfig>, groupId: string, slot: InstanceSlot | undefined): Member {
  const { config, worker, pipeline } = context
  const byHost = slot === undefined ? undefined : `${hostname()}-${slot.slot}`
  const instanceId = config.instanceId === '' ? undefined : (config.instanceId ?? byHost)
  return { groupId, clientId: config.clientId ?? `connect-${worker}-${pipeline}`, instanceId }
}
