import { describe, expect, it } from '@jest/globals'
import { Decimal } from '@connect-run/core'
import { MAX_ID_BYTES, compileId, coordinatesId, keyText } from '../../src/operation/document-id.ts'
import { TIME, type TestRecord, batchOf } from './support.ts'

function idOf(id: string, record: TestRecord): string | undefined {
  return compileId(id)(batchOf([record]).at(0))
}

describe('coordinates', () => {
  it('are topic, partition, offset and time of the record, and nothing else', () => {
    const at = { stream: 'a+b', partition: 3, offset: 2 ** 53 - 1, timestamp: TIME }
    expect(idOf('coordinates', { value: { n: 1 }, ...at })).toBe(`a+b+3+9007199254740991+${TIME}`)
    expect(idOf('coordinates', { value: { n: 2 }, key: 'k', ...at })).toBe(`a+b+3+9007199254740991+${TIME}`)
    expect(idOf('coordinates', { value: {}, timestamp: -1 })).toBe('oceanic+0+0+-')
  })

  it('tell records apart that a transform made of one', () => {
    const at = { stream: 'a', partition: 0, offset: 7, timestamp: undefined }
    expect([0, 1, 12].map((index) => coordinatesId({ ...at, index }))).toEqual(['a+0+7+-', 'a+0+7.1+-', 'a+0+7.12+-'])
  })
})

describe('a key', () => {
  it.each<[string, unknown, string]>([
    ['a text', 'k 1', 'k 1'],
    ['an integer', 42, '42'],
    ['a 64-bit integer', 9223372036854775807n, '9223372036854775807'],
    ['a boolean', false, 'false'],
    ['a decimal', Decimal.parse('1.50'), '1.50'],
    ['bytes', Buffer.from([0, 255]), 'AP8='],
    ['a date', new Date(TIME), '2024-05-01T12:30:00.000Z'],
    [
      'a struct',
      { b: 9223372036854775807n, a: { d: 1, c: [{ f: null, e: 'x' }] } },
      '{"a":{"c":[{"e":"x","f":null}],"d":1},"b":9223372036854775807}',
    ],
    ['an array', [1, 'a'], '[1,"a"]'],
  ])('that is %s', (_name, key, id) => {
    expect(keyText(key)).toBe(id)
    expect(idOf('key', { value: {}, key })).toBe(id)
  })

  it('makes one id, in whatever order its fields come', () => {
    expect(keyText({ a: 1, b: { c: 2, d: 3 } })).toBe(keyText({ b: { d: 3, c: 2 }, a: 1 }))
  })

  it.each<[string, unknown, string]>([
    ['is missing', null, 'the id needs a key, which the record does not have'],
    ['is empty', '', 'the id is empty'],
    // The servers would take all halves for one character, and so several ids for one.
    ['has half a character', 'a\ud83d', 'an id must be Unicode text, and half a character is in it'],
    ['is no number', Number.NaN, 'the key is NaN, which makes no id'],
    ['is no date', new Date(Number.NaN), 'NaN is beyond every calendar'],
    ['holds no number', { a: Number.NaN }, 'the key can’t be written as JSON: JSON has no NaN'],
    ['holds a map', { a: new Map([[1, 2]]) }, 'the key has a map in it'],
  ])('that %s is refused', (_name, key, message) => {
    expect(() => idOf('key', { value: {}, key })).toThrow(message)
  })
})

describe('an id', () => {
  it('is made of whatever a template names', () => {
    const record = { value: { user: 'u', n: 3n }, key: { a: 1 }, headers: [{ key: 'h', value: Buffer.from('x') }] }
    expect(idOf('${value.user}-${value.n}-${header.h}-${key}', record)).toBe('u-3-x-{"a":1}')
    expect(() => idOf('${value.other}', record)).toThrow('the id needs ${value.other}')
  })

  it('is left to the server', () => {
    expect(idOf('auto', { value: {} })).toBeUndefined()
  })

  it('has 512 bytes at most, since a longer one fails the whole request', () => {
    expect(idOf('key', { value: {}, key: 'x'.repeat(MAX_ID_BYTES) })).toHaveLength(512)
    expect(() => idOf('key', { value: {}, key: 'x'.repeat(513) })).toThrow('has 513 bytes, and an id has 512 at most')
    expect(idOf('key', { value: {}, key: '€'.repeat(170) })).toHaveLength(170)
    expect(() => idOf('key', { value: {}, key: '€'.repeat(171) })).toThrow('has 513 bytes')
    expect(() => idOf('coordinates', { value: {}, stream: 'x'.repeat(500) })).toThrow('an id has 512 at most')
  })
})
