import { describe, expect, it } from '@jest/globals'
import type { Schema } from '@connect-run/core'
import { mappingOf } from '../../src/resources/mapping.ts'
import type { Decimals } from '../../src/sink-config.ts'

const of = (type: Schema['type'], more: Partial<Schema> = {}): Schema => ({ type, optional: false, ...more })
const logical = (type: Schema['type'], name: string, more: Partial<Schema> = {}): Schema =>
  of(type, { name: `org.apache.kafka.connect.data.${name}`, ...more })
const struct = (fields: Readonly<Record<string, Schema>>): Schema =>
  of('struct', { fields: Object.entries(fields).map(([field, schema]) => ({ field, schema })) })

/** How a field of this schema is mapped. */
function mapped(schema: Schema, decimals: Decimals = 'string'): unknown {
  return (mappingOf(struct({ f: schema }), decimals) as { properties: { f: unknown } }).properties.f
}

describe('a field', () => {
  it.each([
    ['boolean', 'boolean'],
    ['int8', 'byte'],
    ['int16', 'short'],
    ['int32', 'integer'],
    ['int64', 'long'],
    ['float', 'float'],
    ['double', 'double'],
    ['bytes', 'binary'],
  ] as const)('of %s is %s', (type, expected) => {
    expect(mapped(of(type))).toEqual({ type: expected })
    expect(mapped(of(type, { optional: true, name: 'com.example.Own', default: 1 }))).toEqual({ type: expected })
  })

  it('of text can be searched by its words and as a whole', () => {
    expect(mapped(of('string'))).toEqual({ type: 'text', fields: { keyword: { type: 'keyword', ignore_above: 256 } } })
  })

  it.each([logical('int32', 'Date'), logical('int32', 'Time'), logical('int64', 'Timestamp')])(
    'of $name is a date',
    (schema) => {
      expect(mapped(schema)).toEqual({ type: 'date', format: 'strict_date_optional_time||epoch_millis' })
    },
  )

  it.each([
    ['string', '2', { type: 'keyword' }],
    ['double', '2', { type: 'double' }],
    ['scaled', '2', { type: 'scaled_float', scaling_factor: 100 }],
    ['scaled', '0', { type: 'scaled_float', scaling_factor: 1 }],
    ['scaled', '-2', { type: 'scaled_float', scaling_factor: 0.01 }],
    ['scaled', '15', { type: 'scaled_float', scaling_factor: 1e15 }],
    ['scaled', '16', { type: 'double' }],
    ['scaled', undefined, { type: 'double' }],
  ] as const)('of Decimal, with `decimals: %s` and a scale of %s, is %j', (decimals, scale, expected) => {
    const parameters = scale === undefined ? {} : { parameters: { scale } }
    expect(mapped(logical('bytes', 'Decimal', parameters), decimals)).toEqual(expected)
  })

  it('of an array is what its elements are', () => {
    expect(mapped(of('array', { items: of('array', { items: of('int64') }) }))).toEqual({ type: 'long' })
    const structs = of('array', { items: struct({ n: of('int8') }) })
    expect(mapped(structs)).toEqual({ properties: { n: { type: 'byte' } } })
  })

  it('of a map takes any name, or has keys and values', () => {
    expect(mapped(of('map', { keys: of('string'), values: of('int8') }))).toEqual({ type: 'object' })
    const byNumber = of('map', { keys: of('int32'), values: logical('int64', 'Timestamp') })
    expect(mapped(byNumber)).toMatchObject({ properties: { key: { type: 'integer' }, value: { type: 'date' } } })
  })

  it('may have any name', () => {
    const mapping = JSON.stringify(mappingOf(struct({ ['__proto__']: of('int8') }), 'string'))
    expect(mapping).toBe('{"properties":{"__proto__":{"type":"byte"}}}')
  })
})

it.each([of('string'), of('map', { keys: of('string'), values: of('int8') }), of('struct'), struct({})])(
  'a value of %j has no fields to map',
  (schema) => {
    expect(mappingOf(schema, 'string')).toBeUndefined()
  },
)
