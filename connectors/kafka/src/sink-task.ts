import {
  type Logger,
  type Positions,
  type RecordBatch,
  type RecoverRequest,
  type RowFailure,
  type SinkContext,
  type SinkTask,
  isRecordError,
  isRetriable,
} from '@connect-run/core'
import { BrokerWatch } from './broker-watch.ts'
import { ABANDONED, closeInTime } from './client/close-in-time.ts'
import type { ClientLibrary, ConnectionEvents } from './client/connection.ts'
import type { ConsumerClient, ConsumerEvents } from './client/consumer-client.ts'
import type { OutgoingRecords, ProducerClient, SendFailure } from './client/producer-client.ts'
import { brokerList } from './connection-config.ts'
import { connectError, connecting, explaining } from './error-map.ts'
import { KafkaError } from './kafka-error.ts'
import { outgoing } from './outgoing.ts'
import { tellPath, usesPacked } from './packed-path.ts'
import { assertFeatures } from './required-features.ts'
import { type FailedRow, sendApart, sendRows, throwFailures } from './send-rows.ts'
import { type KafkaSinkConfig, producerSettings } from './sink-config.ts'
import { TopicCreation } from './topic-creation.ts'
import { type TopicTemplate, compileTopic } from './topic-template.ts'
import { TransactionalEnd, takeTransactionalId } from './transactional-end.ts'

const UNKNOWN_TOPIC = 3
const NO_TOPIC: ReadonlySet<number> = new Set([UNKNOWN_TOPIC, -188])
const PROBE_TIMEOUT_MS = 5000
/** How long the client may take to close, in milliseconds. */
const DISCONNECT_MS = 10_000

type Library = ClientLibrary<ProducerClient, ConnectionEvents>

/** The addon is loaded by the first task that starts. */
async function loadProducer(): Promise<Library> {
  return (await import('./client/rdkafka-producer.ts')).producerLibrary
}

async function loadConsumer(): Promise<ClientLibrary<ConsumerClient, ConsumerEvents>> {
  return (await import('./client/rdkafka-consumer.ts')).consumerLibrary
}

/** Where some records go. */
interface Target {
  readonly template: TopicTemplate
  readonly creation: TopicCreation | undefined
  /** Records of more bytes are not sent; undefined: the brokers say what is too large. */
  readonly maxBytes: number | undefined
}

interface Running {
  readonly context: SinkContext<KafkaSinkConfig>
  readonly client: ProducerClient
  readonly packed: boolean
  readonly target: Target
  readonly brokers: BrokerWatch
  readonly end: TransactionalEnd | undefined
}

/** Writes records with an idempotent producer; a batch is done when every record is acknowledged. */
export class KafkaSinkTask implements SinkTask<KafkaSinkConfig> {
  /** For `exactly-once` only. */
  transactional?: boolean
  recover?: (request: RecoverRequest) => Promise<Positions>
  commit?: (positions: Positions) => Promise<void>
  beside?: (config: KafkaSinkConfig) => Pick<SinkTask, 'put'> | undefined
  readonly #load: () => Promise<Library>
  #running: Running | undefined
  #fatal: Error | undefined
  #release: (() => Promise<void>) | undefined

  constructor(load: () => Promise<Library> = loadProducer) {
    this.#load = load
  }

  async start(context: SinkContext<KafkaSinkConfig>): Promise<void> {
    const { config, logger, exactlyOnce } = context
    const library = await this.#load()
    assertFeatures(config, library.features)
    tellPath(config, library, logger)
    const name = exactlyOnce === undefined ? undefined : await takeTransactionalId(context)
    this.#release = async () => name?.slot?.release()
    const address = brokerList(config.brokers)
    const { client, target } = await connecting(address, async () => {
      const running = this.#open(context, library, name?.id)
      await running.client.connect(config.connectTimeout)
      return running
    })
    const { fixed } = target.template
    if (fixed !== undefined) await (target.creation?.ensure([fixed]) ?? assertTopic(client, fixed))
    await this.#startTransactions()
  }

  async put(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    await this.#put(this.#started().target, batch, signal)
  }

  async stop(): Promise<void> {
    try {
      await this.#close()
    } finally {
      await this.#release?.()
    }
  }

  async probe(): Promise<void> {
    const { client } = this.#started()
    await explaining("can't list topics", () => client.topics(PROBE_TIMEOUT_MS))
  }

  #open(context: SinkContext<KafkaSinkConfig>, library: Library, transactionalId: string | undefined): Running {
    const { config, logger, clock, worker, pipeline, latency } = context
    const packed = usesPacked(config, library)
    const clientId = config.clientId ?? `connect-${worker}-${pipeline}`
    const settings = producerSettings(config, { clientId, latency, transactionalId })
    const client: ProducerClient = library.open(settings, this.#events(logger), packed)
    const probe = (): Promise<unknown> => client.topics(PROBE_TIMEOUT_MS)
    const brokers = new BrokerWatch({ brokers: brokerList(config.brokers), clock, logger, probe })
    const isTransactional = transactionalId !== undefined
    const target = targetOf(config, client, { logger, isTransactional })
    const end = isTransactional ? new TransactionalEnd({ context, client, consumers: loadConsumer }) : undefined
    return (this.#running = { context, client, packed, target, brokers, end })
  }

  async #startTransactions(): Promise<void> {
    const { end } = this.#started()
    if (end === undefined) return
    this.transactional = true
    this.commit = (positions) => end.commit(positions)
    this.beside = (config) => this.#beside(config)
    if (end.isGroups) await end.transactions.init()
    else this.recover = (request) => end.recover(request)
  }

  /** Another topic of the same cluster, by the same producer. */
  #beside(config: KafkaSinkConfig): Pick<SinkTask, 'put'> | undefined {
    const { context, client } = this.#started()
    if (brokerList(config.brokers) !== brokerList(context.config.brokers)) return undefined
    const target = targetOf(config, client, { logger: context.logger, isTransactional: true })
    return { put: (batch, signal) => this.#put(target, batch, signal) }
  }

  async #put({ template, creation, maxBytes }: Target, batch: RecordBatch, signal: AbortSignal): Promise<void> {
    const { packed, brokers, end } = this.#started()
    if (this.#fatal !== undefined) throw this.#fatal
    const { topics, refused } = outgoing(batch, template, { textHeaders: !packed, maxBytes })
    await creation?.ensure(topics.map(({ topic }) => topic))
    const send = end === undefined ? this.#sending(signal) : this.#sendingInTransaction(end, signal)
    const sent = await brokers.during(() =>
      Promise.all(topics.map((records) => sendRows(records, send(records.topic)))),
    )
    const failed = sent.flat()
    if (failed.length + refused.length < batch.length) brokers.answered()
    if (this.#fatal !== undefined) throw this.#fatal
    if (failed.some(({ error }) => NO_TOPIC.has(error.code))) creation?.forget()
    throwFailures(batch, [...refused, ...rowFailures(failed)])
  }

  #sending(signal: AbortSignal): (topic: string) => Send {
    const { client } = this.#started()
    return (topic) => (records) => sendApart((part) => client.send(topic, part, signal), records)
  }

  #sendingInTransaction({ transactions }: TransactionalEnd, signal: AbortSignal): (topic: string) => Send {
    const { client } = this.#started()
    return (topic) => async (records) => {
      await transactions.send(topic, () => client.send(topic, records, signal))
      return []
    }
  }

  async #close(): Promise<void> {
    if (this.#running === undefined) return
    const { client, context, end } = this.#running
    await end?.transactions.abort()
    if (!(await closeInTime(client, DISCONNECT_MS, context.clock))) context.logger.warn({}, ABANDONED)
  }

  #events(logger: Logger): ConnectionEvents {
    return {
      log: (level, text) => logger.debug({ level }, text),
      error: (error) => {
        this.#running?.brokers.failed(error)
        if (error.fatal) this.#fatal ??= connectError(error, 'the producer can no longer be used')
      },
    }
  }

  #started(): Running {
    if (this.#running === undefined) throw new Error('the sink has not been started')
    return this.#running
  }
}

type Send = (records: OutgoingRecords) => Promise<SendFailure[]>

function targetOf(
  config: KafkaSinkConfig,
  client: ProducerClient,
  { logger, isTransactional }: { readonly logger: Logger; readonly isTransactional: boolean },
): Target {
  return {
    template: compileTopic(config.topic),
    creation: config.createTopic && new TopicCreation(client, config.createTopic, logger),
    // What a broker refuses ends a transaction, and would do so again and again.
    maxBytes: isTransactional ? config.maxRequestSize : undefined,
  }
}

/** Throws where no record could be written for want of the topic, which the producer itself would find out late. */
async function assertTopic(client: ProducerClient, topic: string): Promise<void> {
  const there = await explaining(`can't look up the topic ${topic}`, () => client.touchTopic(topic, PROBE_TIMEOUT_MS))
  if (!there) throw connectError(new KafkaError(UNKNOWN_TOPIC, 'there is no such topic'), `can't write to ${topic}`)
}

/** What is to be done about each row; throws what stops the task. */
function rowFailures(failed: readonly FailedRow[]): RowFailure[] {
  const failures = failed.map(({ row, topic, error }) => ({
    row,
    error: connectError(error, `can't write to ${topic}`),
  }))
  const stopping = failures.find(({ error }) => !isRetriable(error) && !isRecordError(error))
  if (stopping !== undefined) throw stopping.error
  return failures as RowFailure[]
}
