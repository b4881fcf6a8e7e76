import type { ObjectSchema } from '../api/config-schema.ts'
import type { ConnectorPlugin } from '../api/connector.ts'
import type { Builtins } from '../plugins/builtins.ts'
import { endSchema } from './end-schema.ts'
import { deadLetterPlace } from './resolve-dead-letters.ts'
import { fileSchema } from './file-schema.ts'
import { type AnySchema, isClosed, partsOf } from './json-schema.ts'

type Json = Record<string, unknown>

/**
 * JSON Schema of a whole config file, for editors: what they complete, describe and underline while one writes. It is
 * looser than the check at start: any value may be a `${VAR}`.
 */
export function editorSchema(plugins: readonly ConnectorPlugin[], builtins: Builtins): Json {
  const schema = forEditor(fileSchema)
  const pipeline = at(schema, 'properties', 'pipelines', 'additionalProperties')
  const properties = at(pipeline, 'properties')
  const converters = converterSchema(builtins)
  for (const side of ['source', 'sink'] as const) {
    properties[side] = endOf(side, plugins, { description: at(properties, side)['description'], converters })
  }
  at(properties, 'transforms')['items'] = transformSchema(builtins)
  Object.assign(at(properties, 'errors', 'properties', 'deadLetterQueue', 'properties'), {
    ...(forEditor(deadLetterPlace)['properties'] as Json),
    connector: { type: 'string' },
  })
  return { $schema: 'http://json-schema.org/draft-07/schema#', title: 'connect-run', ...schema }
}

function endOf(
  side: 'source' | 'sink',
  plugins: readonly ConnectorPlugin[],
  { description, converters }: { description: unknown; converters: Json },
): Json {
  const able = plugins.filter((plugin) => plugin[side] !== undefined).toSorted((a, b) => a.name.localeCompare(b.name))
  const names = able.map((plugin) => plugin.name)
  return {
    type: 'object',
    description,
    required: ['connector'],
    properties: { connector: { anyOf: [{ enum: names }, { type: 'string' }] } },
    allOf: able.map((plugin) => {
      const schema = forEditor(endSchema(side, plugin[side]!.config))
      const properties = { ...at(schema, 'properties'), key: converters, value: converters }
      return {
        if: { required: ['connector'], properties: { connector: { const: plugin.name } } },
        // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
        then: { ...schema, description: plugin[side]!.description, properties },
      }
    }),
  }
}

function converterSchema({ converters }: Builtins): Json {
  const names = converters.map(({ name }) => name)
  return {
    description: 'How bytes become values and back: a converter, or one with options.',
    anyOf: [
      { enum: names },
      reference,
      ...converters.map(({ name, description, config }) => {
        const schema = forEditor(config)
        const required = ['converter', ...((schema['required'] as string[] | undefined) ?? [])]
        const properties = { converter: { const: name }, ...at(schema, 'properties') }
        return { ...schema, description, required, properties }
      }),
    ],
  }
}

function transformSchema({ transforms }: Builtins): Json {
  return {
    type: 'object',
    minProperties: 1,
    maxProperties: 1,
    additionalProperties: false,
    properties: Object.fromEntries(
      transforms.map(({ name, description, config }) => [name, { ...forEditor(config), description }]),
    ),
  }
}

/** A value that is written as a reference may become anything. */
const reference: Json = { type: 'string', pattern: '\\$\\{' }

const unitPatterns = {
  duration: '^\\d+(\\.\\d+)?(ms|s|m|h|d)$|\\$\\{',
  size: '^\\d+(\\.\\d+)?(B|KB|MB|GB|KiB|MiB|GiB)$|\\$\\{',
} as const

function forEditor(schema: AnySchema | ObjectSchema<never>): Json {
  const { properties, additionalProperties, items, anyOf, format, ...rest } = partsOf(schema)
  const { secret: _secret, errorMessage: _message, allOf: _rules, ...parts } = rest
  const result: Json = { ...parts }
  delete result['advanced']
  if (format === 'duration' || format === 'size') result['pattern'] = unitPatterns[format]
  if (properties !== undefined) {
    result['properties'] = Object.fromEntries(Object.entries(properties).map(([key, part]) => [key, forEditor(part)]))
  }
  if (isClosed(schema)) result['additionalProperties'] = false
  else if (additionalProperties !== undefined) result['additionalProperties'] = forEditor(additionalProperties)
  if (items !== undefined) result['items'] = forEditor(items)
  if (anyOf !== undefined) result['anyOf'] = [...anyOf.map(forEditor), reference]
  return orReference(result, parts)
}

/** Rules between options are left to the check at start, which can explain them. */
function orReference(schema: Json, { type, enum: words }: { type?: unknown; enum?: unknown }): Json {
  const isPlain = type === 'integer' || type === 'number' || type === 'boolean' || words !== undefined
  if (!isPlain) {
    if (type === 'string' && 'pattern' in schema && !String(schema['pattern']).endsWith('\\$\\{')) {
      schema['pattern'] = `${String(schema['pattern'])}|\\$\\{`
    }
    return schema
  }
  const { description, default: preset, examples, ...plain } = schema
  const documented = Object.entries({ description, default: preset, examples }).filter(
    ([, value]) => value !== undefined,
  )
  return { ...Object.fromEntries(documented), anyOf: [plain, reference] }
}

function at(schema: Json, ...keys: readonly string[]): Json {
  return keys.reduce((inner, key) => inner[key] as Json, schema)
}
