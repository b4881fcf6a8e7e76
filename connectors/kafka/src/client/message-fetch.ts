import { type Header, type PackedInput, RecordBatch, packRecords } from '@connect-run/core'
import type { EofEvent, KafkaConsumer, Message } from '../client.ts'
import { answer } from './connection.ts'
import type { FetchLimits, Fetched, PartitionOffset } from './consumer-client.ts'

/** Most records of one fetch: more are slower by the record, for the garbage they make. */
const MAX_RECORDS = 2000
/** Longest wait: the client waits so long for each record anew, also after the first. */
const MAX_WAIT_MS = 10
const FIRST_AVERAGE_BYTES = 16_384

/**
 * Fetches by the published call, which makes objects for each message; packed here. It knows no bound in bytes, so
 * the number of records is bounded by their average size of late.
 */
export function messageFetch(consumer: KafkaConsumer): (limits: FetchLimits) => Promise<Fetched> {
  let averageBytes = FIRST_AVERAGE_BYTES
  let ends: PartitionOffset[] = []
  consumer.on('partition.eof', ({ topic, partition, offset }: EofEvent) => {
    ends.push({ stream: topic, partition, offset })
  })
  return async ({ maxRecords, maxBytes, waitMs }) => {
    consumer.setDefaultConsumeTimeout(Math.min(waitMs, MAX_WAIT_MS))
    const count = Math.max(1, Math.min(maxRecords, MAX_RECORDS, Math.floor(maxBytes / averageBytes)))
    const messages = await answer<Message[]>((done) => consumer.consume(count, done))
    const batch = messages.length === 0 ? RecordBatch.empty : packRecords(messages.map(toInput))
    if (batch.length > 0) {
      // Up at once, down slowly: a few large records must not be taken for small ones.
      averageBytes = Math.max(1, batch.packed.buffer.length / batch.length, averageBytes * 0.75)
    }
    const reached = ends
    if (ends.length > 0) ends = []
    return { batch, ends: reached, errors: [] }
  }
}

function toInput(message: Message): PackedInput {
  return {
    stream: message.topic,
    partition: message.partition,
    offset: message.offset,
    timestamp: message.timestamp ?? -1,
    key: message.key as Buffer | null,
    value: message.value,
    headers: message.headers === undefined ? undefined : toHeaders(message.headers),
  }
}

function toHeaders(headers: readonly Record<string, unknown>[]): Header[] {
  return headers.map((header) => {
    const key = Object.keys(header)[0]!
    return { key, value: header[key] as Buffer }
  })
}
