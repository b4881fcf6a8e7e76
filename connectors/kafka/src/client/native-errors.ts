import { createRequire } from 'node:module'
import Kafka from '../client.ts'
import { KafkaError, UNKNOWN } from '../kafka-error.ts'

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
  const { code, message, origin, isFatal, isRetriable } = error as Partial<
    Record<'code' | 'message' | 'origin' | 'isFatal' | 'isRetriable', unknown>
  >
  const text = typeof message === 'string' ? message : String(error)
  const known = typeof code === 'number' && code !== -1 ? code : codeByText.get(shortened(text))
  if (known !== undefined) {
    const made = new KafkaError(known, text, isFatal === true || known === -150)
    made.retriable = isRetriable === true
    return made
  }
  // What stood before the first `: ` of an unknown text, a setting's name for instance.
  const before = typeof origin === 'string' && origin !== 'unknown' ? `${origin}: ` : ''
  return new KafkaError(UNKNOWN, `${before}${text}`, isFatal === true)
}

/** The error that a bare code stands for. */
export function errorOf(code: number): KafkaError {
  return new KafkaError(code, describeCode(code), code === -150)
}

/** The text of a code. */
export function describeCode(code: number): string {
  return nativeErrors.create(code).message
}
