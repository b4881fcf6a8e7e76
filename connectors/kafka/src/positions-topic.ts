import {
  ConnectError,
  type Clock,
  type Logger,
  type PartitionPosition,
  type Positions,
  RetriableError,
  packRecords,
} from '@connect-run/core'
import { closeInTime } from './client/close-in-time.ts'
import type { ClientLibrary } from './client/connection.ts'
import type { ConsumerClient, ConsumerEvents, Fetched } from './client/consumer-client.ts'
import type { OutgoingRecords } from './client/producer-client.ts'
import { brokerList } from './connection-config.ts'
import { connectError, connecting } from './error-map.ts'
import { clientSettings } from './librdkafka-settings.ts'
import { outgoing } from './outgoing.ts'
import { usesPacked } from './packed-path.ts'
import { sharedProperties } from './shared-properties.ts'
import type { KafkaSinkConfig, NewTopicConfig } from './sink-config.ts'

/** librdkafka's name for the beginning of a partition, where an offset stands. */
const OFFSET_BEGINNING = -2
/** All positions are in one partition, so that they are read in the order in which they were written. */
const PARTITION = 0
const FETCH = { maxRecords: 5000, maxBytes: 2 * 1024 * 1024, waitMs: 100, lingerMs: 0 }
/** How long the brokers may take to give anything, in milliseconds, … */
const SILENCE_MS = 30_000
/** … and the client to close. */
const CLOSE_MS = 10_000

export interface PositionsTopicParts {
  readonly config: KafkaSinkConfig
  readonly topic: string
  /** Whose positions these are: `<worker>-<pipeline>`. */
  readonly task: string
  readonly library: ClientLibrary<ConsumerClient, ConsumerEvents>
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * A compacted topic with the positions of one pipeline: key `[task, stream, partition]`, value the position; a
 * partition that has ended has none.
 */
export class PositionsTopic {
  readonly #parts: PositionsTopicParts

  constructor(parts: PositionsTopicParts) {
    this.#parts = parts
  }

  get name(): string {
    return this.#parts.topic
  }

  /** How it is made: small segments, as what is compacted is read only with the segment that is still written to. */
  get settings(): NewTopicConfig {
    const { createTopic } = this.#parts.config
    return {
      partitions: 1,
      replicationFactor: createTopic?.replicationFactor ?? -1,
      config: { 'cleanup.policy': 'compact', 'segment.bytes': 16_777_216, 'min.cleanable.dirty.ratio': 0.1 },
    }
  }

  /** The positions as records. */
  records(positions: Positions): OutgoingRecords {
    const { task } = this.#parts
    const rows = positions.map(({ stream, partition, position }, offset) => ({
      stream,
      partition,
      offset,
      timestamp: -1,
      key: Buffer.from(JSON.stringify([task, stream, partition])),
      value: position.ended === true ? null : Buffer.from(JSON.stringify(position)),
    }))
    const { topics } = outgoing(packRecords(rows), { fixed: this.name, render: () => this.name })
    return { ...topics[0]!.records, partition: PARTITION }
  }

  /**
   * What was committed last. To be called when no producer of this pipeline has a transaction open: an open one would
   * hide those committed after its first record.
   */
  async read(): Promise<Positions> {
    const { config, library, clock } = this.#parts
    const address = brokerList(config.brokers)
    return connecting(address, async () => {
      const consumer = library.open(this.#settings(), this.#events(), usesPacked(config, library))
      try {
        await consumer.connect(config.connectTimeout)
        return await this.#readAll(consumer)
      } finally {
        await closeInTime(consumer, CLOSE_MS, clock)
      }
    })
  }

  async #readAll(consumer: ConsumerClient): Promise<Positions> {
    const { clock, topic } = this.#parts
    const found = new Map<string, PartitionPosition>()
    const partition = { stream: topic, partition: PARTITION }
    const [end = 0] = await consumer.offsets([partition], 'latest', SILENCE_MS)
    consumer.assign([{ ...partition, offset: OFFSET_BEGINNING }])
    for (let heard = clock.monotonic(); clock.monotonic() - heard < SILENCE_MS;) {
      const fetched = await consumer.fetch(FETCH)
      if (fetched.errors.length > 0) throw connectError(fetched.errors[0]!, `can't read the positions in ${topic}`)
      if (fetched.batch.length > 0) heard = clock.monotonic()
      this.#take(fetched, found)
      // A broker that lags behind says too early that this is all.
      if (fetched.ends.some(({ offset }) => offset >= end)) return [...found.values()]
    }
    throw new RetriableError(
      'TIMEOUT',
      `the brokers gave nothing of the positions in ${topic} for ${SILENCE_MS / 1000} s`,
    )
  }

  #take({ batch }: Fetched, found: Map<string, PartitionPosition>): void {
    for (let row = 0; row < batch.length; row++) {
      const key = batch.rawKey(row)?.toString() ?? ''
      const value = batch.rawValue(row)
      const where = this.#partitionOf(key)
      if (value === null || value === undefined) found.delete(key)
      else found.set(key, { ...where, position: this.#positionOf(value.toString()) })
    }
  }

  #partitionOf(key: string): { stream: string; partition: number } {
    const [task, stream, partition] = parsed(key) as [unknown, unknown, unknown] | []
    if (typeof stream !== 'string' || !Number.isSafeInteger(partition)) throw this.#unreadable(`the key ${key}`)
    if (task === this.#parts.task) return { stream, partition: partition as number }
    throw new ConnectError('CONFIG_INVALID', `the topic ${this.name} holds positions of ${String(task)} as well`, {
      hint: 'Give each pipeline a `positionsTopic` of its own: an open transaction of one hides what another has committed.',
    })
  }

  #positionOf(text: string): PartitionPosition['position'] {
    const position = parsed(text) as Partial<PartitionPosition['position']>
    if (Number.isSafeInteger(position.offset)) return position as PartitionPosition['position']
    throw this.#unreadable(`the position ${text}`)
  }

  #unreadable(what: string): ConnectError {
    return new ConnectError('STATE_UNREADABLE', `can't understand ${what} in the topic ${this.name}`, {
      hint: 'Restore the topic, or delete it to go on from the positions of the state store.',
    })
  }

  #settings(): ReturnType<typeof clientSettings> {
    const { config, task } = this.#parts
    const properties = sharedProperties(config.properties)
    return clientSettings(
      { ...config, properties },
      {
        global: {
          'client.id': config.clientId ?? `connect-${task}`,
          'group.id': `connect-${task}`,
          'enable.auto.commit': false,
          'enable.partition.eof': true,
          'isolation.level': 'read_committed',
          'allow.auto.create.topics': false,
        },
        topic: { 'auto.offset.reset': 'earliest' },
      },
    )
  }

  #events(): ConsumerEvents {
    const { logger } = this.#parts
    return {
      assigned: () => undefined,
      revoked: () => undefined,
      error: (error) => logger.debug({ kafkaCode: error.code }, error.message),
      log: (level, text) => logger.debug({ level }, text),
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) ?? []
  } catch {
    return []
  }
}
