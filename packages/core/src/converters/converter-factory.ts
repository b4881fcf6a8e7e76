import type { ObjectSchema } from '../api/config-schema.ts'
import type { Converter } from '../api/converter.ts'

/** A converter by name, and what a user may set: `value: json` or `value: {converter: json-envelope, schemas: false}`. */
export interface ConverterFactory<Config> {
  readonly name: string
  readonly description: string
  readonly config: ObjectSchema<Config>
  create(config: Config): Converter
}

/** Keeps the config's type between the schema and the converter while the list forgets it. */
export function converterFactory<Config>(factory: ConverterFactory<Config>): ConverterFactory<never> {
  return factory as unknown as ConverterFactory<never>
}
