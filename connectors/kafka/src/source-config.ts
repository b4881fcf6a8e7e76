import type { ConfigIssue, Latency, ObjectSchema, PropertySchema } from '@connect-run/core'
import { type ConnectionConfig, type Properties, checkConnection, connectionOptions } from './connection-config.ts'
import { type ClientSettings, OWNED_BY_CONNECTION, clientSettings } from './librdkafka-settings.ts'

/** Topic to partition number (as a string) to the offset before which to end. */
export type EndOffsets = Readonly<Record<string, Readonly<Record<string, number>>>>

export type OnMissingOffset = 'earliest' | 'latest' | 'fail'

export interface KafkaSourceConfig extends ConnectionConfig {
  readonly topics?: readonly string[]
  readonly topicPattern?: string
  readonly groupId?: string
  readonly instanceId?: string
  readonly startAt: string
  readonly endAt?: string | EndOffsets
  readonly onMissingOffset: OnMissingOffset
  readonly isolation: 'read_committed' | 'read_uncommitted'
}

const TIME = '\\d{4}-\\d\\d-\\d\\d(T[0-9:.,]+(Z|[+-]\\d\\d:?\\d\\d)?)?'

const endOffsets: PropertySchema = {
  type: 'object',
  description: 'Topic, partition, offset.',
  additionalProperties: { type: 'object', additionalProperties: { type: 'integer', minimum: 0 } },
}

export const sourceSchema: ObjectSchema<KafkaSourceConfig> = {
  type: 'object',
  description: 'Reads topics as a member of a consumer group, which keeps the positions.',
  required: ['brokers'],
  properties: {
    ...connectionOptions,
    topics: {
      type: 'array',
      description: 'The topics to read. One that does not exist yet is waited for.',
      items: { type: 'string', minLength: 1, pattern: '^[^^]' },
      minItems: 1,
      uniqueItems: true,
      examples: [['oceanic']],
    },
    topicPattern: {
      type: 'string',
      format: 'regex',
      minLength: 1,
      description:
        'Reads every topic whose name matches from its start on, also those created later, instead of `topics`.',
      examples: ['sensors\\.[a-z]+'],
    },
    groupId: { type: 'string', minLength: 1, description: 'The consumer group. Default `connect-<name>-<pipeline>`.' },
    instanceId: {
      type: 'string',
      description:
        'Name of this member in the group (static membership); `""` for none. Default on Linux and Windows: the host name and the first number that no other living worker of the group has on this host.',
    },
    startAt: {
      type: 'string',
      default: 'earliest',
      pattern: `^(earliest|latest|${TIME})$`,
      errorMessage: 'must be `earliest`, `latest` or a time like 2026-01-31T00:00:00Z',
      description: 'Where to begin in partitions for which the group has no position: `earliest`, `latest` or a time.',
    },
    endAt: {
      description: 'Where to end, for backfills: before the first record of a time, or before the offsets given.',
      examples: ['2026-01-31T00:00:00Z', { oceanic: { '0': 5000 } }],
      anyOf: [{ type: 'string', pattern: `^${TIME}$` }, endOffsets],
    },
    onMissingOffset: {
      type: 'string',
      enum: ['earliest', 'latest', 'fail'],
      default: 'earliest',
      description:
        'Where to go on if retention has removed the records at the position of the group. What is lost is counted and logged.',
    },
    isolation: {
      type: 'string',
      enum: ['read_committed', 'read_uncommitted'],
      default: 'read_committed',
      advanced: true,
      description: 'Whether records of open and aborted transactions are left out.',
    },
  },
  allOf: [
    {
      oneOf: [{ required: ['topics'] }, { required: ['topicPattern'] }],
      errorMessage: 'needs either `topics` or `topicPattern`',
    },
  ],
}

const RUNTIME_COMMITS = 'positions pass when the sink has the records, and only then'

const OWNED: ReadonlyMap<string, string> = new Map([
  ...OWNED_BY_CONNECTION,
  ['group.id', 'it is the option `groupId`'],
  ['group.instance.id', 'it is the option `instanceId`'],
  ['group.protocol', 'the classic protocol is the one that this source is tested with'],
  ['partition.assignment.strategy', 'the source relies on `cooperative-sticky`'],
  ['isolation.level', 'it is the option `isolation`'],
  ['auto.offset.reset', 'it is the options `startAt` and `onMissingOffset`'],
  ['enable.auto.commit', RUNTIME_COMMITS],
  ['auto.commit.enable', RUNTIME_COMMITS],
  ['auto.commit.interval.ms', RUNTIME_COMMITS],
  ['enable.auto.offset.store', RUNTIME_COMMITS],
  ['enable.partition.eof', 'the source needs it to know the end of a partition'],
  ['allow.auto.create.topics', 'a source creates no topics'],
])

export function checkSource(config: KafkaSourceConfig): readonly ConfigIssue[] {
  return [
    ...checkConnection(config, OWNED),
    ...checkTime('startAt', config.startAt),
    ...checkTime('endAt', config.endAt),
    ...checkPattern(config.topicPattern),
  ]
}

function checkTime(option: 'startAt' | 'endAt', value: unknown): ConfigIssue[] {
  if (typeof value !== 'string' || value === 'earliest' || value === 'latest') return []
  if (!Number.isNaN(Date.parse(value))) return []
  return [
    { path: [option], message: `there is no such time as \`${value}\``, hint: 'Write it like 2026-01-31T00:00:00Z.' },
  ]
}

/** librdkafka matches with the C library's extended expressions, which silently read these as something else. */
function checkPattern(pattern: string | undefined): ConfigIssue[] {
  const found = /\\[dDwWsSbB]|\(\?|[*+?}]\?/.exec(pattern ?? '')
  if (found === null) return []
  const message = `\`${found[0]}\` is not part of POSIX extended regular expressions, which match topics`
  return [{ path: ['topicPattern'], message, hint: 'Write `[0-9]` for `\\d` and `[A-Za-z0-9_]` for `\\w`.' }]
}

/** `^…`, which is how librdkafka tells a pattern from a name. */
export function anchoredPattern(pattern: string): string {
  return pattern.startsWith('^') ? pattern : `^${pattern}`
}

/** Who this consumer is. */
export interface Member {
  readonly groupId: string
  readonly clientId: string
  readonly instanceId: string | undefined
}

/** How long a fetch waits for more records after the first, in milliseconds. */
export const fetchLingerMs: Readonly<Record<Latency, number>> = { low: 0, balanced: 5, throughput: 25 }

/** How much a broker waits to gather for one answer. */
const gathering: Readonly<Record<Latency, Properties>> = {
  low: { 'fetch.min.bytes': 1 },
  balanced: { 'fetch.min.bytes': 1 },
  throughput: { 'fetch.min.bytes': 65_536 },
}

export function consumerSettings(config: KafkaSourceConfig, member: Member, latency: Latency): ClientSettings {
  return clientSettings(config, {
    global: {
      'client.id': member.clientId,
      'group.id': member.groupId,
      ...(member.instanceId === undefined ? {} : { 'group.instance.id': member.instanceId }),
      'partition.assignment.strategy': 'cooperative-sticky',
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'enable.partition.eof': true,
      'isolation.level': config.isolation,
      'allow.auto.create.topics': false,
      'topic.metadata.refresh.interval.ms': 10_000,
      'fetch.wait.max.ms': 100,
      ...gathering[latency],
      // librdkafka's defaults stall for a second whenever a queue is full, …
      'fetch.queue.backoff.ms': 10,
      // … and read ahead without regard to what compressed records and their bookkeeping take in memory.
      'fetch.max.bytes': 2 * 1024 * 1024,
      'queued.max.messages.kbytes': 32_768,
      'queued.min.messages': 50_000,
    },
    topic: { 'auto.offset.reset': 'error' },
  })
}
