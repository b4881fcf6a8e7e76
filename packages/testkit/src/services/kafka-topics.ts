import Kafka from '@connect-run/connector-kafka/client'
import type {
  KafkaConsumer,
  LibrdKafkaError,
  Message,
  MessageHeader,
  Producer,
} from '@connect-run/connector-kafka/client'
import { setTimeout as delay } from 'node:timers/promises'
import { pollUntil } from '../poll-until.ts'

export interface TopicOptions {
  /** Default 1. */
  readonly partitions?: number
  /** Default 1. */
  readonly replicationFactor?: number
  readonly config?: Readonly<Record<string, string>>
}

export interface ProducedRecord {
  /** A null is a tombstone. */
  readonly value: string | Buffer | null
  readonly key?: string | Buffer | null
  /** Default: by key or at random, as the client does. */
  readonly partition?: number
  /** Milliseconds. Default now. */
  readonly timestamp?: number
  readonly headers?: readonly Readonly<Record<string, string | Buffer>>[]
}

export interface ConsumedRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly MessageHeader[]
}

/** Offsets by partition number. */
export type Offsets = Readonly<Record<number, number>>

/** What tests do with a Kafka, by librdkafka and without a JVM. Each call opens and closes its own client. */
export interface KafkaTopics {
  readonly bootstrap: string
  /** Resolves when every partition has a leader. */
  createTopic(name: string, options?: TopicOptions): Promise<void>
  /** Resolves when the brokers no longer list it. */
  deleteTopic(name: string): Promise<void>
  /** Raises the number of partitions to `total`. */
  createPartitions(name: string, total: number): Promise<void>
  topicNames(): Promise<string[]>
  /** The broker that leads each partition, by partition number; -1 where there is none now. */
  leaders(topic: string): Promise<Readonly<Record<number, number>>>
  /** Resolves when all are acknowledged by all in-sync replicas. `client` settings are librdkafka's. */
  produce(topic: string, records: Iterable<ProducedRecord>, client?: ClientProperties): Promise<void>
  /** Every record between the beginning and the end at the time of the call, partition by partition in order. */
  consumeAll(topic: string, options?: ConsumeOptions): Promise<ConsumedRecord[]>
  beginOffsets(topic: string): Promise<Offsets>
  endOffsets(topic: string): Promise<Offsets>
  /** Partitions that the group has committed nothing for are left out. */
  committedOffsets(group: string, topic: string): Promise<Offsets>
  /** As an operator resets a group that has no members. */
  commitOffsets(group: string, topic: string, offsets: Offsets): Promise<void>
}

export interface ConsumeOptions {
  /** Default 60,000. */
  readonly timeoutMs?: number
  /** Default true: records of aborted transactions are left out. */
  readonly committedOnly?: boolean
}

/** Settings for librdkafka, over those that the call makes: TLS and SASL for instance. */
export type ClientProperties = Readonly<Record<string, string | number | boolean>>

export interface RequestOptions {
  /** How long connecting, creating and committing may take. Default 30,000. */
  readonly requestMs?: number
}

const REQUEST_MS = 30_000

/** How to reach a Kafka. */
interface Access {
  readonly properties: ClientProperties
  readonly requestMs: number
}

/** The topics of the Kafka at `bootstrap`. */
export function kafkaAt(
  bootstrap: string,
  properties: ClientProperties = {},
  { requestMs = REQUEST_MS }: RequestOptions = {},
): KafkaTopics {
  const access = { properties: { 'bootstrap.servers': bootstrap, ...properties }, requestMs }
  return {
    bootstrap,
    createTopic: (name, options) => createTopic(access, name, options),
    deleteTopic: (name) => deleteTopic(access, name),
    createPartitions: (name, total) => createPartitions(access, name, total),
    topicNames: () => withProducer(access, async (producer) => (await metadata(producer)).map((topic) => topic.name)),
    leaders: (topic) => withProducer(access, (producer) => leaders(producer, topic)),
    produce: (topic, records, client) => produce(withProperties(access, { ...client }), topic, records),
    consumeAll: (topic, options) => consumeAll(access, topic, options),
    beginOffsets: (topic) => withProducer(access, (producer) => watermarks(producer, topic, 'lowOffset')),
    endOffsets: (topic) => withProducer(access, (producer) => watermarks(producer, topic, 'highOffset')),
    committedOffsets: (group, topic) => committedOffsets(access, group, topic),
    commitOffsets: (group, topic, offsets) => commitOffsets(access, group, topic, offsets),
  }
}

function withProperties(access: Access, properties: ClientProperties): Access {
  return { ...access, properties: { ...access.properties, ...properties } }
}

async function createTopic(access: Access, name: string, options: TopicOptions = {}): Promise<void> {
  const { partitions = 1, replicationFactor = 1, config = {} } = options
  const topic = { topic: name, num_partitions: partitions, replication_factor: replicationFactor, config }
  await administer(access, TOPIC_EXISTS, (admin, done) => admin.createTopic(topic, access.requestMs, done))
  await untilPartitions(access, name, partitions)
}

async function createPartitions(access: Access, name: string, total: number): Promise<void> {
  await administer(access, SAME_PARTITIONS, (admin, done) =>
    admin.createPartitions(name, total, access.requestMs, done),
  )
  await untilPartitions(access, name, total)
}

async function deleteTopic(access: Access, name: string): Promise<void> {
  await administer(access, NO_TOPIC, (admin, done) => admin.deleteTopic(name, access.requestMs, done))
  await withProducer(access, (producer) =>
    pollUntil(async () => !(await metadata(producer)).some((topic) => topic.name === name), {
      what: `topic ${name} is deleted`,
    }),
  )
}

function untilPartitions(access: Access, name: string, total: number): Promise<boolean> {
  const ready = async (producer: Producer): Promise<boolean> => {
    const topic = (await metadata(producer, name)).find((each) => each.name === name)
    return topic?.partitions.length === total && topic.partitions.every((each) => each.leader >= 0)
  }
  return withProducer(access, (producer) =>
    pollUntil(() => ready(producer), { what: `topic ${name} has ${total} partitions with leaders` }),
  )
}

async function produce(access: Access, topic: string, records: Iterable<ProducedRecord>): Promise<void> {
  const defaults = { 'linger.ms': 5, 'queue.buffering.max.messages': 1_000_000 }
  const properties = { ...defaults, ...access.properties, dr_cb: true }
  await withProducer({ ...access, properties }, async (producer) => {
    let sent = 0
    let reported = 0
    let failure: LibrdKafkaError | undefined
    producer.on('delivery-report', (error) => {
      reported++
      failure ??= error ?? undefined
    })
    producer.setPollInterval(10)
    const settled = (allowed: number): Promise<boolean> =>
      pollUntil(() => sent - reported <= allowed, { what: `records of ${topic} are acknowledged`, intervalMs: 5 })
    for (const { partition, value, key, timestamp, headers } of records) {
      const bytes = nativeBytes(typeof value === 'string' ? Buffer.from(value) : value)
      const send = (): unknown =>
        producer.produce(topic, partition ?? null, bytes, key, timestamp ?? null, undefined, headers?.slice())
      try {
        send()
      } catch (error) {
        if ((error as LibrdKafkaError).code !== UNKNOWN_PARTITION || partition === undefined) throw error
        await untilKnown(producer, topic, partition)
        send()
      }
      if (++sent % 50_000 === 0) await settled(100_000)
    }
    await settled(0)
    if (failure) throw asError(failure)
  })
}

/** ERR__UNKNOWN_PARTITION */
const UNKNOWN_PARTITION = -190

/** A partition that has just been added is not known to each broker that a client may have asked. */
function untilKnown(producer: Producer, topic: string, partition: number): Promise<boolean> {
  const isKnown = async (): Promise<boolean> => (await partitionsOf(producer, topic)).includes(partition)
  return pollUntil(isKnown, { what: `partition ${partition} of ${topic} is known` })
}

async function consumeAll(access: Access, topic: string, options: ConsumeOptions = {}): Promise<ConsumedRecord[]> {
  const { timeoutMs = 60_000, committedOnly = true } = options
  const settings = {
    'group.id': `testkit-${process.pid}`,
    'enable.auto.commit': false,
    'enable.partition.eof': true,
    'fetch.wait.max.ms': 50,
    'isolation.level': committedOnly ? 'read_committed' : 'read_uncommitted',
  }
  return withConsumer(withProperties(access, settings), async (consumer) => {
    const ids = await partitionsOf(consumer, topic)
    const ended = new Set<number>()
    consumer.on('partition.eof', (eof) => ended.add(eof.partition))
    consumer.setDefaultConsumeTimeout(100)
    consumer.assign(ids.map((partition) => ({ topic, partition, offset: BEGINNING })))
    const records: ConsumedRecord[] = []
    const deadline = Date.now() + timeoutMs
    while (ended.size < ids.length) {
      if (Date.now() > deadline) throw new Error(`${topic}: no end after ${timeoutMs} ms, ${records.length} records`)
      const messages = await call<Message[]>((done) => consumer.consume(10_000, done))
      for (const message of messages) records.push(consumed(message))
    }
    return records.sort((one, other) => one.partition - other.partition || one.offset - other.offset)
  })
}

const BEGINNING = -2 // RD_KAFKA_OFFSET_BEGINNING

// The addon takes an empty Buffer without memory behind it for null, which would be a tombstone.
const EMPTY = Buffer.from('x').subarray(0, 0)

function nativeBytes(bytes: Buffer | null): Buffer | null {
  return bytes?.length === 0 ? EMPTY : bytes
}

function consumed({ partition, offset, timestamp = -1, key, value, headers = [] }: Message): ConsumedRecord {
  return {
    partition,
    offset,
    timestamp,
    key: typeof key === 'string' ? Buffer.from(key) : (key ?? null),
    value,
    headers,
  }
}

async function watermarks(producer: Producer, topic: string, which: 'lowOffset' | 'highOffset'): Promise<Offsets> {
  const offsets: Record<number, number> = {}
  for (const partition of await partitionsOf(producer, topic)) {
    const answer = await call<Record<typeof which, number>>((done) =>
      producer.queryWatermarkOffsets(topic, partition, REQUEST_MS, done),
    )
    offsets[partition] = answer[which]
  }
  return offsets
}

function committedOffsets(access: Access, group: string, topic: string): Promise<Offsets> {
  return withConsumer(withProperties(access, { 'group.id': group, 'enable.auto.commit': false }), async (consumer) => {
    const partitions = (await partitionsOf(consumer, topic)).map((partition) => ({ topic, partition }))
    const answer = await call<{ partition: number; offset?: number }[]>((done) =>
      consumer.committed(partitions, access.requestMs, done),
    )
    const offsets: Record<number, number> = {}
    for (const { partition, offset } of answer) if (offset !== undefined && offset >= 0) offsets[partition] = offset
    return offsets
  })
}

function commitOffsets(access: Access, group: string, topic: string, offsets: Offsets): Promise<void> {
  return withConsumer(withProperties(access, { 'group.id': group, 'enable.auto.commit': false }), async (consumer) => {
    const positions = Object.entries(offsets).map(([partition, offset]) => ({
      topic,
      partition: Number(partition),
      offset,
    }))
    // finds the coordinator, which a commit does not wait for
    await call((done) => consumer.committed(positions, access.requestMs, done))
    consumer.commitSync(positions)
  })
}

/** How many brokers the Kafka at `bootstrap` says that it has. */
export function brokerCount(bootstrap: string): Promise<number> {
  const access = { properties: { 'bootstrap.servers': bootstrap }, requestMs: REQUEST_MS }
  return withProducer(access, async (producer) => {
    const request = { timeout: access.requestMs, allTopics: false }
    const { brokers } = await call<{ brokers: unknown[] }>((done) => producer.getMetadata(request, done))
    return brokers.length
  })
}

interface TopicLayout {
  readonly name: string
  readonly partitions: readonly { readonly id: number; readonly leader: number }[]
}

async function metadata(client: Producer | KafkaConsumer, topic?: string): Promise<readonly TopicLayout[]> {
  const request = { timeout: REQUEST_MS, ...(topic === undefined ? { allTopics: true } : { topic }) }
  const { topics } = await call<{ topics: TopicLayout[] }>((done) => client.getMetadata(request, done))
  return topics
}

const KNOWN_MS = 5000

/** A broker may hear a moment later of a topic that another one has made. */
function layoutOf(client: Producer | KafkaConsumer, topic: string): Promise<TopicLayout> {
  const known = async (): Promise<TopicLayout | false> => {
    const layout = (await metadata(client, topic)).find((each) => each.name === topic)
    return layout !== undefined && layout.partitions.length > 0 && layout
  }
  return pollUntil(known, { timeoutMs: KNOWN_MS, what: `there is a topic ${topic}` })
}

async function leaders(client: Producer, topic: string): Promise<Readonly<Record<number, number>>> {
  const { partitions } = await layoutOf(client, topic)
  return Object.fromEntries(partitions.map(({ id, leader }) => [id, leader]))
}

async function partitionsOf(client: Producer | KafkaConsumer, topic: string): Promise<number[]> {
  const { partitions } = await layoutOf(client, topic)
  return partitions.map(({ id }) => id).sort((one, other) => one - other)
}

type AdminClient = ReturnType<typeof Kafka.AdminClient.create>

// What a broker says to a request that it has already done.
const NO_TOPIC = 3
const TOPIC_EXISTS = 36
const SAME_PARTITIONS = 37

/** ERR__DESTROY and ERR__DESTROY_BROKER: the handle of the broker that was asked is gone. */
const DESTROYED: ReadonlySet<number | undefined> = new Set([-197, -137])
const ASK_AGAIN_MS = 100

/**
 * A client gives up its handle of a broker that its newest metadata do not name, and what was asked by it: a bootstrap
 * server's handle is always replaced by the broker's own, and a broker that has just started is not named everywhere.
 * It is asked again then, after a pause, since three handles take their time. The first request may have been heard
 * nevertheless: `done` is how the second one is answered where it was.
 */
async function administer(
  access: Access,
  done: number,
  request: (admin: AdminClient, done: Done<void>) => void,
): Promise<void> {
  const admin = Kafka.AdminClient.create({ ...access.properties })
  const deadline = Date.now() + access.requestMs
  try {
    for (let isRepeated = false; ; isRepeated = true) {
      try {
        return await call<void>((settle) => request(admin, settle))
      } catch (error) {
        const { code } = error as LibrdKafkaError
        if (isRepeated && code === done) return
        if (!DESTROYED.has(code) || Date.now() > deadline) throw error
        await delay(ASK_AGAIN_MS)
      }
    }
  } finally {
    admin.disconnect()
  }
}

function withProducer<T>(access: Access, use: (producer: Producer) => Promise<T>): Promise<T> {
  const producer = new Kafka.Producer({ ...access.properties }, {})
  producer.on('event.error', () => {}) // the failing call says it
  return withClient(producer, access, use)
}

function withConsumer<T>(access: Access, use: (consumer: KafkaConsumer) => Promise<T>): Promise<T> {
  const consumer = new Kafka.KafkaConsumer({ ...access.properties }, {})
  consumer.on('event.error', () => {})
  return withClient(consumer, access, use)
}

async function withClient<C extends Producer | KafkaConsumer, T>(
  client: C,
  access: Access,
  use: (client: C) => Promise<T>,
): Promise<T> {
  try {
    await call((done) => client.connect({ timeout: access.requestMs }, done))
    return await use(client)
  } finally {
    await new Promise((resolve) => client.disconnect(resolve))
  }
}

type Done<T> = (error: LibrdKafkaError | null | undefined, answer?: T) => void

/** A callback of node-rdkafka as a promise. */
function call<T = unknown>(start: (done: Done<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, answer) => (error ? reject(asError(error)) : resolve(answer as T)))
  })
}

/** librdkafka's errors are not errors of this realm: jest would print them as plain objects. */
function asError(error: LibrdKafkaError): Error {
  return Object.assign(new Error(error.message), { code: error.code })
}
