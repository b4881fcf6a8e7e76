import { type PackedRecords, RecordBatch } from '@connect-run/core'
import type { KafkaConsumer, PackedBatch } from '../client.ts'
import { KafkaError } from '../kafka-error.ts'
import { answer } from './connection.ts'
import type { FetchLimits, Fetched } from './consumer-client.ts'
import { kafkaError } from './native-errors.ts'

/** Fetches columns: a thread of the pool fills them, and nothing is made for the single record. */
export function packedFetch(consumer: KafkaConsumer): (limits: FetchLimits) => Promise<Fetched> {
  return async ({ maxRecords, maxBytes, waitMs, lingerMs }) => {
    const limits = { maxRecords, maxBytes, timeoutMs: waitMs, lingerMs }
    const fetched = await answer<PackedBatch>((done) => consumer.consumePacked(limits, done))
    return {
      batch: fetched.n === 0 ? RecordBatch.empty : RecordBatch.of(recordsOf(fetched)),
      ends: fetched.eofs.map(({ topic, partition, offset }) => ({ stream: topic, partition, offset })),
      errors: fetched.errors.map(errorAt),
    }
  }
}

function errorAt(raw: PackedBatch['errors'][number]): KafkaError {
  const { code, message, fatal } = kafkaError(raw)
  const partition = raw.topic === '' ? undefined : { stream: raw.topic, partition: raw.partition }
  return new KafkaError(code, message, fatal, partition)
}

function recordsOf(fetched: PackedBatch): PackedRecords {
  const { n, buffer, valueStart, valueEnd, keyStart, keyEnd, headers } = fetched
  const { partition, offset, timestamp, topic, topics } = fetched
  const bytes = { count: n, buffer, valueStart, valueEnd, keyStart, keyEnd, headers }
  return { ...bytes, partition, offset, timestamp, stream: topic, streams: topics }
}
