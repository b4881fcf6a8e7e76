import { bytesFactory } from './bytes.ts'
import { type ConverterFactory, converterFactory } from './converter-factory.ts'
import { envelopeFactory } from './json-envelope.ts'
import { jsonFactory } from './json.ts'
import { stringFactory } from './string.ts'

export type { ConverterFactory } from './converter-factory.ts'

/** All converters, by name. */
export const converters: readonly ConverterFactory<never>[] = [
  converterFactory(jsonFactory),
  converterFactory(stringFactory),
  converterFactory(bytesFactory),
  converterFactory(envelopeFactory),
]
