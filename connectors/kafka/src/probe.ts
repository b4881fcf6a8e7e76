import { ConnectError, type Partition, type ProbeContext, unlessAborted } from '@connect-run/core'
import { closeInTime } from './client/close-in-time.ts'
import type { ClientLibrary, ConnectionEvents } from './client/connection.ts'
import type { ConsumerClient, ConsumerEvents } from './client/consumer-client.ts'
import type { ProducerClient } from './client/producer-client.ts'
import { type ConnectionConfig, brokerList } from './connection-config.ts'
import { connectError, connecting, explaining } from './error-map.ts'
import { type KafkaError, isKafkaError } from './kafka-error.ts'
import type { ClientSettings } from './librdkafka-settings.ts'
import { usesPacked } from './packed-path.ts'
import { assertFeatures } from './required-features.ts'
import { type KafkaSinkConfig, producerSettings } from './sink-config.ts'
import { type KafkaSourceConfig, anchoredPattern, consumerSettings } from './source-config.ts'
import { compileTopic } from './topic-template.ts'

/** librdkafka's name for the end of a partition, where an offset stands. */
const OFFSET_END = -1
/** A broker that waits before it refuses a login is heard out; a probe has 10 s in all. */
const CONNECT_MS = 8000
const ASK_TIMEOUT_MS = 5000
const CLOSE_MS = 2000
const FETCH = { maxRecords: 1, maxBytes: 1, waitMs: 100, lingerMs: 0 }
const AGAIN_MS = 200
/** Who keeps the group's positions is being found out. */
const COORDINATOR_MOVES: ReadonlySet<number> = new Set([14, 15, 16])
/** Topics that are named where there may be any number. */
const NAMED = 3

const unseen = 'Topics that this user may not describe look missing, too.'

type Consumers = ClientLibrary<ConsumerClient, ConsumerEvents>
type Producers = ClientLibrary<ProducerClient, ConnectionEvents>
type Topics = ReadonlyMap<string, number>

async function loadConsumer(): Promise<Consumers> {
  return (await import('./client/rdkafka-consumer.ts')).consumerLibrary
}

async function loadProducer(): Promise<Producers> {
  return (await import('./client/rdkafka-producer.ts')).producerLibrary
}

/** Whether the topics are there and may be read, and the group may be asked for its positions. Joins no group. */
export async function probeSource(
  config: KafkaSourceConfig,
  context: ProbeContext,
  load: () => Promise<Consumers> = loadConsumer,
): Promise<readonly string[]> {
  const { groupId = `connect-${context.worker}-${context.pipeline}` } = config
  const member = { groupId, clientId: clientIdOf(config, context), instanceId: undefined }
  return asking(load, { config, context, settings: consumerSettings(config, member, 'low') }, async (client) => {
    const topics = pick(await client.topics(ASK_TIMEOUT_MS), config)
    const first = [...topics.keys()].map((stream) => ({ stream, partition: 0 }))
    if (first.length === 0) return [`no topic matches ${config.topicPattern!} yet`]
    await askGroup(client, groupId, first, context)
    await readEnds(client, [...topics.keys()], context)
    return topicsSaid(topics)
  })
}

/** Whether there is a topic to write to, or it will be made. Whether it may be written only a record would show. */
export async function probeSink(
  config: KafkaSinkConfig,
  context: ProbeContext,
  load: () => Promise<Producers> = loadProducer,
): Promise<readonly string[]> {
  const role = { clientId: clientIdOf(config, context), latency: 'low', transactionalId: undefined } as const
  const own = producerSettings(config, role)
  // An idempotent producer has the brokers make an id for it as soon as it is connected.
  const settings = { ...own, global: { ...own.global, 'enable.idempotence': false } }
  return asking(load, { config, context, settings }, async (client) => {
    const topics = await client.topics(ASK_TIMEOUT_MS)
    const { fixed } = compileTopic(config.topic)
    if (fixed === undefined) return ['not checked: the topics that records name, and whether they may be written']
    const partitions = topics.get(fixed)
    const unknown = 'not checked: whether it may be written'
    if (partitions !== undefined) return [...topicsSaid(new Map([[fixed, partitions]])), unknown]
    if (config.createTopic !== undefined) return [`topic ${fixed} will be created`, unknown]
    throw missing([fixed], config, 'Create it, or set `createTopic`.')
  })
}

interface Asking {
  readonly config: ConnectionConfig & { readonly compression?: string }
  readonly context: ProbeContext
  readonly settings: ClientSettings
}

/** Connects, asks and closes. The client's calls can't be cut short: they end by their own limits of time. */
async function asking<Client extends ConsumerClient | ProducerClient>(
  load: () => Promise<ClientLibrary<Client, ConsumerEvents>>,
  { config, context, settings }: Asking,
  ask: (client: Client) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const library = await load()
  assertFeatures(config, library.features)
  const asked = connecting(brokerList(config.brokers), async () => {
    const client = library.open(settings, silent, usesPacked(config, library))
    try {
      await client.connect(Math.min(config.connectTimeout, CONNECT_MS))
      return await ask(client)
    } finally {
      await closeInTime(client, CLOSE_MS, context.clock)
    }
  })
  return unlessAborted(asked, context.signal)
}

const silent: ConsumerEvents = {
  assigned: () => undefined,
  revoked: () => undefined,
  error: () => undefined,
  log: () => undefined,
}

function clientIdOf({ clientId }: ConnectionConfig, { worker, pipeline }: ProbeContext): string {
  return clientId ?? `connect-${worker}-${pipeline}`
}

/** Those that the source reads. */
function pick(found: Topics, config: KafkaSourceConfig): Topics {
  const { topics = [], topicPattern } = config
  const pattern = topicPattern === undefined ? undefined : new RegExp(anchoredPattern(topicPattern))
  const names = pattern === undefined ? topics : [...found.keys()].filter((name) => pattern.test(name))
  const absent = names.filter((name) => !found.has(name))
  if (absent.length > 0) {
    throw missing(absent, config, 'Create it, or correct `topics`; a pipeline that runs waits for it.')
  }
  return new Map(names.map((name) => [name, found.get(name)!]))
}

function missing(names: readonly string[], { brokers }: ConnectionConfig, hint: string): ConnectError {
  const what = names.length === 1 ? `no topic ${names[0]}` : `none of the topics ${names.join(', ')}`
  return new ConnectError('TOPIC_MISSING', `there is ${what} at ${brokerList(brokers)}`, { hint: `${hint} ${unseen}` })
}

/** Throws where the group's positions may not be asked for. One that has just found its broker is asked again. */
async function askGroup(
  client: ConsumerClient,
  groupId: string,
  partitions: readonly Partition[],
  { clock, signal }: ProbeContext,
): Promise<void> {
  const until = clock.monotonic() + ASK_TIMEOUT_MS
  for (;;) {
    const left = Math.max(AGAIN_MS, until - clock.monotonic())
    try {
      await client.committed(partitions, left)
      return
    } catch (error) {
      if (!isKafkaError(error)) throw error
      if (left <= AGAIN_MS || !COORDINATOR_MOVES.has(error.code)) {
        throw connectError(
          (await consumedError(client)) ?? error,
          `can't ask for the positions of the group ${groupId}`,
        )
      }
    }
    await clock.sleep(AGAIN_MS, signal)
  }
}

/** That this user may not use the group stands in the queue of records; the call itself just gets no answer. */
async function consumedError(client: ConsumerClient): Promise<KafkaError | undefined> {
  try {
    return (await client.fetch(FETCH)).errors[0]
  } catch (error) {
    if (isKafkaError(error)) return error
    throw error
  }
}

/** Reads nothing, but is refused where reading is. */
async function readEnds(client: ConsumerClient, topics: readonly string[], context: ProbeContext): Promise<void> {
  const { clock, signal } = context
  const waiting = new Set(topics)
  client.assign(topics.map((stream) => ({ stream, partition: 0, offset: OFFSET_END })))
  const until = clock.monotonic() + ASK_TIMEOUT_MS
  while (waiting.size > 0 && !signal.aborted) {
    const doing = `can't read ${[...waiting].join(', ')}`
    const { ends, errors, batch } = await explaining(doing, () => client.fetch(FETCH))
    const [error] = errors
    if (error !== undefined) throw connectError(error, `can't read ${error.partition?.stream ?? topics.join(', ')}`)
    for (const { stream } of ends) waiting.delete(stream)
    // What is written meanwhile shows as well that it may be read.
    for (let row = 0; row < batch.length; row++) waiting.delete(batch.stream(row))
    if (clock.monotonic() < until) continue
    throw new ConnectError('TIMEOUT', `the brokers gave nothing of ${[...waiting].join(', ')}`, {
      hint: 'Look whether each partition has a leader.',
    })
  }
}

function topicsSaid(topics: Topics): string[] {
  const all = [...topics].map(([name, count]) => `${name} (${count} ${count === 1 ? 'partition' : 'partitions'})`)
  const more = all.length > NAMED ? [`… and ${all.length - NAMED} more`] : []
  return [`topic ${[...all.slice(0, NAMED), ...more].join(', ')}`]
}
