import { RecordError, isConnectError } from '@connect-run/core'

/** A record that can't be written as it is. */
export function invalid(message: string, hint?: string): RecordError {
  return new RecordError('RECORD_INVALID', message, hint === undefined ? {} : { hint })
}

/** What a failed attempt to write a value as JSON means for its record. */
export function notJson(what: string, error: unknown): unknown {
  if (isConnectError(error)) return error
  return new RecordError('CONVERSION_FAILED', `${what} can’t be written as JSON: ${(error as Error).message}`, {
    hint: 'Correct the producer, or change the value with a transform.',
    cause: error,
  })
}

/** The start of a text that may be long, for messages. */
export function shown(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

const loneSurrogate = /\p{Surrogate}/u

/** The servers take every half of a character for the same one. */
export function assertUnicode(text: string, what: string): void {
  if (loneSurrogate.test(text)) throw invalid(`${what} must be Unicode text, and half a character is in it`)
}
