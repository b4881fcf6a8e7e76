import { describe, expect, it } from '@jest/globals'
import type { Converter } from '@connect-run/core'
import * as fc from 'fast-check'
import { LineEncoder } from '../../src/line-protocol/encoder.ts'
import { compileMapping } from '../../src/mapping.ts'
import type { CnosdbSinkConfig } from '../../src/sink-config.ts'
import { type JsonRecord, json, jsonBatchOf, sinkConfig, why } from '../support.ts'
import { mapping, records } from './json-arbitraries.ts'

/** By hand: `TRANSCODER_RUNS=100000` for more, and `TRANSCODER_SEED` to repeat what a failure printed. */
const numRuns = Number(process.env['TRANSCODER_RUNS'] ?? 500)
const seed = Number(process.env['TRANSCODER_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** An encoder of JSON that counts the records which it parses. */
class CountingEncoder {
  parsed = 0
  readonly #encoder: LineEncoder

  constructor(options: Partial<CnosdbSinkConfig>) {
    const config = sinkConfig(options)
    this.#encoder = new LineEncoder(compileMapping(config, ['oceanic', 'arctic']), config)
  }

  /** Everything that the encoder says of a batch. */
  encode(batch: readonly JsonRecord[]): object {
    const decode: Converter['decode'] = (...bytes) => {
      this.parsed++
      return json.decode(...bytes)
    }
    const bound = jsonBatchOf(batch, { ...json, decode })
    const { body, rows, failures, mixedColumns, severalTables } = this.#encoder.encode(bound)
    const refused = failures.map((failure) => [failure.row, why(failure), failure.error.hint])
    const columns = rows.length === 0 ? [] : ['a', 'b', 't', 'partition', ...mixedColumns]
    const uses = columns.map((column) => this.#encoder.columnOf(bound, rows.at(-1)!, column))
    return { body: body.toString('latin1'), rows, refused, mixedColumns, severalTables, uses }
  }
}

/** Whether a record is written without being parsed, once another one has taught the encoder its columns. */
function isTranscoded(text: string, options: Partial<CnosdbSinkConfig>): boolean {
  const encoder = new CountingEncoder(options)
  const batch = [{ value: Buffer.from(text) }]
  encoder.encode(batch)
  encoder.parsed = 0
  encoder.encode(batch)
  return encoder.parsed === 0
}

const options: Partial<CnosdbSinkConfig> = {
  tags: { fields: ['t*'], static: { host: 'h1' } },
  fields: { types: { i: 'bigint', u: 'unsigned', s: 'string' }, exclude: ['x'] },
}

describe('what is not parsed', () => {
  it.each([
    '{"a": 3.2, "b": -15, "c": 0}',
    ' {\r\n\t"a" : 1 , "b" : true, "c" : null } \n',
    '{"a": 1.0, "b": 0.1000, "c": 1e3, "d": -0, "e": 0.0000001, "f": 3.2000000000000002}',
    '{"a": "text", "b": "", "c": "日本 😀"}',
    '{"t": "north hall", "t1": "é,=", "t2": 5, "t3": false, "t4": "", "a": 1}',
    '{"i": 123456789012345678, "u": 5, "s": 1.5}',
    '{"x": 9007199254740993, "a": 1}',
  ])('%s', (text) => {
    expect(isTranscoded(text, options)).toBe(true)
  })

  it.each([
    { time: { field: 't', unit: 'ms' } },
    { table: '${topic}' },
    { preset: 'telegraf' },
    { tags: { fields: ['t'], static: { t: 'x' } } },
  ] as const)('with %j', (config) => {
    expect(isTranscoded('{"t": 1690510331005, "a": 1, "b": "x"}', config)).toBe(true)
  })
})

describe('what is left to the general path', () => {
  it.each([
    ['a key that comes twice', '{"a": 1, "a": 2}', {}],
    ['a key that objects put before others', '{"a": 1, "1": 1}', {}],
    ['an escape', String.raw`{"a": "\n"}`, {}],
    ['a nested object', '{"a": {"b": 1}}', {}],
    ['an integer that a double rounds', '{"a": 9007199254740993}', {}],
    ['another type than the column has', '{"i": 1.5}', options],
    ['a negative unsigned integer', '{"u": -1}', options],
    ['a point without fields', '{"t": "x"}', options],
    ['what is no JSON', '{"a": 1} x', {}],
    ['a root', '{"p": {"a": 1}}', { root: 'p' }],
    ['a table of a value', '{"a": 1}', { table: '${value.a}' }],
    ['header tags', '{"a": 1}', { tags: { headers: ['h'] } }],
    ['everything, if the config says so', '{"a": 1}', { transcode: false }],
  ] as const)('%s', (_name, text, config) => {
    expect(isTranscoded(text, config)).toBe(false)
  })

  it('rows that are never taken are tried more and more seldom, and rows of another shape are taken again', () => {
    const encoder = new CountingEncoder({})
    const nested = Array.from({ length: 1000 }, () => ({ value: Buffer.from('{"a": {"b": 1}}') }))
    const flat = Array.from({ length: 1000 }, (_, i) => ({ value: Buffer.from('{"c": 1}'), offset: 1000 + i }))
    encoder.encode(nested)
    encoder.parsed = 0
    encoder.encode(flat)
    expect(encoder.parsed).toBeLessThan(400)
  })
})

describe('one identity', () => {
  it.each(['north', 'a,b=c d', '日本 😀'])('is noticed on whichever way its points came: tag %s', (tag) => {
    const encoder = new CountingEncoder({ tags: { fields: ['t'] } })
    const taken = JSON.stringify({ t: tag, a: 1 })
    const left = JSON.stringify({ t: tag, a: 'an \n' })
    const batch = [taken, taken, left].map((text, i) => ({ value: Buffer.from(text), offset: 5 + i * 1_000_000 }))
    expect(encoder.encode(batch)).toMatchObject({ rows: [0], refused: [collision(1), collision(2)] })
    const later = [left, taken].map((text, i) => ({ value: Buffer.from(text), offset: 6 + i * 1_000_000 }))
    expect(encoder.encode(later)).toMatchObject({ rows: [0], refused: [collision(1)] })
  })

  const collision = (row: number): unknown[] => [row, expect.stringMatching(/^RECORD_COLLISION/), expect.anything()]
})

describe('batches of odd bytes', () => {
  it(`make the same points and failures whether they are parsed or not (seed ${seed})`, () => {
    let parsed = 0
    let rows = 0
    fc.assert(
      fc.property(fc.array(records, { minLength: 2, maxLength: 5 }), mapping, (batches, config) => {
        const general = new CountingEncoder({ ...config, transcode: false })
        const transcoding = new CountingEncoder(config)
        for (const batch of batches) expect(transcoding.encode(batch)).toEqual(general.encode(batch))
        rows += general.parsed
        parsed += transcoding.parsed
      }),
      { numRuns, seed },
    )
    expect(parsed / rows).toBeLessThan(0.75)
  })
})
