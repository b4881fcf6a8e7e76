import { RecordError } from '../api/errors.ts'
import type { ConverterFactory } from './converter-factory.ts'
import { jsonText } from './json-text.ts'
import { utf8Text } from './utf8.ts'

export interface StringConverterConfig {
  readonly encoding: 'utf-8' | 'iso-8859-1'
}

export const stringFactory: ConverterFactory<StringConverterConfig> = {
  name: 'string',
  description:
    'Text. Bytes that are no text in the encoding are an error, never replaced. Written: numbers and booleans as ' +
    'their text, bytes as they are, objects and arrays as JSON.',
  config: {
    type: 'object',
    properties: {
      encoding: {
        type: 'string',
        enum: ['utf-8', 'iso-8859-1'],
        default: 'utf-8',
        description: 'The encoding of the text, for reading and writing.',
      },
    },
  },
  create: ({ encoding }) => ({
    format: `string ${encoding}`,
    schemas: false,
    // As Kafka Connect's file source says it of a line.
    schema: { type: 'string', optional: false },
    decode: encoding === 'utf-8' ? utf8Text : (buffer, start, end) => buffer.toString('latin1', start, end),
    encode: encoding === 'utf-8' ? (value) => encodeText(value, utf8) : (value) => encodeText(value, latin1),
  }),
}

function encodeText(value: unknown, toBytes: (text: string) => Buffer): Buffer | null {
  if (value === null) return null
  if (typeof value === 'string') return toBytes(value)
  if (Buffer.isBuffer(value)) return value
  return toBytes(textOf(value))
}

function textOf(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  return value instanceof Date ? value.toISOString() : objectText(value)
}

function objectText(value: unknown): string {
  try {
    return jsonText(value)
  } catch (error) {
    const message = `can't write it as text: ${(error as Error).message}`
    throw new RecordError('CONVERSION_FAILED', message, { cause: error })
  }
}

function utf8(text: string): Buffer {
  return Buffer.from(text, 'utf8')
}

function latin1(text: string): Buffer {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0xff) {
      throw new RecordError('CONVERSION_FAILED', `character ${i} does not exist in iso-8859-1`, {
        hint: 'set `encoding: utf-8`',
      })
    }
  }
  return Buffer.from(text, 'latin1')
}
