import assert from 'node:assert/strict'
import type { ObjectSchema } from '@connect-run/core'
import { validateOptions } from '@connect-run/core/runtime'

/** Options as a user writes them, without `connector`. */
export type Options = Readonly<Record<string, unknown>>

/** What the runtime would say about the options; empty where they are right. */
export function complaints(schema: ObjectSchema<never>, options: Options): readonly string[] {
  const { issues = [] } = validateOptions(schema, options)
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

/** The config that the connector gets for the options. */
export function configOf(schema: ObjectSchema<never>, options: Options): never {
  assert.deepEqual(complaints(schema, options), [], 'the options of the driver must be valid')
  return validateOptions(schema, options).config as never
}
