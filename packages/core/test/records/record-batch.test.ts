import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import type { Converter } from '../../src/api/converter.ts'
import type { ConnectRecord } from '../../src/api/record.ts'
import { bytesConverter } from '../../src/converters/bytes.ts'
import { envelopeFactory } from '../../src/converters/json-envelope.ts'
import { jsonConverter } from '../../src/converters/json.ts'
import { stringFactory } from '../../src/converters/string.ts'
import { type PackedInput, packRecords, packSourceRecords } from '../../src/records/batch-builder.ts'
import { type Codec, endConverters } from '../../src/records/codec.ts'
import type { EncodedColumns } from '../../src/records/encoded-columns.ts'
import { RecordBatch } from '../../src/records/record-batch.ts'

const bytes = fc.uint8Array({ maxLength: 12 }).map((array) => Buffer.from(array))
const bytesOrNull = fc.option(bytes)
const header = fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 4 }), value: bytesOrNull })

const input: fc.Arbitrary<PackedInput> = fc.record({
  stream: fc.constantFrom('a', 'b', 'ä'),
  partition: fc.nat(5),
  offset: fc.nat(Number.MAX_SAFE_INTEGER - 1),
  timestamp: fc.oneof(fc.constant(-1), fc.nat(2 ** 42)),
  key: bytesOrNull,
  value: bytesOrNull,
  headers: fc.option(fc.array(header, { maxLength: 3 }), { nil: undefined }),
})

const inputs = fc.array(input, { maxLength: 12 })

/** What a record must look like to its reader while its values are bytes. */
function expected({ timestamp, headers = [], ...record }: PackedInput): object {
  return {
    ...record,
    index: 0,
    timestamp: timestamp < 0 ? undefined : timestamp,
    headers,
    keyBytes: record.key,
    valueBytes: record.value,
  }
}

function shown(record: ConnectRecord): object {
  const { stream, partition, offset, index, timestamp, key, value, headers, keyBytes, valueBytes } = record
  return { stream, partition, offset, index, timestamp, key, value, headers, keyBytes, valueBytes }
}

function all(batch: RecordBatch): object[] {
  return Array.from(batch, shown)
}

/** Counts how often it decodes. */
function countingJson(): Converter & { decoded: number } {
  return {
    ...jsonConverter,
    decoded: 0,
    decode(buffer, start, end) {
      this.decoded++
      return jsonConverter.decode(buffer, start, end)
    },
  }
}

function texts(...values: (string | null)[]): RecordBatch {
  return packRecords(
    values.map((value, offset) => ({
      stream: 's',
      partition: 0,
      offset,
      timestamp: -1,
      key: null,
      value: value === null ? null : Buffer.from(value),
    })),
  )
}

const text = stringFactory.create({ encoding: 'utf-8' })
const jsonToJson: Codec = { key: endConverters(text, text), value: endConverters(jsonConverter, jsonConverter) }
const jsonToText: Codec = { key: endConverters(text, bytesConverter), value: endConverters(jsonConverter, text) }

describe('a packed batch', () => {
  it('gives back what was packed, with whatever sequence of views and joins', () => {
    const step = fc.oneof(
      fc.record({ op: fc.constant('select' as const), picks: fc.array(fc.nat(), { maxLength: 12 }) }),
      fc.record({ op: fc.constant('slice' as const), from: fc.nat(), to: fc.nat() }),
      fc.record({ op: fc.constant('concat' as const), other: inputs, before: fc.boolean() }),
    )
    fc.assert(
      fc.property(inputs, fc.array(step, { maxLength: 5 }), (records, steps) => {
        let batch = packRecords(records)
        let model: readonly PackedInput[] = records
        for (const one of steps) {
          if (one.op === 'select') {
            const rows = model.length === 0 ? [] : one.picks.map((pick) => pick % model.length)
            batch = batch.select(rows)
            model = rows.map((row) => model[row]!)
          } else if (one.op === 'slice') {
            const [from, to] = [one.from % (model.length + 1), one.to % (model.length + 1)].sort((a, b) => a - b) as [
              number,
              number,
            ]
            batch = batch.slice(from, to)
            model = model.slice(from, to)
          } else {
            const other = packRecords(one.other)
            batch = RecordBatch.concat(one.before ? [other, batch] : [batch, other])
            model = one.before ? [...one.other, ...model] : [...model, ...one.other]
          }
          expect(batch).toHaveLength(model.length)
        }
        expect(all(batch)).toEqual(model.map(expected))
      }),
    )
  })

  it('tells null from empty, in keys, values and headers', () => {
    const empty = Buffer.alloc(0)
    const record = { stream: 's', partition: 0, offset: 0, timestamp: -1 }
    const batch = packRecords([
      { ...record, key: empty, value: null, headers: [{ key: '', value: null }] },
      { ...record, key: null, value: empty, headers: [{ key: '', value: empty }] },
    ])
    expect([batch.keyBytes(0), batch.valueBytes(0), batch.isTombstone(0), batch.headers(0)[0]!.value]).toEqual([
      empty,
      null,
      true,
      null,
    ])
    expect([batch.keyBytes(1), batch.valueBytes(1), batch.isTombstone(1), batch.headers(1)[0]!.value]).toEqual([
      null,
      empty,
      false,
      empty,
    ])
  })

  it('counts the bytes of key and value', () => {
    fc.assert(
      fc.property(inputs, (records) => {
        const batch = packRecords(records)
        records.forEach((one, i) => expect(batch.byteLength(i)).toBe((one.key?.length ?? 0) + (one.value?.length ?? 0)))
      }),
    )
  })

  it('keeps its positions, and its views have none', () => {
    const positions = [{ stream: 's', partition: 0, position: { offset: 9 } }]
    const batch = packRecords([], positions)
    expect(batch.positions).toBe(positions)
    expect(texts('1', '2').withPositions(positions).select([0]).positions).toBeNull()
    expect(RecordBatch.empty.positions).toEqual([])
  })
})

describe('values', () => {
  it('are decoded once, for all views', () => {
    const counting = countingJson()
    const batch = texts('{"a": 1}', '2', null).withCodec({
      ...jsonToJson,
      value: endConverters(counting, jsonConverter),
    })
    const view = batch.select([1, 0, 2])
    expect([view.value(1), batch.value(0), view.select([1]).value(0), view.value(2)]).toEqual([
      { a: 1 },
      { a: 1 },
      { a: 1 },
      null,
    ])
    expect(counting.decoded).toBe(1)
    expect(view.value(1)).toBe(batch.value(0))
  })

  it('go through as bytes where both ends speak the same, and are written anew where not', () => {
    const batch = texts('{"a":  1}')
    expect(batch.withCodec(jsonToJson).valueBytes(0)?.toString()).toBe('{"a":  1}')
    expect(batch.withCodec(jsonToText).valueBytes(0)?.toString()).toBe('{"a":1}')
  })

  it('that are made replace the bytes, row by row', () => {
    const batch = texts('1', '2', '3', null).withCodec(jsonToJson)
    const made = batch.withValues([10, undefined, null, 4])
    expect(Array.from(made, (record) => record.value)).toEqual([10, 2, null, 4])
    expect([0, 1, 2, 3].map((row) => made.valueBytes(row)?.toString())).toEqual(['10', '2', undefined, '4'])
    expect([0, 1, 2, 3].map((row) => made.isTombstone(row))).toEqual([false, false, true, false])
    expect([0, 1, 2].map((row) => made.rawValue(row)?.toString())).toEqual(['1', '2', '3'])
    expect(Array.from(batch, (record) => record.value)).toEqual([1, 2, 3, null])
    expect(() => batch.withValues([1])).toThrow('1 values for 4 records')
  })

  it('that are made stay with their rows in views and joins', () => {
    const made = texts('1', '2', '3').withCodec(jsonToJson).withValues(['a', 'b', 'c'])
    const view = made.select([2, 0])
    expect(Array.from(view, (record) => record.value)).toEqual(['c', 'a'])
    const joined = RecordBatch.concat([view, texts('4').withCodec(jsonToJson), made.slice(1, 2)])
    expect(Array.from(joined, (record) => record.value)).toEqual(['c', 'a', 4, 'b'])
    expect(Array.from(joined, (record) => record.offset)).toEqual([2, 0, 0, 1])
  })

  it('throw what the converter throws, each time, and leave the others alone', () => {
    const batch = texts('1', 'oops').withCodec(jsonToJson)
    expect(() => batch.value(1)).toThrow('not JSON')
    expect(() => batch.at(1).value).toThrow('not JSON')
    expect(batch.value(0)).toBe(1)
    expect(batch.rawValue(1)?.toString()).toBe('oops')
  })

  it('come with their schemas, until they are made anew', () => {
    const envelope = envelopeFactory.create({
      schemas: true,
      decimalFormat: 'base64',
      replaceNullWithDefault: true,
      strict: false,
    })
    const codec: Codec = { key: jsonToJson.key, value: endConverters(envelope, jsonConverter) }
    const batch = texts('{"schema":{"type":"int64","optional":false},"payload":7}', null).withCodec(codec)
    const schema = { type: 'int64', optional: false }
    expect([batch.valueSchema(0), batch.value(0), batch.valueSchema(1)]).toEqual([schema, 7, undefined])
    expect(batch.select([1, 0]).at(1).valueSchema).toEqual(schema)
    expect(RecordBatch.concat([batch, batch]).valueSchema(2)).toEqual(schema)
    expect(batch.withValues([8, null]).valueSchema(0)).toBeUndefined()
    expect(batch.withValues([8, null], [{ type: 'int8', optional: true }, undefined]).valueSchema(0)?.type).toBe('int8')
  })
})

describe('text', () => {
  it("is written with the schema that Kafka Connect's file source gives a line; a tombstone stays one", () => {
    const string = stringFactory.create({ encoding: 'utf-8' })
    const envelope = envelopeFactory.create({
      schemas: true,
      decimalFormat: 'base64',
      replaceNullWithDefault: true,
      strict: false,
    })
    const codec: Codec = { key: endConverters(string, string), value: endConverters(string, envelope) }
    const batch = texts('foo', null).withCodec(codec)
    const line = '{"schema":{"type":"string","optional":false},"payload":"foo"}'
    expect([batch.valueBytes(0)?.toString(), batch.valueBytes(1)]).toEqual([line, null])
  })
})

describe('values that nobody keeps', () => {
  it('are decoded each time, unless they come with a schema', () => {
    const counting = countingJson()
    const codec = { ...jsonToJson, value: endConverters(counting, jsonConverter) }
    const batch = texts('{"a": 1}').withCodec(codec, false)
    expect([batch.value(0), batch.value(0), batch.valueSchema(0), counting.decoded]).toEqual([
      { a: 1 },
      { a: 1 },
      undefined,
      2,
    ])
  })
})

describe('encoded columns', () => {
  const utf8 = stringFactory.create({ encoding: 'utf-8' })
  const keysAndValues = ({ encoded }: { encoded: EncodedColumns }): (string | null)[][] => {
    const { buffer, keyStart, keyEnd, valueStart, valueEnd } = encoded
    const at = (start: number, end: number): string | null => (end < 0 ? null : buffer.toString('utf8', start, end))
    return Array.from(valueEnd, (_, i) => [at(keyStart[i]!, keyEnd[i]!), at(valueStart[i]!, valueEnd[i]!)])
  }

  it("are the source's own columns where bytes pass through", () => {
    const batch = texts('a', null, '').withCodec(jsonToJson)
    expect(batch.encoded()).toBe(batch.packed)
    expect(keysAndValues({ encoded: batch.select([2, 1]).encoded() })).toEqual([
      [null, ''],
      [null, null],
    ])
    expect(batch.select([2, 1]).encoded().buffer).toBe(batch.packed.buffer)
  })

  it('are made once by the runtime and follow into views and joins', () => {
    const codec: Codec = { key: endConverters(utf8, utf8), value: endConverters(utf8, jsonConverter) }
    const batch = texts('a', null, 'é').withCodec(codec)
    const encoded = batch.withEncoded(batch.encoded())
    expect(keysAndValues({ encoded: encoded.encoded() })).toEqual([
      [null, '"a"'],
      [null, null],
      [null, '"é"'],
    ])
    expect(encoded.select([2]).valueBytes(0)?.toString()).toBe('"é"')
    const joined = RecordBatch.concat([encoded.slice(1, 3), encoded.slice(0, 1)])
    expect(keysAndValues({ encoded: joined.encoded() }).map(([, value]) => value)).toEqual([null, '"é"', '"a"'])
    expect(joined.valueBytes(1)?.toString()).toBe('"é"')
  })

  it('are made anew where a transform has made other values', () => {
    const batch = texts('1', '2').withCodec(jsonToJson)
    const changed = batch.withEncoded(batch.encoded()).withValues([undefined, { a: 1 }])
    expect(keysAndValues({ encoded: changed.encoded() }).map(([, value]) => value)).toEqual(['1', '{"a":1}'])
  })

  it('hold rows that are larger than the first buffer', () => {
    const large = 'x'.repeat(10_000)
    const codec: Codec = { key: endConverters(utf8, utf8), value: endConverters(utf8, jsonConverter) }
    const batch = texts('a', large, 'b').withCodec(codec)
    const values = keysAndValues({ encoded: batch.encoded() }).map(([, value]) => value)
    expect(values).toEqual(['"a"', `"${large}"`, '"b"'])
  })
})

describe('what the source read', () => {
  it('has the format of its converter until somebody makes other values', () => {
    const batch = texts('1', '2').withCodec(jsonToJson)
    expect([batch.sourceFormat, batch.isWhole]).toEqual(['json', true])
    expect([batch.select([1]).sourceFormat, batch.select([1]).isWhole]).toEqual(['json', false])
    expect(batch.withValues([1, 2]).sourceFormat).toBeNull()
    expect(packSourceRecords([{ offset: 0, value: { a: 1 } }], 's').withCodec(jsonToJson).sourceFormat).toBeNull()
  })
})

describe('origins', () => {
  it('number the packed rows and follow them into every view and join', () => {
    const first = texts('1', '2', '3').withOrigins(100)
    const second = texts('4', '5').withOrigins(103)
    const joined = RecordBatch.concat([first.select([2, 0]), second.withValues(['x', 'y'])])
    expect([0, 1, 2, 3].map((row) => joined.origin(row))).toEqual([102, 100, 103, 104])
    expect(joined.select([3, 1]).origin(0)).toBe(104)
  })
})

describe('pieces of a record', () => {
  it('are told apart by their index, also when pieces are split again', () => {
    const batch = packSourceRecords(
      [
        { offset: 4, value: 'a' },
        { offset: 5, value: 'b' },
      ],
      's',
    )
    const twice = batch.expand([0, 0, 1], ['x', 'y', 'z'])
    const again = twice.expand([0, 0, 1, 1, 2], [1, 2, 3, 4, 5])
    expect(Array.from(again, ({ offset, index, value }) => [offset, index, value])).toEqual([
      [4, 0, 1],
      [4, 1, 2],
      [4, 2, 3],
      [4, 3, 4],
      [5, 0, 5],
    ])
  })
})

describe('plain records', () => {
  it('are packed with their defaults, bytes and values side by side', () => {
    const batch = packSourceRecords(
      [
        { offset: 0, value: Buffer.from('1'), key: Buffer.from('k') },
        { offset: 1, value: { a: 1 }, key: 'made', timestamp: 5, headers: [{ key: 'h', value: null }] },
        { offset: 7, value: null, stream: 'other', partition: 2, next: { offset: 20, token: 't' } },
        { offset: 2, value: undefined },
      ],
      'mine',
    ).withCodec(jsonToJson)
    expect(all(batch)).toEqual([
      expect.objectContaining({ stream: 'mine', partition: 0, offset: 0, timestamp: undefined, key: 'k', value: 1 }),
      expect.objectContaining({
        offset: 1,
        timestamp: 5,
        key: 'made',
        value: { a: 1 },
        headers: [{ key: 'h', value: null }],
      }),
      expect.objectContaining({ stream: 'other', partition: 2, offset: 7, key: null, value: null }),
      expect.objectContaining({ stream: 'mine', offset: 2, value: null }),
    ])
    expect(batch.positions).toEqual([
      { stream: 'mine', partition: 0, position: { offset: 3 } },
      { stream: 'other', partition: 2, position: { offset: 20, token: 't' } },
    ])
    expect([0, 1].map((row) => batch.rawValue(row)?.toString())).toEqual(['1', undefined])
    expect(batch.valueBytes(1)?.toString()).toBe('{"a":1}')
    expect(batch.isTombstone(2)).toBe(true)
  })

  it('may be none', () => {
    expect(packSourceRecords([], 's')).toBe(RecordBatch.empty)
  })
})
