import { describe, expect, it } from '@jest/globals'
import { type Converter, RecordError } from '@connect-run/core'
import { converters, validateOptions } from '@connect-run/core/runtime'
import { type ConverterDriver, converterChecks, describeConverter } from '../../src/conformance/index.ts'
import { failures } from './outcomes.ts'

const good: Converter = {
  format: 'lines',
  schemas: false,
  decode: (buffer, start, end) => {
    if (buffer.subarray(start, end).includes(0xff)) throw new RecordError('CONVERSION_FAILED', 'byte 0xff')
    return buffer.toString('utf8', start, end).split('\n')
  },
  encode: (value) => (value === null ? null : Buffer.from((value as string[]).join('\n'))),
}

function driverOf(changes: Partial<Converter>): ConverterDriver {
  const samples = [
    { bytes: Buffer.from('a\nb'), value: ['a', 'b'] },
    { bytes: Buffer.from('日本 🎉'), value: ['日本 🎉'] },
  ]
  return { converter: { ...good, ...changes }, samples, invalid: [Buffer.from([0x61, 0xff])] }
}

describeConverter('lines', driverOf({}))

function text(): Converter {
  const factory = converters.find(({ name }) => name === 'string')!
  return factory.create(validateOptions(factory.config, {}).config!)
}

describeConverter('string', {
  converter: text(),
  samples: [
    { bytes: Buffer.from(''), value: '' },
    { bytes: Buffer.from('naïve 日本 🎉'), value: 'naïve 日本 🎉' },
  ],
  invalid: [],
})

const defects: readonly [what: string, changes: Partial<Converter>, check: string][] = [
  ['has no format', { format: '' }, 'has a format'],
  ['reads Latin-1', { decode: (b, from, to) => b.toString('latin1', from, to).split('\n') }, 'decodes its samples'],
  ['reads the whole buffer', { decode: (b) => b.toString().split('\n') }, 'decodes a range of a larger buffer'],
  [
    'keeps the buffer',
    { decode: (b, from, to) => lazily(b, from, to) },
    'keeps values when their buffer is used again',
  ],
  ['encodes something else', { encode: () => Buffer.from('x') }, 'encodes what it decodes'],
  ['encodes null as text', { encode: (value) => Buffer.from(String(value)) }, 'encodes null as null'],
  [
    'reads anything',
    { decode: (b, from, to) => b.toString('utf8', from, to).split('\n') },
    'refuses what it can not read, with CONVERSION_FAILED',
  ],
  [
    'throws what it likes',
    {
      decode: (b, from, to) => {
        if (to === from) throw new TypeError('empty')
        return good.decode(b, from, to)
      },
    },
    'decodes or refuses empty bytes and noise, and never fails otherwise',
  ],
]

function lazily(buffer: Buffer, from: number, to: number): string[] {
  return new Proxy([] as string[], {
    get: (_, key) => Reflect.get(buffer.toString('utf8', from, to).split('\n'), key) as unknown,
  })
}

describe('a converter that', () => {
  it.each(defects)('%s is caught', async (_, changes, name) => {
    expect([...(await failures(converterChecks, driverOf(changes))).keys()]).toContain(name)
  })
})

it('has a defect for every check', () => {
  const caught = new Set(defects.map(([, , check]) => check))
  expect(converterChecks.map((check) => check.name).filter((name) => !caught.has(name))).toEqual([])
})
