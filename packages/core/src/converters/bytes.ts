import type { Converter } from '../api/converter.ts'
import { RecordError } from '../api/errors.ts'
import type { ConverterFactory } from './converter-factory.ts'

/** Bytes as they are. A string is taken as its UTF-8. */
export const bytesConverter: Converter = {
  format: 'bytes',
  schemas: false,
  decode: (buffer, start, end) => buffer.subarray(start, end),
  encode: (value) => {
    if (value === null || value === undefined) return null
    if (Buffer.isBuffer(value)) return value
    if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    if (typeof value === 'string') return Buffer.from(value, 'utf8')
    throw new RecordError('CONVERSION_FAILED', `the bytes converter can't write a value of type ${typeof value}`, {
      hint: 'set `value: json` at this end, or make it bytes before',
    })
  },
}

export const bytesFactory: ConverterFactory<object> = {
  name: 'bytes',
  description: 'Bytes as they are.',
  config: { type: 'object', properties: {} },
  create: () => bytesConverter,
}
