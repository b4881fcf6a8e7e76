import type { Schema, SchemaType } from '@connect-run/core'
import type { Decimals } from '../sink-config.ts'

/** As the servers take it in `mappings` and below `properties`. */
export type Mapping = Readonly<Record<string, unknown>>

/**
 * The mapping of documents whose values have this schema; undefined where it names no fields (a map, or no object at
 * all): the server then maps what comes.
 *
 * | Kafka Connect              | mapped as                                              |
 * | -------------------------- | ------------------------------------------------------ |
 * | boolean, float, double     | the same                                               |
 * | int8, int16, int32, int64  | `byte`, `short`, `integer`, `long`                     |
 * | string                     | `text`, with `keyword` below it up to 256 characters   |
 * | bytes                      | `binary`                                               |
 * | Date, Time, Timestamp      | `date`: they are written as `2024-05-01T12:00:00.000Z` |
 * | Decimal                    | by `decimals`: `keyword`, `double` or `scaled_float`   |
 * | array                      | what its elements are: the servers have no arrays      |
 * | map, by text               | `object`, its fields mapped as they come               |
 * | map, by anything else      | the fields `key` and `value`                           |
 * | struct                     | its fields                                             |
 *
 * A schema's default is no `null_value`: the converter has put it in place already, unless it is told not to.
 */
export function mappingOf(schema: Schema, decimals: Decimals): Mapping | undefined {
  if (schema.type !== 'struct' || schema.fields === undefined || schema.fields.length === 0) return undefined
  return structMapping(schema, decimals)
}

const text: Mapping = { type: 'text', fields: { keyword: { type: 'keyword', ignore_above: 256 } } }
const anyObject: Mapping = { type: 'object' }
const date: Mapping = { type: 'date', format: 'strict_date_optional_time||epoch_millis' }

type Mapper = (schema: Schema, decimals: Decimals) => Mapping

const byType: Readonly<Record<SchemaType, Mapper>> = {
  boolean: () => ({ type: 'boolean' }),
  int8: () => ({ type: 'byte' }),
  int16: () => ({ type: 'short' }),
  int32: () => ({ type: 'integer' }),
  int64: () => ({ type: 'long' }),
  float: () => ({ type: 'float' }),
  double: () => ({ type: 'double' }),
  bytes: () => ({ type: 'binary' }),
  string: () => text,
  array: ({ items }, decimals) => fieldMapping(items!, decimals),
  map: mapMapping,
  struct: structMapping,
}

const byName: ReadonlyMap<string | undefined, Mapper> = new Map<string | undefined, Mapper>([
  ['org.apache.kafka.connect.data.Decimal', decimalMapping],
  ['org.apache.kafka.connect.data.Date', () => date],
  ['org.apache.kafka.connect.data.Time', () => date],
  ['org.apache.kafka.connect.data.Timestamp', () => date],
])

function fieldMapping(schema: Schema, decimals: Decimals): Mapping {
  return (byName.get(schema.name) ?? byType[schema.type])(schema, decimals)
}

function structMapping({ fields = [] }: Schema, decimals: Decimals): Mapping {
  return { properties: Object.fromEntries(fields.map(({ field, schema }) => [field, fieldMapping(schema, decimals)])) }
}

function mapMapping({ keys, values }: Schema, decimals: Decimals): Mapping {
  if (keys!.type === 'string') return anyObject
  return { properties: { key: fieldMapping(keys!, decimals), value: fieldMapping(values!, decimals) } }
}

/** `scaled_float` counts in whole steps, by way of a double: with more digits than that has, it is no better than one. */
const MOST_DIGITS = 15

function decimalMapping({ parameters }: Schema, decimals: Decimals): Mapping {
  if (decimals === 'string') return { type: 'keyword' }
  const scale = Number(parameters?.['scale'])
  const isScaled = decimals === 'scaled' && Number.isInteger(scale) && Math.abs(scale) <= MOST_DIGITS
  return isScaled ? { type: 'scaled_float', scaling_factor: 10 ** scale } : { type: 'double' }
}
