import type { Converter } from '../api/converter.ts'
import { RecordError } from '../api/errors.ts'
import type { ConverterFactory } from './converter-factory.ts'
import { JsonSyntaxError, readJson } from './json-reader.ts'
import { jsonText } from './json-text.ts'
import { hasRiskyNumber } from './risky-number.ts'
import { afterMark, utf8Text } from './utf8.ts'

const EXCERPT_LENGTH = 32

/** JSON in UTF-8. Whole numbers that a double can't hold exactly arrive as bigints. */
export const jsonConverter: Converter = {
  format: 'json',
  schemas: false,
  decode: (buffer, start, end) => {
    if (start === end) throw notJson('empty value is not JSON')
    const text = utf8Text(buffer, afterMark(buffer, start, end), end)
    if (hasRiskyNumber(buffer, start, end)) return readExactly(text)
    try {
      return JSON.parse(text) as unknown
    } catch {
      return readExactly(text)
    }
  },
  encode: (value) => {
    if (value === null) return null
    try {
      return Buffer.from(jsonText(value), 'utf8')
    } catch (error) {
      throw new RecordError('CONVERSION_FAILED', `can't write it as JSON: ${(error as Error).message}`, {
        cause: error,
      })
    }
  },
}

export const jsonFactory: ConverterFactory<object> = {
  name: 'json',
  description:
    'JSON text in UTF-8. Whole numbers beyond ±2^53 stay exact (bigint); numbers beyond a double are an error. ' +
    'Written: bytes as base64, an undefined value or NaN is an error.',
  config: { type: 'object', properties: {} },
  create: () => jsonConverter,
}

function readExactly(text: string): unknown {
  try {
    return readJson(text, { number: exactNumber })
  } catch (error) {
    throw syntaxError(text, error)
  }
}

function exactNumber(text: string): number | bigint {
  const number = Number(text)
  if (!Number.isSafeInteger(number) && /^-?\d+$/.test(text)) return BigInt(text)
  if (!Number.isFinite(number)) throw new RangeError('number out of range')
  return number
}

/** Says what is wrong, at which byte, and what stands there. */
export function syntaxError(text: string, error: unknown): RecordError {
  if (!(error instanceof JsonSyntaxError)) throw error
  const byte = Buffer.byteLength(text.slice(0, error.at))
  const from = Math.max(0, error.at - EXCERPT_LENGTH / 2)
  const excerpt = JSON.stringify(text.slice(from, from + EXCERPT_LENGTH))
  return notJson(`not JSON: ${error.message} at byte ${byte}, near ${excerpt}`)
}

function notJson(message: string): RecordError {
  return new RecordError('CONVERSION_FAILED', message, {
    hint: 'if these bytes are not meant to be JSON, set another converter (`string`, `bytes`) at the source',
  })
}
