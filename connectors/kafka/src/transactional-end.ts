import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { ConnectError, type Logger, type Positions, type RecoverRequest, type SinkContext } from '@connect-run/core'
import type { ClientLibrary } from './client/connection.ts'
import type { ConsumerClient, ConsumerEvents } from './client/consumer-client.ts'
import type { ProducerClient } from './client/producer-client.ts'
import { type GroupMember, isGroupMember } from './group-member.ts'
import { type InstanceSlot, takeInstanceSlot } from './instance-slot.ts'
import { PositionsTopic } from './positions-topic.ts'
import type { KafkaSinkConfig } from './sink-config.ts'
import { TopicCreation } from './topic-creation.ts'
import { Transactions } from './transactions.ts'

/** The name of a producer in transactions, and what keeps others on this host from taking it. */
export interface TransactionalId {
  readonly id: string
  readonly slot: InstanceSlot | undefined
}

/**
 * Where one worker at a time runs the pipeline, always the same: each start shuts the producer before it out. Where
 * workers share it, a name for each that a restart finds again: the group shuts out those that it has expelled.
 */
export async function takeTransactionalId(context: SinkContext<KafkaSinkConfig>): Promise<TransactionalId> {
  const { config, worker, pipeline, exactlyOnce } = context
  const given = config.transactionalId === undefined ? undefined : config.transactionalId + replaySuffix(context)
  const name = given ?? `connect-${worker}-${pipeline}`
  if (exactlyOnce?.member === undefined) return { id: name, slot: undefined }
  const slot = await takeInstanceSlot(`transactions of ${name}`)
  return { id: `${name}-${hostname()}-${slot?.slot ?? randomUUID()}`, slot }
}

/** A replay has names of its own, as the pipeline may be running; those that are made of its name have them anyway. */
function replaySuffix({ exactlyOnce }: SinkContext<KafkaSinkConfig>): string {
  return exactlyOnce?.isReplay === true ? '-replay' : ''
}

export interface TransactionalEndParts {
  readonly context: SinkContext<KafkaSinkConfig>
  readonly client: ProducerClient
  /** What reads the positions topic. */
  readonly consumers: () => Promise<ClientLibrary<ConsumerClient, ConsumerEvents>>
}

/** Keeps positions in transactions: those of a group, or those in a topic of their own. */
export class TransactionalEnd {
  readonly transactions: Transactions
  readonly #parts: TransactionalEndParts
  #topic: PositionsTopic | undefined

  constructor(parts: TransactionalEndParts) {
    const { client, context } = parts
    this.#parts = parts
    this.transactions = new Transactions(client.transactions, context.clock, context.signal)
  }

  /** The group keeps the positions. */
  get isGroups(): boolean {
    return this.#parts.context.exactlyOnce?.member !== undefined
  }

  /** Shuts the producer before it out, then says where that has ended. Nobody else may run the pipeline by then. */
  async recover({ stored }: RecoverRequest): Promise<Positions> {
    const { client, context, consumers } = this.#parts
    const { config, worker, pipeline, clock, logger } = context
    const task = `${worker}-${pipeline}`
    const given = config.positionsTopic === undefined ? undefined : config.positionsTopic + replaySuffix(context)
    const name = given ?? `connect-${task}-positions`
    const topic = new PositionsTopic({ config, topic: name, task, library: await consumers(), clock, logger })
    const isNew = await new TopicCreation(client, topic.settings, logger).ensure([name])
    await this.transactions.init()
    this.#topic = topic
    if (isNew) tellMissing(name, stored, logger)
    return isNew ? [] : topic.read()
  }

  /** Ends the transaction with these positions. */
  async commit(positions: Positions): Promise<void> {
    await this.transactions.commit(() => (this.isGroups ? this.#addOffsets(positions) : this.#addRecords(positions)))
  }

  async #addOffsets(positions: Positions): Promise<void> {
    const { client, context } = this.#parts
    const member = this.#member(context.exactlyOnce?.member?.())
    const offsets = positions.map(({ stream, partition, position }) => ({ stream, partition, offset: position.offset }))
    await this.transactions.addOffsets((timeoutMs) =>
      member.lend(positions, (consumer) => client.transactions.sendOffsets(offsets, consumer, timeoutMs)),
    )
  }

  async #addRecords(positions: Positions): Promise<void> {
    const { client, context } = this.#parts
    const topic = this.#topic!
    await this.transactions.send(topic.name, () => client.send(topic.name, topic.records(positions), context.signal))
  }

  #member(lent: unknown): GroupMember {
    if (!isGroupMember(lent)) throw this.transactions.fail(notLent(), '')
    if (lent.instanceId === undefined) throw this.transactions.fail(notStatic(lent.groupId), '')
    return lent
  }
}

function tellMissing(name: string, stored: Positions, logger: Logger): void {
  if (stored.length === 0) return
  const hint = 'If it was deleted after a crash, compare the end of what was written with the positions.'
  logger.warn(
    { hint, positions: stored.length },
    `there was no topic ${name}; goes on from the positions of the state store`,
  )
}

function notLent(): ConnectError {
  return new ConnectError(
    'PLUGIN_INVALID',
    'the source states that it keeps its positions in Kafka, and lends no member',
  )
}

function notStatic(groupId: string): ConnectError {
  return new ConnectError('CONFIG_INVALID', `\`exactly-once\` needs a static member of the group ${groupId}`, {
    hint: 'Set `instanceId` at the source: on this system none is chosen by itself.',
  })
}
