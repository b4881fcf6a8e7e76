import { once } from 'node:events'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Kafka, { type LibrdKafkaError, type Producer } from '@connect-run/connector-kafka/client'
import { pollUntil } from '../poll-until.ts'
import { kafkaAt } from '../services/kafka-topics.ts'
import { type Place, recordText } from './sequence.ts'

/** Puts records where a source reads them. */
export interface Feed {
  /** What to set in the options of the pipeline's source; undefined takes an option away. */
  readonly source: Readonly<Record<string, unknown>>
  /** Sends in this order; resolves when the records are safe there. */
  send(places: readonly Place[]): Promise<void>
  /** How many records are there by now, each of them sent once. */
  length(): Promise<number>
  close(): Promise<void>
}

export interface KafkaFeedOptions {
  readonly bootstrap: string
  readonly topic: string
  /** JSON members added to every record, beginning with a comma; or empty. */
  readonly extra: string
}

/** They belong to the topics of the user. */
const NOT_THE_USERS = { topicPattern: undefined, groupId: undefined, startAt: undefined, endAt: undefined }

/** Once only and in order, also while brokers fail: the producer is idempotent and waits for them. */
export async function kafkaFeed({ bootstrap, topic, extra }: KafkaFeedOptions): Promise<Feed> {
  const properties = { 'bootstrap.servers': bootstrap, 'enable.idempotence': true, 'linger.ms': 2, dr_cb: true }
  const producer = new Kafka.Producer(properties, {})
  const reports: { missing: number; failure?: LibrdKafkaError } = { missing: 0 }
  producer.on('event.error', () => {}) // reconnecting is the client's own affair; a record that fails is reported
  producer.on('delivery-report', (error) => {
    reports.missing--
    if (error) reports.failure ??= error
  })
  await connected(producer)
  producer.setPollInterval(5)
  return {
    source: { brokers: bootstrap, topics: [topic], ...NOT_THE_USERS },
    send: async (places) => {
      for (const place of places) {
        const value = Buffer.from(recordText(place, extra))
        producer.produce(topic, place.lane, value, `lane-${place.lane}`, Date.now())
        reports.missing++
      }
      while (reports.missing > 0) await delay(5)
      if (reports.failure !== undefined) throw new Error(`${topic} took not every record: ${reports.failure.message}`)
    },
    length: async () => {
      const ends = await pollUntil(() => kafkaAt(bootstrap).endOffsets(topic), { what: `the length of ${topic}` })
      return Object.values(ends).reduce((sum, end) => sum + end, 0)
    },
    close: () => new Promise((resolve) => producer.disconnect(() => resolve())),
  }
}

async function connected(producer: Producer): Promise<void> {
  const ready = once(producer, 'ready')
  await new Promise<void>((resolve, reject) => {
    producer.connect({ allTopics: false, timeout: 30_000 }, (error) => (error ? reject(asError(error)) : resolve()))
  })
  await ready
}

function asError(error: LibrdKafkaError): Error {
  return Object.assign(new Error(error.message), { code: error.code })
}

/** One file for each lane, appended to as a program writes a log. */
export async function fileFeed(options: {
  readonly folder: string
  readonly lanes: number
  readonly extra: string
}): Promise<Feed> {
  const path = (lane: number): string => join(options.folder, `in-${lane}.jsonl`)
  for (let lane = 0; lane < options.lanes; lane++) await writeFile(path(lane), '')
  let written = 0
  return {
    source: { path: join(options.folder, 'in-*.jsonl'), exclude: undefined, startAt: undefined },
    send: async (places) => {
      const lines: string[] = []
      for (const place of places) lines[place.lane] = `${lines[place.lane] ?? ''}${recordText(place, options.extra)}\n`
      for (const [lane, text] of lines.entries()) if (text !== undefined) await appendFile(path(lane), text)
      written += places.length
    },
    length: () => Promise.resolve(written),
    close: async () => {},
  }
}
