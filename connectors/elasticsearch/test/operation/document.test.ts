import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { Decimal } from '@connect-run/core'
import { OperationEncoder } from '../../src/operation/operations.ts'
import { sinkConfig } from '../support.ts'
import { jsonObjectText } from './json-arbitraries.ts'
import {
  type JsonRecord,
  type Options,
  type TestRecord,
  TIME,
  batchOf,
  encodeJson,
  jsonBatchOf,
  linesFor,
  linesOf,
} from './support.ts'

/** The document of a decoded value, or why there is none. */
function documentOf(value: unknown, options: Options = {}, record: Partial<TestRecord> = {}): string {
  const lines = linesFor({ ...record, value }, options)
  return lines[1] ?? lines[0]!
}

/** The document of bytes of JSON, or why there is none. */
function documentFrom(value: string | Buffer, options: Options = {}, record: Partial<JsonRecord> = {}): string {
  const { failures, ...operations } = encodeJson([{ ...record, value: Buffer.from(value) }], options)
  return failures.length > 0 ? `${failures[0]!.error.code}: ${failures[0]!.error.message}` : linesOf(operations)[0]![1]!
}

describe('a document', () => {
  it('is exact', () => {
    const value = {
      id: 9223372036854775807n,
      small: -9223372036854775808n,
      x: 0.1,
      raw: Buffer.from('é'),
      none: undefined,
    }
    expect(documentOf(value)).toBe('{"id":9223372036854775807,"small":-9223372036854775808,"x":0.1,"raw":"w6k="}')
    expect(documentFrom('{"id":9223372036854775807,"x":1.10}')).toBe('{"id":9223372036854775807,"x":1.10}')
    // Parsed, since it is on two lines.
    expect(documentFrom('{"id":9223372036854775807,\n"x":1.10}')).toBe('{"id":9223372036854775807,"x":1.1}')
  })

  it('has Decimals as text, or as numbers with all their digits', () => {
    const value = { price: Decimal.parse('12345678901234567890.10') }
    expect(documentOf(value)).toBe('{"price":"12345678901234567890.10"}')
    expect(documentOf(value, { decimals: 'double' })).toBe('{"price":12345678901234567890.10}')
    expect(documentOf(value, { decimals: 'scaled' })).toBe('{"price":12345678901234567890.10}')
  })

  it('has dates as texts that the servers take for dates, and maps as a list of entries', () => {
    const value = { at: new Date(TIME), map: new Map([[1, { a: true }]]), texts: new Map([['k', 1]]) }
    expect(documentOf(value)).toBe(
      '{"at":"2024-05-01T12:30:00.000Z","map":[{"key":1,"value":{"a":true}}],"texts":{"k":1}}',
    )
  })

  it.each<[unknown, string]>([
    ['text', 'a document is an object, and the value is a string'],
    [5, 'the value is a number'],
    [5n, 'the value is a bigint'],
    [[{}], 'the value is an array'],
    [Buffer.from('{}'), 'the value is bytes'],
    [new Map([[1, 2]]), 'the value is a map whose keys are no texts'],
  ])('is not %p', (value, message) => {
    expect(documentOf(value)).toMatch(new RegExp(`^RECORD_INVALID: .*${message}`))
  })

  it('is not what JSON can’t say', () => {
    expect(documentOf({ a: [Number.NaN] })).toBe(
      'CONVERSION_FAILED: the value can’t be written as JSON: JSON has no NaN',
    )
    expect(documentOf({ a: Number.NEGATIVE_INFINITY })).toContain('JSON has no -Infinity')
  })
})

describe('bytes of JSON', () => {
  it.each([
    ['{"a":1,"b":[1.50,"x"]}', '{"a":1,"b":[1.50,"x"]}'],
    ['  {"a":1.50}\t\r\n', '{"a":1.50}'],
    ['{ }', '{ }'],
    ['{"a":"\\n"}', '{"a":"\\n"}'],
    ['{"a":1}\r', '{"a":1}'],
    ['{"a":\r1}', '{"a":\r1}'],
    ['{"é":"€"}', '{"é":"€"}'],
  ])('%j are taken as they are', (value, document) => {
    expect(documentFrom(value)).toBe(document)
  })

  it.each([
    ['{\n  "a": 1.50,\r\n  "b": "x"\n}', '{"a":1.5,"b":"x"}'],
    ['\ufeff{"a":1}', '{"a":1}'],
  ])('%j are parsed', (value, document) => {
    expect(documentFrom(value)).toBe(document)
  })

  it.each([
    ['', 'CONVERSION_FAILED: empty value is not JSON'],
    [' \n', 'CONVERSION_FAILED: not JSON'],
    ['{"a":1', 'CONVERSION_FAILED: not JSON: it ends too early'],
    ['{"a":\n}', 'CONVERSION_FAILED: not JSON'],
    ['[{}]', 'RECORD_INVALID: a document is an object, and the value is an array'],
    ['null', 'RECORD_INVALID: a document is an object, and the value is null'],
    ['"{}"', 'RECORD_INVALID: a document is an object, and the value is a string'],
    ['{"index":{}}\n{"a":1}', 'CONVERSION_FAILED: not JSON'],
  ])('%j are refused', (value, why) => {
    expect(documentFrom(value)).toContain(why)
  })

  it('are looked at one by one, in whatever order the rows come', () => {
    const values = ['{"a":\n1}', '{"a":2}', '{"a":3}', '{"a":\n4}'].map((text) => ({ value: Buffer.from(text) }))
    const batch = jsonBatchOf(values).select([3, 1, 2, 0, 1])
    const lines = linesOf(new OperationEncoder(sinkConfig()).encode(batch))
    expect(lines.map(([, ...documents]) => documents.join('|'))).toEqual([4, 2, 3, 1, 2].map((a) => `{"a":${a}}`))
  })

  it('are UTF-8, of which one record more or less says nothing about the others', () => {
    const invalid = Buffer.from('{"a":"?"}')
    invalid[6] = 0xff
    const values = [Buffer.from('{"a":"€"}'), invalid, Buffer.from('{"a":2}')]
    const { failures, ...operations } = encodeJson(values.map((value) => ({ value })))
    expect(linesOf(operations).map(([, document]) => document)).toEqual(['{"a":"€"}', '{"a":2}'])
    expect(failures.map(({ row, error }) => [row, error.message])).toEqual([
      [1, expect.stringContaining('not UTF-8: invalid at byte 6')],
    ])
    // A character that is cut in two by the border of two records is none.
    const halves = [Buffer.from([0x7b, 0x7d, 0xe2, 0x82]), Buffer.from([0xac, 0x7b, 0x7d])]
    expect(encodeJson(halves.map((value) => ({ value }))).failures).toHaveLength(2)
  })

  it.each(['{"a":1} {"b":2}', '{"a":1}}', '{"a":1}\r{"b":2}'])(
    'are one object where a pipeline reads them, which would drop the rest of %j',
    (value) => {
      expect(documentFrom(value, { pipeline: 'p' })).toContain('CONVERSION_FAILED')
      expect(documentFrom('{"€":1.50}', { pipeline: 'p' })).toBe('{"€":1.50}')
    },
  )
})

describe('a data stream', () => {
  const dataStream = {}

  it.each([
    ['{"n":1}', '{"@timestamp":"2024-05-01T12:30:00.000Z","n":1}'],
    ['{}', '{"@timestamp":"2024-05-01T12:30:00.000Z"}'],
    [' { } ', '{"@timestamp":"2024-05-01T12:30:00.000Z"}'],
    ['{"@timestamp":5,"n":1}', '{"@timestamp":5,"n":1}'],
    ['{"\\u0040timestamp":5}', '{"@timestamp":5}'],
    ['{"a":{"@timestamp":5}}', '{"@timestamp":"2024-05-01T12:30:00.000Z","a":{"@timestamp":5}}'],
    ['{"n":"@timestamp"}', '{"@timestamp":"2024-05-01T12:30:00.000Z","n":"@timestamp"}'],
  ])('gets the record’s time where %j has none', (value, document) => {
    const text = documentFrom(value, { dataStream })
    expect(JSON.parse(text)).toEqual(JSON.parse(document))
    expect(documentOf(JSON.parse(value), { dataStream })).toBe(document)
  })

  it('has the time of a field, of whatever type servers take, and that instead of its own', () => {
    const of = (value: object): string => documentOf(value, { dataStream: { timestampField: 'a.at' } })
    expect(of({ a: { at: '2024' } })).toBe('{"@timestamp":"2024","a":{"at":"2024"}}')
    expect(of({ a: { at: 5n } })).toBe('{"@timestamp":5,"a":{"at":5}}')
    expect(of({ a: { at: 5.5 }, '@timestamp': 1, b: 2 })).toBe('{"@timestamp":5.5,"a":{"at":5.5},"b":2}')
    expect(of({ a: { at: new Date(TIME) } })).toContain('{"@timestamp":"2024-05-01T12:30:00.000Z"')
    expect(documentFrom('{"a":{"at":7}}', { dataStream: { timestampField: 'a.at' } })).toBe(
      '{"@timestamp":7,"a":{"at":7}}',
    )
    expect(documentOf({ '@timestamp': 1 }, { dataStream: { timestampField: '@timestamp' } })).toBe('{"@timestamp":1}')
    for (const value of [{}, { a: { at: null } }, { a: { at: {} } }, { a: { at: true } }, { a: { at: Number.NaN } }]) {
      expect(of(value)).toBe('RECORD_INVALID: the document has no time in `a.at`')
    }
  })

  it('takes no record without any time', () => {
    const why = 'RECORD_INVALID: a data stream needs `@timestamp`, and neither document nor record have a time'
    expect(documentOf({}, { dataStream }, { timestamp: -1 })).toBe(why)
    expect(documentFrom('{}', { dataStream }, { timestamp: -1 })).toBe(why)
    expect(documentFrom('{"@timestamp":1}', { dataStream }, { timestamp: -1 })).toBe('{"@timestamp":1}')
    expect(documentFrom('{}', { dataStream }, { timestamp: 9e15 })).toContain('is beyond every calendar')
  })
})

describe('metadata', () => {
  const metadata = '_record'
  const headers = [
    { key: 'a', value: Buffer.from('é') },
    { key: 'b', value: null },
    { key: 'a', value: Buffer.from([0xff]) },
    { key: 'a', value: Buffer.from('z') },
  ]
  const about = {
    topic: 'oceanic',
    partition: 1,
    offset: 2,
    timestamp: '2024-05-01T12:30:00.000Z',
    key: 'k',
    headers: { a: ['é', '/w==', 'z'], b: null },
  }
  const at = { partition: 1, offset: 2, headers }

  it('says where a record is from and what it carries', () => {
    expect(JSON.parse(documentOf({ n: 1 }, { metadata }, { ...at, key: 'k' }))).toEqual({ _record: about, n: 1 })
    const text = documentFrom('{"n":1.50}', { metadata }, { ...at, key: Buffer.from('k') })
    expect(text.endsWith(',"n":1.50}')).toBe(true)
    expect(JSON.parse(text)).toEqual({ _record: about, n: 1.5 })
  })

  it('leaves out what the record does not have', () => {
    expect(documentOf({}, { metadata }, { timestamp: -1 })).toBe(
      '{"_record":{"topic":"oceanic","partition":0,"offset":0}}',
    )
  })

  it('never replaces a field of the document', () => {
    const why = 'RECORD_INVALID: the document has a field `_record` already'
    expect(documentOf({ _record: 1 }, { metadata })).toBe(why)
    expect(documentFrom('{"_record":1}', { metadata })).toBe(why)
    expect(documentFrom('{"\\u005frecord":1}', { metadata })).toBe(why)
  })

  it('needs a key that JSON can say', () => {
    expect(documentOf({}, { metadata }, { key: { a: Number.NaN } })).toBe(
      'CONVERSION_FAILED: the key can’t be written as JSON: JSON has no NaN',
    )
  })

  it('stands beside the time of a data stream', () => {
    const options = { metadata, dataStream: {} }
    expect(Object.keys(JSON.parse(documentFrom('{"n":1}', options)) as object)).toEqual(['@timestamp', '_record', 'n'])
    const byField = { metadata, dataStream: { timestampField: 'n' } }
    expect(Object.keys(JSON.parse(documentFrom('{"n":1}', byField)) as object)).toEqual(['@timestamp', '_record', 'n'])
  })
})

describe('every JSON object', () => {
  const configs: Options[] = [
    {},
    { dataStream: {} },
    { metadata: '_record' },
    { dataStream: {}, metadata: '_record', routing: '${topic}' },
    { id: 'auto' },
  ]

  it.each(configs)('is the same document from bytes as from a value, with %j', (options) => {
    fc.assert(
      fc.property(fc.array(jsonObjectText, { minLength: 1, maxLength: 6 }), (texts) => {
        const batch = jsonBatchOf(texts.map((value) => ({ value: Buffer.from(value) })))
        const values = batchOf(Array.from(batch, ({ value }) => ({ value })))
        const raw = new OperationEncoder(sinkConfig(options)).encode(batch)
        const made = new OperationEncoder(sinkConfig(options)).encode(values)
        expect(raw.rows).toEqual(made.rows)
        expect(raw.failures.map(({ error }) => error.message)).toEqual(made.failures.map(({ error }) => error.message))
        const [ofBytes, ofValues] = [linesOf(raw), linesOf(made)]
        expect(ofBytes.every((lines) => lines.length === 2)).toBe(true)
        expect(ofBytes.map(([action]) => action)).toEqual(ofValues.map(([action]) => action))
        const parse = (lines: string[][]): unknown[] => lines.map(([, document]) => JSON.parse(document!) as unknown)
        expect(parse(ofBytes)).toEqual(parse(ofValues))
      }),
      { numRuns: 150 },
    )
  })

  it('and whatever else the bytes are, an operation has two lines', () => {
    const piece = fc.constantFrom('{', '}', '"', ':', ',', '1', '\n', '\r', ' ', '\\', 'é', '\u2028')
    const bytes = fc.oneof(
      fc.array(piece, { maxLength: 8 }).map((pieces) => Buffer.from(`{${pieces.join('')}}`)),
      fc.uint8Array({ maxLength: 12 }).map((array) => Buffer.from([0x7b, ...array, 0x7d])),
    )
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 5 }), (values) => {
        const { rows, failures, ...operations } = encodeJson(values.map((value) => ({ value })))
        expect(rows.length + failures.length).toBe(values.length)
        for (const lines of linesOf(operations)) expect(lines).toHaveLength(2)
        expect(operations.body.equals(Buffer.from(operations.body.toString()))).toBe(true)
      }),
    )
  })
})
