import type { Partition } from '@connect-run/core'

/** The code of an error that librdkafka has no number for. */
export const UNKNOWN = -1

/** A failure as librdkafka names it. Codes below zero are its own, those above are the broker's. */
export class KafkaError extends Error {
  readonly code: number
  readonly fatal: boolean
  /** Where it concerns one and that is known. */
  readonly partition: Partition | undefined
  /** Of a call about transactions: the same call may be made again. */
  retriable = false

  constructor(code: number, message: string, fatal = false, partition?: Partition) {
    super(message)
    this.name = 'KafkaError'
    this.code = code
    this.fatal = fatal
    this.partition = partition
  }
}

export function isKafkaError(error: unknown): error is KafkaError {
  return error instanceof Error && error.name === 'KafkaError'
}
