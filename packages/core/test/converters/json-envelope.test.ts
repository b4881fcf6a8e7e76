import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import type { Converter, SchemaAndValue } from '../../src/api/converter.ts'
import { isRecordError } from '../../src/api/errors.ts'
import { nearestFloat } from '../../src/converters/envelope/java-text.ts'
import { numberIfSafe } from '../../src/converters/envelope/json-number.ts'
import type { EnvelopeConfig } from '../../src/converters/envelope/rules.ts'
import { schemaText } from '../../src/converters/envelope/schema-json.ts'
import { envelopeFactory } from '../../src/converters/json-envelope.ts'
import { type ConverterCase, type RecordedSchema, converterCases, schemaOf, valueOf } from './vectors.ts'

const defaults: EnvelopeConfig = { schemas: true, decimalFormat: 'base64', replaceNullWithDefault: true, strict: false }

function envelope(config: Partial<EnvelopeConfig> = {}): Converter {
  return envelopeFactory.create({ ...defaults, ...config })
}

function configOf({ config }: ConverterCase): Partial<EnvelopeConfig> {
  return {
    schemas: config['schemas.enable'] === 'true',
    replaceNullWithDefault: config['replace.null.with.default'] !== 'false',
    decimalFormat: config['decimal.format']?.toLowerCase() === 'numeric' ? 'numeric' : 'base64',
  }
}

function decode(converter: Converter, text: string): SchemaAndValue {
  const bytes = Buffer.from(`##${text}##`)
  return converter.decode(bytes, 2, bytes.length - 2) as SchemaAndValue
}

function failure(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (isRecordError(error) && error.code === 'CONVERSION_FAILED') return error.message
    throw error
  }
  throw new Error('it did not fail')
}

/** Messages that name Java classes or another option are ours from there on. */
function comparable(message: string): string {
  return message
    .replace(/ If you are trying to deserialize plain JSON data.*$/, '')
    .replace('class java.lang.String', 'string')
    .replace('Java class class java.math.BigDecimal', 'Decimal')
}

describe('what Kafka Connect reads', () => {
  const cases = converterCases('JsonConverter.toConnect')

  it('has all recorded cases', () => expect(cases).toHaveLength(58))

  it.each(cases.map((one) => [one.id, JSON.stringify(one.input_utf8), one] as const))('%i %s', (_id, _text, one) => {
    const converter = envelope(configOf(one))
    const { output, input_utf8: text } = one
    if (text === null) {
      // Null bytes never reach a converter: RecordBatch answers null itself.
      expect(output).toEqual({ schema: null, value: null })
      return
    }
    if (output!.error !== undefined) {
      expect(failure(() => decode(converter, text!))).toMatch(startingWith(comparable(output!.message!)))
      return
    }
    for (const round of ['first', 'known schema']) {
      const { schema, value } = decode(converter, text!)
      const recorded = output!.schema as RecordedSchema | null
      expect([round, schema === undefined ? null : JSON.parse(schemaText(schema, defaults))]).toEqual([round, recorded])
      expect(value).toEqual(valueOf(output!.value!, schemaOf(recorded)))
    }
  })
})

function startingWith(text: string): RegExp {
  return new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`)
}

describe('what Kafka Connect writes', () => {
  const cases = converterCases('JsonConverter.fromConnect')

  it('has all recorded cases', () => expect(cases).toHaveLength(48))

  it.each(cases.map((one) => [one.id, JSON.stringify(one.input), one] as const))('%i %s', (_id, _input, one) => {
    const converter = envelope(configOf(one))
    const schema = schemaOf(one.input!.schema)
    const value = valueOf(one.input!.value, schema)
    if (one.output?.error === undefined) {
      expect(converter.encode(value, schema)?.toString() ?? null).toBe(one.output_utf8)
    } else {
      expect(failure(() => converter.encode(value, schema))).toBe(comparable(one.output.message!))
    }
  })
})

describe('beyond the recorded cases', () => {
  it('reads back what it writes', () => {
    const schema = {
      type: 'struct',
      optional: false,
      fields: [
        { field: 'i', schema: { type: 'int64', optional: false } },
        { field: 's', schema: { type: 'string', optional: true } },
        { field: 'd', schema: { type: 'double', optional: false } },
        { field: 'f', schema: { type: 'float', optional: false } },
        { field: 'b', schema: { type: 'bytes', optional: false } },
      ],
    } as const
    const converter = envelope()
    const values = fc.record({
      i: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(numberIfSafe),
      s: fc.option(fc.string({ unit: 'binary' })),
      d: fc.double({ noNaN: true, noDefaultInfinity: true }),
      f: fc.float({ noNaN: true, noDefaultInfinity: true }).map(nearestFloat),
      b: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    })
    fc.assert(
      fc.property(values, (value) => {
        const bytes = converter.encode(value, schema)!
        expect(converter.decode(bytes, 0, bytes.length)).toEqual({ schema, value })
      }),
    )
  })

  it('gives records of one schema the same schema object', () => {
    const converter = envelope()
    const one = decode(converter, '{"schema":{"type":"int32","optional":false},"payload":1}')
    const two = decode(converter, '{"schema":{"type":"int32","optional":false},"payload":2}')
    expect(two).toEqual({ schema: one.schema, value: 2 })
    expect(two.schema).toBe(one.schema)
  })

  it('is not led astray by an envelope that says schema twice', () => {
    const converter = envelope()
    decode(converter, '{"schema":{"type":"int32"},"payload":1,"schema":{"type":"string"}}')
    expect(decode(converter, '{"schema":{"type":"int32"},"payload":7}').value).toBe(7)
  })

  it('checks every envelope, also after one of the same schema', () => {
    const converter = envelope()
    decode(converter, '{"schema":{"type":"int32"},"payload":1}')
    expect(failure(() => decode(converter, '{"schema":{"type":"int32"},"payload":1,"more":2}'))).toMatch(
      /^JsonConverter with/,
    )
  })

  it.each([
    ['{"schema":{"type":"int8"},"payload":300}', '300 is no INT8'],
    ['{"schema":{"type":"int64"},"payload":12.7}', '12.7 is no INT64'],
    ['{"schema":{"type":"int32"},"payload":"12"}', 'STRING is no INT32'],
    ['{"schema":{"type":"string"},"payload":5}', '5 is no STRING'],
    ['{"schema":{"type":"boolean"},"payload":"true"}', 'STRING is no BOOLEAN'],
    ['{"schema":{"type":"float"},"payload":1e39}', '1e39 is no FLOAT32'],
    ['{"schema":{"type":"array","items":{"type":"int32"}},"payload":5}', '5 is no ARRAY'],
    ['{"schema":{"type":"struct","fields":[]},"payload":{"x":1}}', 'field "x" is not in the schema'],
    ['{"schema":{"type":"int32"},"payload":1} trailing', 'serialization error'],
  ])('strict refuses %s, and Kafka Connect does not', (text, message) => {
    expect(failure(() => decode(envelope({ strict: true }), text))).toContain(message)
    expect(decode(envelope(), text).schema).toBeDefined()
  })

  it('leaves null where defaults are not wanted', () => {
    const text = '{"schema":{"type":"string","optional":true,"default":"d"},"payload":null}'
    expect(decode(envelope({ replaceNullWithDefault: false }), text).value).toBeNull()
  })

  it('keeps __proto__ an ordinary field', () => {
    const { value } = decode(envelope({ schemas: false }), '{"__proto__":{"x":1}}')
    expect(Object.keys(value as object)).toEqual(['__proto__'])
  })

  it('refuses whole numbers out of range', () => {
    expect(failure(() => envelope().encode(300, { type: 'int8', optional: false }))).toBe('Invalid type for INT8: 300')
    expect(failure(() => envelope({ schemas: false }).encode(2n ** 63n, undefined))).toContain('INT64')
  })
})
