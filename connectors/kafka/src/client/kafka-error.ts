import { createRequire } from 'node:module'
import Kafka from '../client.ts'

/** A failure as librdkafka names it. Codes below zero are its own, those above are the broker's. */
export class KafkaError extends Error {
  readonly code: number
  readonly fatal: boolean

  constructor(code: number, message: string, fatal = false) {
    super(message)
    this.name = 'KafkaError'
    this.code = code
    this.fatal = fatal
  }
}

export function isKafkaError(error: unknown): error is KafkaError {
  return error instanceof Error && error.name === 'KafkaError'
}

interface NativeErrors {
  create(code: number): { readonly message: string }
}

// Events and delivery reports carry a text and no code; the binding's own table turns codes into the same texts.
const nativeErrors = createRequire(import.meta.url)('node-rdkafka/lib/error.js') as NativeErrors
const codes = Object.values((Kafka as unknown as { CODES: { ERRORS: Record<string, number> } }).CODES.ERRORS)
const codeByText = new Map(codes.map((code) => [shortened(nativeErrors.create(code).message), code]))

/** The binding cuts texts at the second `: ` and lowers them. */
function shortened(text: string): string {
  return (text.split(': ')[1] ?? text).toLowerCase()
}

/** What the binding throws, passes to a callback or emits, with its true code; -1 where it can't be known. */
export function kafkaError(error: unknown): KafkaError {
  const { code, message, isFatal } = error as { code?: unknown; message?: unknown; isFatal?: unknown }
  const text = typeof message === 'string' ? message : String(error)
  const known = typeof code === 'number' && code !== -1 ? code : codeByText.get(shortened(text))
  return new KafkaError(known ?? -1, text, isFatal === true || known === -150)
}

/** The text of a code. */
export function describeCode(code: number): string {
  return nativeErrors.create(code).message
}
