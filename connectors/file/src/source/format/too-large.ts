import { RecordError } from '@connect-run/core'

const HEAD_BYTES = 64 * 1024

/** So many bytes of a record that is too large are kept, for the dead letter queue. */
export function headBytes(maxRecordBytes: number): number {
  return Math.min(HEAD_BYTES, maxRecordBytes)
}

/** A record of `length` bytes is longer than the config allows. */
export function tooLarge(what: string, length: number, most: number): RecordError {
  const message = `${what} has ${length} bytes, and at most ${most} are allowed; its first ${headBytes(most)} are kept`
  return new RecordError('RECORD_TOO_LARGE', message, {
    hint: 'Raise `maxRecordBytes` at the source if such records are meant to be moved.',
  })
}
