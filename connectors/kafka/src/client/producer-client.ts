import type { EncodedColumns } from '@connect-run/core'
import type { KafkaError } from '../kafka-error.ts'
import type { PartitionOffset } from './consumer-client.ts'

/** Records on their way out. */
export interface OutgoingRecords extends EncodedColumns {
  readonly count: number
  /** Milliseconds since 1970; -1 takes the time of sending. */
  readonly timestamp: Float64Array
  /** As in `PackedRecords`: five numbers for each, ordered by record. */
  readonly headers: Int32Array | null
  /** Where they go; without it, where their keys say. */
  readonly partition?: number
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
  /** For a producer with a `transactional.id`. */
  readonly transactions: TransactionCalls
  disconnect(): Promise<void>
}

/**
 * Each call but the first is about the transaction that is open. Those that time out, or meet what passes, reject
 * with an error that is `retriable`: the same call may be made again, and nothing else.
 */
export interface TransactionCalls {
  /** Once, before all else: ends what a producer of the same id has left open, and shuts that producer out. */
  init(timeoutMs: number): Promise<void>
  begin(): Promise<void>
  /** Makes the positions of a group part of the transaction, in the name of a member, which is its binding's consumer. */
  sendOffsets(offsets: readonly PartitionOffset[], consumer: unknown, timeoutMs: number): Promise<void>
  commit(timeoutMs: number): Promise<void>
  abort(timeoutMs: number): Promise<void>
}
