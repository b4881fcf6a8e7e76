import type { ConfigIssue, Latency, ObjectSchema } from '@connect-run/core'
import { type ConnectionConfig, checkConnection, connectionOptions } from './connection-config.ts'
import { type ClientSettings, OWNED_BY_CONNECTION, clientSettings } from './librdkafka-settings.ts'
import { topicProblem } from './topic-template.ts'

export interface NewTopicConfig {
  readonly partitions: number
  readonly replicationFactor: number
  readonly config?: Readonly<Record<string, string | number | boolean>>
}

export interface KafkaSinkConfig extends ConnectionConfig {
  readonly topic: string
  readonly compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  readonly partitioner: string
  readonly linger?: number
  readonly maxRequestSize: number
  readonly deliveryTimeout: number
  readonly createTopic?: NewTopicConfig
  readonly transactionalId?: string
  readonly transactionTimeout: number
  readonly positionsTopic?: string
}

export const sinkSchema: ObjectSchema<KafkaSinkConfig> = {
  type: 'object',
  description: 'Writes records to topics, acknowledged by all in-sync replicas.',
  required: ['brokers', 'topic'],
  properties: {
    ...connectionOptions,
    topic: {
      type: 'string',
      minLength: 1,
      description:
        'Where to write. `${topic}` is the stream of the record, `${key}` its key, `${value.a.b}` a field of its value, `${header.name}` a header, `${time:yyyy.MM.dd}` its time in UTC.',
      examples: ['oceanic', '${topic}.copy', 'events-${value.region}'],
    },
    compression: {
      type: 'string',
      enum: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
      default: 'lz4',
      description: 'How batches are compressed.',
    },
    partitioner: {
      type: 'string',
      enum: ['murmur2_random', 'murmur2', 'consistent_random', 'consistent', 'random', 'fnv1a_random', 'fnv1a'],
      default: 'murmur2_random',
      description: 'How the key picks the partition. The default does as Java clients do.',
    },
    linger: {
      type: 'string',
      format: 'duration',
      description:
        'How long a batch for a broker waits for more records. Default by the pipeline’s `latency`: 0, 2 ms or 5 ms.',
    },
    maxRequestSize: {
      type: 'string',
      format: 'size',
      default: '1000000B',
      description: 'The largest record, before compression. More than the topic’s `max.message.bytes` is of no use.',
    },
    deliveryTimeout: {
      type: 'string',
      format: 'duration',
      default: '30s',
      description:
        'How long the brokers may take for a record before the attempt counts as failed; it is then made again.',
    },
    transactionalId: {
      type: 'string',
      minLength: 1,
      advanced: true,
      description:
        'For `delivery: exactly-once`: the name of this sink in transactions. Default `connect-<name>-<pipeline>`; where ' +
        'workers share a pipeline, host and number of the worker are added; replays of dead letters add `-replay`.',
    },
    transactionTimeout: {
      type: 'string',
      format: 'duration',
      default: '1m',
      advanced: true,
      description:
        'For `delivery: exactly-once`: the brokers abort a transaction that is open for longer. After a crash without a ' +
        'restart, readers wait so long for what follows it.',
    },
    positionsTopic: {
      type: 'string',
      minLength: 1,
      pattern: '^[A-Za-z0-9._-]{1,249}$',
      advanced: true,
      description:
        'For `delivery: exactly-once` with a source that does not keep its positions itself: the compacted topic that ' +
        'holds them, of this pipeline alone. Default `connect-<name>-<pipeline>-positions`; created where it is missing.',
    },
    createTopic: {
      type: 'object',
      description: 'Creates topics that do not exist.',
      properties: {
        partitions: { type: 'integer', minimum: 1, default: 1, description: 'Number of partitions.' },
        replicationFactor: {
          type: 'integer',
          minimum: -1,
          default: -1,
          description: 'Number of replicas; -1 takes the default of the brokers.',
        },
        config: {
          type: 'object',
          description: 'Settings of the topic by their own names.',
          examples: [{ 'retention.ms': 604800000 }],
          additionalProperties: {
            description: 'A value as Kafka takes it.',
            anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }],
          },
        },
      },
    },
  },
}

/** A topic that the brokers do not know for so long is missing; one just created may take a moment to be known. */
const MAX_PROPAGATION_MS = 5000

const IDEMPOTENT = 'the sink is idempotent, which fixes it'

const OWNED: ReadonlyMap<string, string> = new Map([
  ...OWNED_BY_CONNECTION,
  ['enable.idempotence', IDEMPOTENT],
  ['acks', IDEMPOTENT],
  ['request.required.acks', IDEMPOTENT],
  ['transactional.id', 'it is the option `transactionalId`, with `delivery: exactly-once`'],
  ['transaction.timeout.ms', 'it is the option `transactionTimeout`'],
  ['dr_msg_cb', 'the sink counts delivery reports'],
  ['delivery.report.only.error', 'the sink counts delivery reports'],
  ['partitioner', 'it is the option `partitioner`'],
  ['compression.codec', 'it is the option `compression`'],
  ['compression.type', 'it is the option `compression`'],
  ['linger.ms', 'it is the option `linger`'],
  ['queue.buffering.max.ms', 'it is the option `linger`'],
  ['message.max.bytes', 'it is the option `maxRequestSize`'],
  ['message.timeout.ms', 'it is the option `deliveryTimeout`'],
  ['delivery.timeout.ms', 'it is the option `deliveryTimeout`'],
])

export function checkSink(config: KafkaSinkConfig): readonly ConfigIssue[] {
  const problem = topicProblem(config.topic)
  const factor = config.createTopic?.replicationFactor
  return [
    ...checkConnection(config, OWNED),
    ...(problem === undefined ? [] : [{ path: ['topic'], message: problem }]),
    ...(factor === 0
      ? [{ path: ['createTopic', 'replicationFactor'], message: 'a topic has at least one replica' }]
      : []),
  ]
}

/** What a producer is for. */
export interface ProducerRole {
  readonly clientId: string
  readonly latency: Latency
  readonly transactionalId: string | undefined
}

const lingerMs: Readonly<Record<Latency, number>> = { low: 0, balanced: 2, throughput: 5 }

/** `transactionalId`: where it writes in transactions. */
export function producerSettings(
  config: KafkaSinkConfig,
  { clientId, latency, transactionalId }: ProducerRole,
): ClientSettings {
  return clientSettings(config, {
    global: {
      'client.id': clientId,
      'enable.idempotence': true,
      ...(transactionalId === undefined
        ? {}
        : { 'transactional.id': transactionalId, 'transaction.timeout.ms': config.transactionTimeout }),
      'linger.ms': config.linger ?? lingerMs[latency],
      // So that a record for a topic that does not exist fails for that, before it fails for being late.
      'topic.metadata.propagation.max.ms': Math.min(MAX_PROPAGATION_MS, Math.floor(config.deliveryTimeout / 2)),
      'message.max.bytes': config.maxRequestSize,
      'queue.buffering.max.messages': 100_000,
      'queue.buffering.max.kbytes': Math.max(65_536, Math.ceil((config.maxRequestSize * 2) / 1024)),
    },
    topic: {
      acks: -1,
      'compression.codec': config.compression,
      partitioner: config.partitioner,
      'message.timeout.ms': config.deliveryTimeout,
    },
  })
}
