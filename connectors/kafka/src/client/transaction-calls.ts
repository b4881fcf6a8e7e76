import type { KafkaConsumer, Producer } from '../client.ts'
import { answer } from './connection.ts'
import type { TransactionCalls } from './producer-client.ts'

/** The binding's calls as promises. Each holds a thread of the pool until it returns. */
export function transactionCalls(producer: Producer): TransactionCalls {
  return {
    init: (timeoutMs) => answer((done) => producer.initTransactions(timeoutMs, done)),
    begin: () => answer((done) => producer.beginTransaction(done)),
    sendOffsets(offsets, consumer, timeoutMs) {
      const list = offsets.map(({ stream, partition, offset }) => ({ topic: stream, partition, offset }))
      return answer((done) => producer.sendOffsetsToTransaction(list, consumer as KafkaConsumer, timeoutMs, done))
    },
    commit: (timeoutMs) => answer((done) => producer.commitTransaction(timeoutMs, done)),
    abort: (timeoutMs) => answer((done) => producer.abortTransaction(timeoutMs, done)),
  }
}
