import type { Transform } from '../api/transform.ts'
import { type ConverterFactory, converters } from '../converters/index.ts'
import { transforms } from '../transforms/index.ts'

/** What a config may name without installing anything. */
export interface Builtins {
  readonly converters: readonly ConverterFactory<never>[]
  readonly transforms: readonly Transform<never>[]
}

export const builtins: Builtins = { converters, transforms }
