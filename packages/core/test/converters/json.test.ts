import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { isRecordError } from '../../src/api/errors.ts'
import { Decimal } from '../../src/converters/decimal.ts'
import { jsonConverter } from '../../src/converters/json.ts'

function decode(input: string | Buffer): unknown {
  const padded = Buffer.concat([Buffer.from('9"'), Buffer.from(input), Buffer.from('"9')])
  return jsonConverter.decode(padded, 2, padded.length - 2)
}

function encode(value: unknown): string | undefined {
  return jsonConverter.encode(value, undefined)?.toString()
}

function problem(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (isRecordError(error) && error.code === 'CONVERSION_FAILED') return error.message
    throw error
  }
  throw new Error('it did not fail')
}

/** With doubles in place of bigints. */
function rounded(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(rounded)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rounded(inner)]))
}

describe('reading JSON', () => {
  it('reads whatever JSON.parse reads, as it reads it', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary' }), (text) => {
        expect(rounded(decode(text))).toEqual(JSON.parse(text))
      }),
    )
  })

  it('keeps whole numbers beyond 2^53 exact', () => {
    expect(decode('{"id": 9007199254740993, "n": [-9223372036854775808]}')).toEqual({
      id: 9007199254740993n,
      n: [-9223372036854775808n],
    })
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (n) => {
        expect(BigInt(decode(`[${n}]`)![0 as never])).toBe(n)
      }),
    )
  })

  it('gives numbers for everything that a double holds', () => {
    expect(decode('[9007199254740991, 0.12345678901234567890, 1e21, 1E+300, -0]')).toEqual([
      9007199254740991, 0.12345678901234568, 1e21, 1e300, -0,
    ])
  })

  it.each(['1e400', '[1, -1e999]', '{"a": 1E+0400}', `${'9'.repeat(400)}.5`])('refuses %s as out of range', (text) => {
    expect(problem(() => decode(text))).toMatch(/number out of range at byte \d+/)
  })

  it('is not confused by digits in strings', () => {
    const text = '{"1234567890123456789": "12345678901234567890", "uuid": "1e999b33-12e4-4e5e-8e99-12e345678901"}'
    expect(decode(text)).toEqual(JSON.parse(text))
  })

  it.each([
    ['', 'empty value is not JSON'],
    ['{"a": 1} x', "not JSON: unexpected 'x' at byte 9"],
    ['{"a": 1}}', "not JSON: unexpected '}' at byte 8"],
    ['not json', "not JSON: unexpected 'n' at byte 0"],
    ['{"ä": nope}', "not JSON: unexpected 'n' at byte 7"],
    ['{"a":', 'not JSON: it ends too early at byte 5'],
    ['[1 2]', "not JSON: unexpected '2' at byte 3"],
    ['"a\u0001"', 'not JSON: unexpected a quotation mark at byte 0'],
    ['[01]', "not JSON: unexpected '1' at byte 2"],
  ])('says what is wrong with %j and where', (text, message) => {
    expect(problem(() => decode(text))).toContain(message)
  })

  it('refuses what JSON.parse refuses, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', 'x', '1', 'e', '-', '.', ' ', '\n'),
        (text, at, character) => {
          const broken = text.slice(0, at % text.length) + character + text.slice((at % text.length) + 1)
          let parsed: unknown
          let isFinite = true
          try {
            parsed = JSON.parse(broken, (_, value: unknown) => {
              if (value === Infinity || value === -Infinity) isFinite = false
              return value
            })
          } catch {
            expect(problem(() => decode(broken))).toContain('not JSON')
            return
          }
          // JSON.parse lets such numbers be infinite.
          if (isFinite) expect(rounded(decode(broken))).toEqual(parsed)
          else expect(problem(() => decode(broken))).toContain('number out of range')
        },
      ),
    )
  })

  it('shows little of the value', () => {
    const message = problem(() => decode(`{"secret": "${'s'.repeat(500)}", broken}`))
    expect(message.length).toBeLessThan(110)
  })

  it('refuses invalid UTF-8 and says where', () => {
    const bytes = Buffer.concat([Buffer.from('{"ä": "'), Buffer.from([0xff]), Buffer.from('"}')])
    expect(problem(() => decode(bytes))).toBe('not UTF-8: invalid at byte 8')
    expect(problem(() => decode(Buffer.from([0x22, 0xe2, 0x82])))).toBe('not UTF-8: invalid at byte 1')
    const mixed = Buffer.concat([Buffer.from('\u{FFFD}\u{FFFD}a'), Buffer.from([0xc0, 0x80])])
    expect(problem(() => decode(mixed))).toBe('not UTF-8: invalid at byte 7')
  })

  it('takes a replacement character that is really there', () => {
    expect(decode('"\u{FFFD}"')).toBe('\u{FFFD}')
  })

  it('tolerates a byte order mark', () => {
    expect(decode('\u{FEFF}{}')).toEqual({})
  })

  it.each(['{"__proto__": {"polluted": true}}', '{"__proto__": {"polluted": true}, "n": 12345678901234567890}'])(
    'takes __proto__ as a name like any other: %s',
    (text) => {
      const value = decode(text) as Record<string, unknown>
      expect(Object.keys(value)).toContain('__proto__')
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
      expect((value as { polluted?: unknown }).polluted).toBeUndefined()
    },
  )

  it('survives deep nesting', () => {
    expect(problem(() => decode(`${'['.repeat(5000)}12345678901234567890${']'.repeat(5000)}`))).toContain(
      'nested deeper',
    )
    expect(decode('['.repeat(5000) + ']'.repeat(5000))).toHaveLength(1)
  })

  it('takes the last of several fields of one name, on both paths', () => {
    expect(decode('{"a": 1, "a": 2}')).toEqual({ a: 2 })
    expect(decode('{"a": 1, "a": 12345678901234567890}')).toEqual({ a: 12345678901234567890n })
  })
})

describe('writing JSON', () => {
  it('gives back what it read', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(encode(value)).toBe(value === null ? undefined : JSON.stringify(value))
      }),
    )
  })

  it('makes null of null', () => expect(jsonConverter.encode(null, undefined)).toBeNull())

  it('writes what JSON.stringify can not', () => {
    const value = {
      id: 9007199254740993n,
      bytes: Buffer.from('hi'),
      time: new Date(0),
      price: new Decimal(156n, 2),
      tags: new Map([['a', 1n]]),
      pairs: new Map([[1, 'a']]),
      left: undefined,
      list: [undefined, null, 1n],
    }
    expect(encode(value)).toBe(
      '{"id":9007199254740993,"bytes":"aGk=","time":"1970-01-01T00:00:00.000Z","price":1.56,"tags":{"a":1},' +
        '"pairs":[[1,"a"]],"list":[null,null,1]}',
    )
  })

  it.each([
    [undefined, 'undefined'],
    [NaN, 'NaN'],
    [{ a: [Infinity] }, 'Infinity'],
    [{ f: () => 1 }, 'function'],
  ])('refuses %p', (value, named) => {
    expect(problem(() => encode(value))).toContain(named)
  })

  it('refuses a value that contains itself', () => {
    const loop: Record<string, unknown> = {}
    loop['self'] = loop
    expect(problem(() => encode(loop))).toContain("can't write it as JSON")
  })
})
