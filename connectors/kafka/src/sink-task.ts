import {
  type Logger,
  PartialBatchError,
  type RecordBatch,
  type RowFailure,
  type SinkContext,
  type SinkTask,
  isRecordError,
  isRetriable,
} from '@connect-run/core'
import { BrokerWatch } from './broker-watch.ts'
import type { ClientLibrary, ConnectionEvents } from './client/connection.ts'
import type { OutgoingRecords, ProducerClient, SendFailure } from './client/producer-client.ts'
import { brokerList } from './connection-config.ts'
import { connectError, connecting, explaining } from './error-map.ts'
import { KafkaError } from './kafka-error.ts'
import { type TopicRecords, outgoing, pickRecords } from './outgoing.ts'
import { tellPath, usesPacked } from './packed-path.ts'
import { assertFeatures } from './required-features.ts'
import { type KafkaSinkConfig, producerSettings } from './sink-config.ts'
import { TopicCreation } from './topic-creation.ts'
import { type TopicTemplate, compileTopic } from './topic-template.ts'

const TOO_LARGE = 10
const UNKNOWN_TOPIC = 3
const NO_TOPIC: ReadonlySet<number> = new Set([UNKNOWN_TOPIC, -188])
const PROBE_TIMEOUT_MS = 5000

type Library = ClientLibrary<ProducerClient, ConnectionEvents>

/** The addon is loaded by the first task that starts. */
async function loadProducer(): Promise<Library> {
  return (await import('./client/rdkafka-producer.ts')).producerLibrary
}

interface Running {
  readonly client: ProducerClient
  readonly packed: boolean
  readonly template: TopicTemplate
  readonly creation: TopicCreation | undefined
  readonly brokers: BrokerWatch
}

/** Writes records with an idempotent producer; a batch is done when every record is acknowledged. */
export class KafkaSinkTask implements SinkTask<KafkaSinkConfig> {
  readonly #load: () => Promise<Library>
  #running: Running | undefined
  #fatal: Error | undefined

  constructor(load: () => Promise<Library> = loadProducer) {
    this.#load = load
  }

  async start(context: SinkContext<KafkaSinkConfig>): Promise<void> {
    const { config, logger, clock, worker, pipeline, latency } = context
    const library = await this.#load()
    assertFeatures(config, library.features)
    tellPath(config, library, logger)
    const packed = usesPacked(config, library)
    const address = brokerList(config.brokers)
    const settings = producerSettings(config, config.clientId ?? `connect-${worker}-${pipeline}`, latency)
    const template = compileTopic(config.topic)
    const { client, creation } = await connecting(address, async () => {
      const made: ProducerClient = library.open(settings, this.#events(logger), packed)
      const creating = config.createTopic && new TopicCreation(made, config.createTopic, logger)
      const probe = (): Promise<unknown> => made.topics(PROBE_TIMEOUT_MS)
      const brokers = new BrokerWatch({ brokers: address, clock, logger, probe })
      this.#running = { client: made, packed, template, creation: creating, brokers }
      await made.connect(config.connectTimeout)
      return this.#running
    })
    if (template.fixed === undefined) return
    await (creation === undefined ? assertTopic(client, template.fixed) : creation.ensure([template.fixed]))
  }

  async put(batch: RecordBatch, signal: AbortSignal): Promise<void> {
    const { client, packed, template, creation, brokers } = this.#started()
    if (this.#fatal !== undefined) throw this.#fatal
    const { topics, refused } = outgoing(batch, template, !packed)
    await creation?.ensure(topics.map(({ topic }) => topic))
    const sent = await brokers.during(() => Promise.all(topics.map((records) => sendRows(client, records, signal))))
    const failed = sent.flat()
    if (failed.length + refused.length < batch.length) brokers.answered()
    if (this.#fatal !== undefined) throw this.#fatal
    const failures = failed.map(({ row, topic, error }) => ({
      row,
      error: connectError(error, `can't write to ${topic}`),
    }))
    if (failed.some(({ error }) => NO_TOPIC.has(error.code))) creation?.forget()
    const stopping = failures.find(({ error }) => !isRetriable(error) && !isRecordError(error))
    if (stopping !== undefined) throw stopping.error
    throwFailures(batch, [...refused, ...(failures as RowFailure[])])
  }

  async stop(): Promise<void> {
    await this.#running?.client.disconnect()
  }

  async probe(): Promise<void> {
    const { client } = this.#started()
    await explaining("can't list topics", () => client.topics(PROBE_TIMEOUT_MS))
  }

  #events(logger: Logger): ConnectionEvents {
    return {
      log: (level, text) => logger.debug({ level }, text),
      error: (error) => {
        this.#running?.brokers.failed(error)
        if (error.fatal) this.#fatal = connectError(error, 'the producer can no longer be used')
      },
    }
  }

  #started(): Running {
    if (this.#running === undefined) throw new Error('the sink has not been started')
    return this.#running
  }
}

/** Throws where no record could be written for want of the topic, which the producer itself would find out late. */
async function assertTopic(client: ProducerClient, topic: string): Promise<void> {
  const there = await explaining(`can't look up the topic ${topic}`, () => client.touchTopic(topic, PROBE_TIMEOUT_MS))
  if (!there) throw connectError(new KafkaError(UNKNOWN_TOPIC, 'there is no such topic'), `can't write to ${topic}`)
}

interface FailedRow {
  readonly row: number
  readonly topic: string
  readonly error: KafkaError
}

/** Sends the rows of one topic. */
async function sendRows(
  client: ProducerClient,
  { topic, records, rows }: TopicRecords,
  signal: AbortSignal,
): Promise<FailedRow[]> {
  const failures = await sendApart((part) => client.send(topic, part, signal), records)
  return failures.map(({ index, error }) => ({ row: rows?.[index] ?? index, topic, error }))
}

/**
 * Sends records; those that a broker refused as too large are sent again in halves until each that is too large stands
 * alone: a broker refuses all that a producer put into one of its batches.
 */
async function sendApart(
  send: (records: OutgoingRecords) => Promise<SendFailure[]>,
  records: OutgoingRecords,
): Promise<SendFailure[]> {
  const failures = await send(records)
  const large = failures.filter(({ error }) => error.code === TOO_LARGE).map(({ index }) => index)
  if (large.length === 0 || records.count === 1) return failures
  const settled = failures.filter(({ error }) => error.code !== TOO_LARGE)
  const middle = Math.ceil(large.length / 2)
  for (const half of large.length === 1 ? [large] : [large.slice(0, middle), large.slice(middle)]) {
    const again = await sendApart(send, pickRecords(records, half))
    settled.push(...again.map(({ index, error }) => ({ index: half[index]!, error })))
  }
  return settled.sort((one, other) => one.index - other.index)
}

/** Throws what the runtime must do about the rows that failed, if any did. */
function throwFailures(batch: RecordBatch, failures: readonly RowFailure[]): void {
  if (failures.length === 0) return
  const cut = [...failures, ...behindRetries(batch, failures)].sort((one, other) => one.row - other.row)
  const again = cut.filter(({ error }) => isRetriable(error))
  if (again.length === batch.length) throw again[0]!.error
  throw new PartialBatchError(cut)
}

/** Rows behind one that is put again, of the same partition: they are put again too, to come after it. */
function behindRetries(batch: RecordBatch, failures: readonly RowFailure[]): RowFailure[] {
  const failedRows = new Set(failures.map(({ row }) => row))
  const first = new Map<string, RowFailure>()
  for (const failure of failures) {
    const at = `${batch.partition(failure.row)} ${batch.stream(failure.row)}`
    const earlier = first.get(at)
    if (isRetriable(failure.error) && (earlier === undefined || failure.row < earlier.row)) first.set(at, failure)
  }
  if (first.size === 0) return []
  const behind: RowFailure[] = []
  for (let row = 0; row < batch.length; row++) {
    const cause = first.get(`${batch.partition(row)} ${batch.stream(row)}`)
    if (cause !== undefined && row > cause.row && !failedRows.has(row)) behind.push({ row, error: cause.error })
  }
  return behind
}
