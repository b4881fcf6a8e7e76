import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import type { Converter } from '../../src/api/converter.ts'
import { converters } from '../../src/converters/index.ts'
import { bytesConverter } from '../../src/converters/bytes.ts'
import { stringFactory } from '../../src/converters/string.ts'

const utf8 = stringFactory.create({ encoding: 'utf-8' })
const latin1 = stringFactory.create({ encoding: 'iso-8859-1' })

function decode(converter: Converter, bytes: Buffer): unknown {
  return converter.decode(Buffer.concat([Buffer.from([0]), bytes, Buffer.from([0])]), 1, bytes.length + 1)
}

describe('string', () => {
  it('gives back any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(decode(utf8, utf8.encode(text, undefined)!)).toBe(text)
      }),
    )
  })

  it('gives back any bytes in iso-8859-1', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(latin1.encode(decode(latin1, Buffer.from(bytes)), undefined)).toEqual(Buffer.from(bytes))
      }),
    )
  })

  it('refuses invalid UTF-8', () => {
    expect(() => decode(utf8, Buffer.from([0x61, 0xc3]))).toThrow('not UTF-8: invalid at byte 1')
  })

  it('keeps an empty text apart from null', () => {
    expect(decode(utf8, Buffer.alloc(0))).toBe('')
    expect(utf8.encode('', undefined)).toEqual(Buffer.alloc(0))
    expect(utf8.encode(null, undefined)).toBeNull()
  })

  it.each([
    [12.5, '12.5'],
    [9007199254740993n, '9007199254740993'],
    [true, 'true'],
    [{ a: [1n] }, '{"a":[1]}'],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [Buffer.from('raw'), 'raw'],
  ])('writes %p as %s', (value, text) => {
    expect(utf8.encode(value, undefined)?.toString()).toBe(text)
  })

  it('refuses what it has no text for', () => {
    expect(() => utf8.encode(undefined, undefined)).toThrow("can't write it as text")
    expect(() => latin1.encode('a€', undefined)).toThrow('character 1 does not exist in iso-8859-1')
  })
})

describe('bytes', () => {
  it('passes bytes through', () => {
    const bytes = Buffer.from([1, 2, 3])
    expect(decode(bytesConverter, bytes)).toEqual(bytes)
    expect(bytesConverter.encode(bytes, undefined)).toBe(bytes)
    expect(bytesConverter.encode(new Uint8Array([1, 2]), undefined)).toEqual(Buffer.from([1, 2]))
    expect(bytesConverter.encode('ä', undefined)).toEqual(Buffer.from('ä'))
    expect(bytesConverter.encode(null, undefined)).toBeNull()
  })

  it('refuses other values', () => {
    expect(() => bytesConverter.encode({ a: 1 }, undefined)).toThrow("can't write a value of type object")
  })
})

describe('the list', () => {
  it('names every converter once, with documented options', () => {
    expect(converters.map(({ name }) => name)).toEqual(['json', 'string', 'bytes', 'json-envelope'])
  })

  it('gives equal formats only to equal options', () => {
    expect(utf8.format).not.toBe(latin1.format)
    expect(stringFactory.create({ encoding: 'utf-8' }).format).toBe(utf8.format)
  })
})
