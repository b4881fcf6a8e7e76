import type { ObjectSchema } from '../api/config-schema.ts'
import type { Issue, Path } from './issue.ts'
import { type AnySchema, compile, matches, partsOf } from './json-schema.ts'
import { schemaIssues } from './schema-issues.ts'
import { parseDuration, parseSize } from './units.ts'

/** A config as its code gets it, or everything that is wrong with the options. */
export type Validated<Config> =
  { readonly config: Config; readonly issues?: never } | { readonly config?: never; readonly issues: readonly Issue[] }

/** Whether the string at a path came from a variable: it then becomes the number or boolean that the schema wants. */
export type IsText = (path: Path) => boolean

/**
 * Options by their schema: checked, defaults filled in, durations in milliseconds, sizes in bytes. Changes nothing
 * that it is given. Throws where the schema itself is not one.
 */
export function validateOptions<Config>(
  schema: ObjectSchema<Config>,
  options: unknown,
  isText: IsText = () => false,
): Validated<Config> {
  const complete = withDefaults(schema, withTypes(schema, options, isText))
  const validate = compile(schema)
  if (validate(complete)) return { config: withUnits(schema, complete) as Config }
  return { issues: schemaIssues(validate.errors ?? [], complete) }
}

/** The same options with texts from variables turned into what the schema wants, where they can be. */
export function withTypes(schema: AnySchema, value: unknown, isText: IsText, path: Path = []): unknown {
  const { type, anyOf } = partsOf(schema)
  if (typeof value === 'string' && isText(path) && type !== undefined) return fromText(type, value)
  if (anyOf !== undefined) {
    const typed = anyOf
      .map((branch) => ({ branch, option: withTypes(branch, value, isText, path) }))
      .filter(({ branch, option }) => matches(branch, withDefaults(branch, option)))
      .map(({ option }) => option)
    // Where texts and numbers will do, `${MIN}` is the number that it would be if it were written there.
    return typed.find((option) => typeof option !== 'string') ?? typed[0] ?? value
  }
  return mapInside(schema, value, (inner, item, key) => withTypes(inner, item, isText, [...path, key]))
}

/** The same options with defaults where nothing was written. */
export function withDefaults(schema: AnySchema, value: unknown): unknown {
  const branch = branchFor(schema, value)
  if (branch !== undefined) return withDefaults(branch, value)
  const { properties } = partsOf(schema)
  const complete = mapInside(schema, value, withDefaults)
  if (properties === undefined || !isObject(complete)) return complete
  for (const [key, property] of Object.entries(properties)) {
    const preset = partsOf(property).default
    const absent = !Object.hasOwn(complete, key) || complete[key] === undefined
    if (absent && preset !== undefined) complete[key] = withDefaults(property, structuredClone(preset))
  }
  return complete
}

function withUnits(schema: AnySchema, value: unknown): unknown {
  const branch = branchFor(schema, value)
  if (branch !== undefined) return withUnits(branch, value)
  const { format } = partsOf(schema)
  if (typeof value === 'string' && format === 'duration') return parseDuration(value)
  if (typeof value === 'string' && format === 'size') return parseSize(value)
  return mapInside(schema, value, withUnits)
}

function branchFor(schema: AnySchema, value: unknown): AnySchema | undefined {
  return partsOf(schema).anyOf?.find((branch) => matches(branch, withDefaults(branch, value)))
}

/** A copy of an object or array with each member mapped by its own schema; anything else as it is. */
function mapInside(
  schema: AnySchema,
  value: unknown,
  map: (schema: AnySchema, value: unknown, key: string | number) => unknown,
): unknown {
  const { properties, additionalProperties, items } = partsOf(schema)
  if (Array.isArray(value)) return items === undefined ? value : value.map((item, index) => map(items, item, index))
  if (!isObject(value)) return value
  const members = Object.entries(value).map(([key, member]) => {
    const own = properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : additionalProperties
    return [key, own === undefined ? member : map(own, member, key)] as const
  })
  return Object.fromEntries(members)
}

function fromText(type: string, text: string): unknown {
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  const isNumber = /^[-+]?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text)
  return (type === 'number' || type === 'integer') && isNumber ? Number(text) : text
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
