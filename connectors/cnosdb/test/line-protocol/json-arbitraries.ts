import * as fc from 'fast-check'
import type { CnosdbSinkConfig } from '../../src/sink-config.ts'
import { type JsonRecord, TIME } from '../support.ts'

/** Undefined, but for one time in so many. */
function rarely<Value>(value: fc.Arbitrary<Value>, times: number): fc.Arbitrary<Value | undefined> {
  return fc.oneof({ weight: times - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value })
}

const digits = (length: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: length }).map((found) => found.join(''))

const numberText = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.double({ min: -1e4, max: 1e4, noNaN: true }).map((value) => value.toFixed(2)),
  fc.double({ min: -1, max: 1, noNaN: true }).map((value) => value.toFixed(9)),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value.toExponential()),
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }).map(String),
  fc.tuple(fc.constantFrom('', '-'), digits(20), fc.constantFrom('', '.'), digits(20)).map((parts) => parts.join('')),
  fc.tuple(fc.constantFrom('0.', '-0.', '0.000000', '1.'), digits(8)).map((parts) => parts.join('')),
  fc.constantFrom('0', '-0', '-0.0', '0.0', '1.0', '0.1000', '-', '.5', '1.', '01', '-01', '+1', '1e', '1e+', 'NaN'),
  fc.constantFrom('1e3', '1E-3', '1e400', '-1e999', '1e308', '5e-324', '1e-400', '0e5', '1e21', '1e20', '0.0000001'),
  fc.constantFrom('0.000001', '9007199254740991', '9007199254740992', '9007199254740993', '999999999999999'),
  fc.constantFrom('123456789012345678', '9223372036854775807', '9223372036854775808', '18446744073709551616'),
  fc.constantFrom('1690510331005', '1690510331', '1690510331005000000', '9'.repeat(40), `0.${'3'.repeat(30)}`, '1_0'),
)
const plainText = fc.constantFrom('x', '', 'north hall', 'a,b=c d', 'é', '日本', '😀', '2024-05-01T12:00:00Z', '1.5')
const stringText = fc.oneof(
  { weight: 4, arbitrary: plainText.map((found) => `"${found}"`) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }).map((found) => JSON.stringify(found)) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme' }).map((found) => `"${found}"`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      String.raw`"\u0061"`,
      String.raw`"\ud800"`,
      String.raw`"a\\b"`,
      String.raw`"\"`,
      String.raw`"\x"`,
      '"tab\there"',
      '"line\nbreak"',
      '"\u007f"',
      `"${'long '.repeat(30)}"`,
      '"open',
      'x"',
    ),
  },
)
const wordText = fc.constantFrom('true', 'false', 'null', 'true', 'false', 'null', 'True', 'nul', 'nulll', 'undefined')
const nestedText = fc.constantFrom(
  '{}',
  '[]',
  '[1,2]',
  '{"b":1}',
  '{"a":{"a":[null]}}',
  '[[[',
  '['.repeat(70) + ']'.repeat(70),
)
const goodNumber = fc.oneof(
  fc.integer({ min: -1000, max: 1e6 }).map(String),
  fc.double({ min: -1e4, max: 1e4, noNaN: true }).map((value) => value.toFixed(2)),
  fc.double({ min: -1e4, max: 1e4, noNaN: true }).map(String),
)
const goodText = fc.oneof(
  { weight: 4, arbitrary: goodNumber },
  { weight: 2, arbitrary: plainText.map((found) => `"${found}"`) },
  { weight: 1, arbitrary: fc.constantFrom('true', 'false', 'null') },
)
const oddText = fc.oneof(
  { weight: 6, arbitrary: numberText },
  { weight: 3, arbitrary: stringText },
  { weight: 1, arbitrary: wordText },
  { weight: 1, arbitrary: nestedText },
)
const valueText = fc.oneof({ weight: 12, arbitrary: goodText }, { weight: 1, arbitrary: oddText })
const commonKey = fc.constantFrom('a', 'b', 't', 'temperature', 'site', 'é')
const oddKey = fc.constantFrom(
  ...['', '1', '0', '10', '01', '1a', '-1', '4294967295', 'time', 'partition', 'topic', 'index', 'a b', 'x,y=z'].concat(
    ['__proto__', 'constructor', 'toString', 'length', 'a_b', '😀', String.raw`\u0061`, String.raw`\n`, 'a\tb'],
  ),
)
const key = fc.oneof({ weight: 20, arbitrary: commonKey }, { weight: 1, arbitrary: oddKey })
const space = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom('', ' ', '  ', '\n', '\r\n\t') },
  { weight: 1, arbitrary: fc.constantFrom('\f', '\u00a0') },
)

interface Member {
  readonly key: string
  readonly value: string
  readonly spaces: readonly string[]
}
const member: fc.Arbitrary<Member> = fc.record({
  key,
  value: valueText,
  spaces: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(['', '', '', ''], ['', '', ' ', '']) },
    { weight: 1, arbitrary: fc.array(space, { minLength: 4, maxLength: 4 }) },
  ),
})
const objectText = fc
  .oneof(
    { weight: 4, arbitrary: fc.uniqueArray(member, { maxLength: 6, selector: (one) => one.key }) },
    { weight: 1, arbitrary: fc.array(member, { maxLength: 6 }) },
  )
  .map((members) => `{${members.map(memberText).join(',')}}`)

function memberText({ key: name, value, spaces: [before = '', after = '', space1 = '', end = ''] }: Member): string {
  return `${before}"${name}"${after}:${space1}${value}${end}`
}

/** Of one shape, as a sensor sends them. */
const readings = fc
  .tuple(
    fc.uniqueArray(commonKey, { minLength: 1 }),
    fc.array(fc.array(valueText, { minLength: 6, maxLength: 6 }), { minLength: 5, maxLength: 25 }),
  )
  .map(([keys, rows]) => rows.map((row) => `{${keys.map((name, i) => `"${name}": ${row[i]!}`).join(', ')}}`))

const otherText = fc.constantFrom(
  '',
  ' ',
  '1',
  '"x"',
  '[]',
  '[{"a":1},{"a":2}]',
  '{}',
  'null',
  '{',
  '{"a":1',
  '{"a":1,}',
)

/** Bytes that are changed a little: cut, prolonged, or with others put in. */
const change = fc.record({
  at: fc.nat({ max: 60 }),
  remove: fc.nat({ max: 2 }),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 3 }),
    fc.constantFrom(
      ...['\u{FEFF}', ',', '}', '"', '\\', ' ', '\0', '0', '.', 'e5', '{', ':'].map((found) => Buffer.from(found)),
      ...[[0xc3], [0xed, 0xa0, 0x80], [0xff], [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80]].map((found) =>
        Buffer.from(found),
      ),
    ),
  ),
})
const bytes = fc.tuple(
  fc.oneof({ weight: 20, arbitrary: objectText }, { weight: 1, arbitrary: otherText }),
  rarely(change, 8),
)

function changed([json, by]: readonly [string, { at: number; remove: number; bytes: Uint8Array } | undefined]): Buffer {
  const whole = Buffer.from(json)
  if (by === undefined) return whole
  const at = Math.min(by.at, whole.length)
  return Buffer.concat([whole.subarray(0, at), by.bytes, whole.subarray(at + by.remove)])
}

const origin = fc.record({
  stream: fc.constantFrom('oceanic', 'oceanic', 'arctic', 'a b'),
  partition: fc.constantFrom(0, 0, 1, 70),
  timestamp: fc.constantFrom(TIME, TIME, TIME + 1, TIME + 1, 0, -1, 5, 9_223_372_036_854),
  offset: rarely(fc.constantFrom(0, 1, 999_999, 1_000_000, 1_000_001, 2 ** 45 + 1), 8),
})

/** A batch: odd records, then some of one shape. */
export const records: fc.Arbitrary<JsonRecord[]> = fc
  .tuple(
    fc.array(fc.oneof({ weight: 20, arbitrary: bytes.map(changed) }, { weight: 1, arbitrary: fc.constant(null) })),
    readings,
    fc.array(origin, { minLength: 1 }),
  )
  .map(([odd, flat, origins]) =>
    [...odd, ...flat.map((row) => Buffer.from(row))].map((value, i) => {
      const { offset = i, ...where } = origins[i % origins.length]!
      return Object.assign(where, { value, offset })
    }),
  )

const names = fc.subarray(['a', 'b', 't', 'site', 'temp*', 'é', '1*', '?'])
const type = fc.constantFrom('double', 'bigint', 'unsigned', 'boolean', 'string')

/** Some of these options; each is there at one time in four. */
function some<Options extends object>(of: { [Name in keyof Options]: fc.Arbitrary<Options[Name]> }): fc.Arbitrary<
  Partial<Options>
> {
  const present = Object.entries<fc.Arbitrary<unknown>>(of).map(([name, value]) =>
    rarely(value, 4).map((found) => (found === undefined ? {} : { [name]: found })),
  )
  return fc.tuple(...present).map((found) => Object.assign({}, ...found) as Partial<Options>)
}

/** What a sink may be told about them. */
export const mapping: fc.Arbitrary<Partial<CnosdbSinkConfig>> = some({
  api: fc.constantFrom('cnosdb', 'influxdb'),
  table: fc.constantFrom('m', 'kafka consumer', '${topic}', '${topic}', 'x_${value.a}'),
  tags: some({
    fields: names,
    static: fc.constantFrom({ site: 'A b' }, { host: 'h1', t: '日' }),
    partition: fc.boolean(),
    topic: fc.boolean(),
    backslash: fc.constantFrom('refuse', 'slash'),
  }),
  fields: some({
    include: fc.constantFrom(['*'], ['a', 'b', 'temp*'], ['?']),
    exclude: names,
    strings: names,
    types: fc.dictionary(fc.constantFrom('a', 'b', 't', 'temp*', '*'), type, { maxKeys: 2, noNullPrototype: true }),
  }),
  time: fc.oneof(
    fc.record({ field: fc.constantFrom('a', 't'), unit: fc.constantFrom('s', 'ms', 'us', 'ns') }),
    fc.record({ field: fc.constant('t'), format: fc.constant('rfc3339') }),
  ),
  preset: fc.constant('telegraf'),
}).map((found) => Object.assign({ table: 'm' }, found))
