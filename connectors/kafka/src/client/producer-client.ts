import type { EncodedColumns } from '@connect-run/core'
import type { KafkaError } from '../kafka-error.ts'

/** Records on their way out. */
export interface OutgoingRecords extends EncodedColumns {
  readonly count: number
  /** Milliseconds since 1970; -1 takes the time of sending. */
  readonly timestamp: Float64Array
  /** As in `PackedRecords`: five numbers for each, ordered by record. */
  readonly headers: Int32Array | null
}

export interface SendFailure {
  /** Index in the records. */
  readonly index: number
  readonly error: KafkaError
}

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor: number
  readonly config: Readonly<Record<string, string>>
}

/** All that the connector asks of a producer. Calls that fail reject with a KafkaError. */
export interface ProducerClient {
  connect(timeoutMs: number): Promise<void>
  /**
   * Sends records to a topic, in order, and resolves when every one is acknowledged or has failed, with the failures
   * by index. Rejects with the signal's reason when it aborts; records then may still arrive.
   */
  send(topic: string, records: OutgoingRecords, signal: AbortSignal): Promise<SendFailure[]>
  /** The number of partitions of every topic that there is. */
  topics(timeoutMs: number): Promise<ReadonlyMap<string, number>>
  createTopic(topic: NewTopic, timeoutMs: number): Promise<void>
  /**
   * Asks for one topic, which makes brokers that create topics by themselves do so. Resolves with whether it is there
   * now.
   */
  touchTopic(name: string, timeoutMs: number): Promise<boolean>
  disconnect(): Promise<void>
}
