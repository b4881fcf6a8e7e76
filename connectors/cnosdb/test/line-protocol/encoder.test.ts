import { describe, expect, it } from '@jest/globals'
import { encode, encoderOf, batchOf, line, why } from '../support.ts'

describe('values', () => {
  it.each([
    [{ a: 1, b: -2.5, c: 0.1 }, 'm a=1,b=-2.5,c=0.1'],
    [{ a: -0, b: 1e21, c: 1.5e-7, d: 1e300 }, 'm a=-0,b=1e21,c=1.5e-7,d=1e300'],
    [{ a: true, b: false }, 'm a=true,b=false'],
    [{ a: 'x', b: '' }, 'm a="x",b=""'],
    [{ a: 'say "hi" \\o/', b: 'two\nlines' }, 'm a="say \\"hi\\" \\\\o/",b="two\nlines"'],
    [{ a: '日本 😀' }, 'm a="日本 😀"'],
    [{ a: null, b: 1 }, 'm b=1'],
    [{ a: 2n ** 60n }, 'm a=1152921504606847000'],
    [{ a: { b: 1, c: { d: 2 } }, e: [3, [4, { f: 5 }]] }, 'm a_b=1,a_c_d=2,e_0=3,e_1_0=4,e_1_1_f=5'],
    [{ 'a b': 1, 'c,d=e': 2 }, String.raw`m a\ b=1,c\,d\=e=2`],
    [{ when: new Date(5), b: 1 }, 'm when="1970-01-01T00:00:00.005Z",b=1'],
  ])('%j', (value, expected) => {
    expect(line(value)).toBe(expected)
  })

  it('does not mistake one shape for another', () => {
    const values = [{ a: 1, b: 2 }, { b: 3, a: 4 }, { a: 5 }, { c: 6, a: { x: 7 } }, { a: [8] }, { a: 1, b: 2 }]
    const { text } = encode(values.map((value) => ({ value })))
    expect(text.split('\n').map((row) => row.split(' ')[1])).toEqual([
      'a=1,b=2',
      'b=3,a=4',
      'a=5',
      'c=6,a_x=7',
      'a_0=8',
      'a=1,b=2',
      undefined,
    ])
  })

  it('takes the separator from the config', () => {
    expect(line({ a: { b: [1] } }, { flatten: { separator: '.' } })).toBe('m a.b.0=1')
  })
})

describe('types', () => {
  const types = { id: 'bigint', 'n_*': 'unsigned', s: 'string', d: 'double', b: 'boolean' } as const

  it.each([
    [{ id: 5 }, 'm id=5i'],
    [{ id: -(2n ** 63n) }, 'm id=-9223372036854775808i'],
    [{ id: 2n ** 63n - 1n }, 'm id=9223372036854775807i'],
    [{ n_1: 2n ** 64n - 1n }, 'm n_1=18446744073709551615u'],
    [{ s: 5.5 }, 'm s="5.5"'],
    [{ s: true }, 'm s="true"'],
    [{ d: 2n ** 53n + 1n }, 'm d=9007199254740992'],
    [{ b: true }, 'm b=true'],
    [{ id: 1.5 }, 'COLUMN_TYPE_CONFLICT: the field `id` is 1.5, its column holds integers'],
    [{ id: 'x' }, 'COLUMN_TYPE_CONFLICT: the field `id` is a string, its column is bigint'],
    [{ d: '5.5' }, 'COLUMN_TYPE_CONFLICT: the field `d` is a string, its column is double'],
    [{ b: 1 }, 'COLUMN_TYPE_CONFLICT: the field `b` is a number, its column is boolean'],
    [{ id: 2n ** 63n }, 'RECORD_INVALID: the field `id` is 9223372036854775808, out of range for bigint'],
    [{ n_1: -1 }, 'RECORD_INVALID: the field `n_1` is -1, out of range for unsigned'],
    [{ id: Infinity }, 'COLUMN_TYPE_CONFLICT: the field `id` is Infinity, its column holds integers'],
  ])('%o', (value, expected) => {
    expect(line(value, { fields: { types } })).toBe(expected)
  })

  it('an integer that a DOUBLE would round is refused unless its type says so', () => {
    const { failures } = encode([{ value: { id: 9007199254740993n } }])
    expect(why(failures[0]!)).toBe('RECORD_INVALID: the field `id` is 9007199254740993, which a DOUBLE would round')
    expect(failures[0]?.error.hint).toContain('{id: bigint}')
    expect(line({ id: 9007199254740993n }, { fields: { types: { id: 'bigint' } } })).toBe('m id=9007199254740993i')
  })
})

describe('tags and fields', () => {
  it.each([
    [{ fields: ['t'] }, { t: 'x y', v: 1 }, String.raw`m,t=x\ y v=1`],
    [{ fields: ['a_*'] }, { a: { b: 'x', c: 5 }, v: 1 }, 'm,a_b=x,a_c=5 v=1'],
    [{ fields: ['t'] }, { t: true, v: 1 }, 'm,t=true v=1'],
    [{ fields: ['t'] }, { t: '', v: 1 }, 'm v=1'],
    [{ fields: ['t'] }, { t: null, v: 1 }, 'm v=1'],
    [{ static: { site: 'A=1' } }, { v: 1 }, String.raw`m,site=A\=1 v=1`],
    [{ fields: ['site'], static: { site: 'A' } }, { v: 1 }, 'm,site=A v=1'],
    [{ fields: ['site'], static: { site: 'A' } }, { site: 'B', v: 1 }, 'm,site=B v=1'],
    [{ fields: ['t'], backslash: 'slash' }, { t: 'C:\\dir', v: 1 }, 'm,t=C:/dir v=1'],
    [{ fields: ['t'] }, { t: 'a\\\\b', v: 1 }, String.raw`m,t=a\\b v=1`],
  ] as const)('%j', (tags, value, expected) => {
    expect(line(value, { tags: { partition: false, ...tags } })).toBe(expected)
  })

  it('header tags: the last of a name, if it has a value', () => {
    const headers = ['one', 'two']
      .map((text) => ({ key: 'h', value: Buffer.from(text) }))
      .concat({ key: 'e', value: Buffer.alloc(0) })
    const { text } = encode([{ value: { v: 1 }, headers }], { tags: { headers: ['h', 'e', 'absent'] } })
    expect(text).toBe('m,partition=0,h=two v=1 1690510331000000000\n')
  })

  it.each([
    [{ include: ['a', 'c*'] }, 'm a=1,c_d="x"'],
    [{ exclude: ['a', '*_d'] }, 'm b=true'],
    [{ include: ['a', 'b'], exclude: ['b'] }, 'm a=1'],
    [{ strings: [] }, 'm a=1'],
    [{ strings: ['c_?'] }, 'm a=1,c_d="x"'],
  ])('%j', (fields, expected) => {
    expect(line({ a: 1, b: true, c: { d: 'x' } }, { fields })).toBe(expected)
  })
})

describe('tables and roots', () => {
  it.each([
    ['${topic}', 'oceanic'],
    ['a-${value.kind}-${value.sub.n}', 'a-buoy-7'],
    ['x ${value.kind}', String.raw`x\ buoy`],
  ])('%s', (table, expected) => {
    const value = { kind: 'buoy', sub: { n: 7 }, v: 1 }
    expect(line(value, { table, fields: { include: ['v'] } })).toBe(`${expected} v=1`)
  })

  it('several tables in one request', () => {
    const { text, severalTables } = encode([{ value: { k: 'a', v: 1 } }, { value: { k: 'b', v: 1 } }], {
      table: '${value.k}',
    })
    expect(text.split('\n').map((row) => row.split(',')[0])).toEqual(['a', 'b', ''])
    expect(severalTables).toBe(true)
    expect(encode([{ value: { v: 1 } }, { value: { v: 1 } }]).severalTables).toBe(false)
  })

  it('root', () => {
    expect(line({ p: { q: { v: 1 } } }, { root: 'p.q' })).toBe('m v=1')
    expect(line({ p: 1 }, { root: 'p.q' })).toMatch(/^RECORD_INVALID: a point needs an object, and this is nothing/)
  })
})

describe('times in the value', () => {
  it.each([
    ['s', 1536001411, '1536001411000000000'],
    ['s', '1536001411.1234567890', '1536001411123456789'],
    ['s', 1536002769.123, '1536002769123000000'],
    ['ms', 1690510331005, '1690510331005000000'],
    ['us', '1.5', '1500'],
    ['ns', 9223372036854775806n, '9223372036854775806'],
    ['ns', '-5', '-5'],
    ['s', -1.5, '-1500000000'],
  ] as const)('%s %p', (unit, ts, expected) => {
    expect(encode([{ value: { ts, v: 1 }, timestamp: -1 }], { time: { field: 'ts', unit } }).text).toBe(
      `m v=1 ${expected}\n`,
    )
  })

  it.each([
    ['2024-05-01T12:00:00Z', '1714564800000000000'],
    ['2024-05-01T14:00:00.123456789123+02:00', '1714564800123456789'],
    ['1969-12-31t23:59:59.5z', '-500000000'],
  ])('%s', (ts, expected) => {
    expect(encode([{ value: { ts, v: 1 } }], { time: { field: 'ts', format: 'rfc3339' } }).text).toBe(
      `m v=1 ${expected}\n`,
    )
  })

  it.each([
    [{ unit: 'ms' }, { v: 1 }, 'the point has no `ts`'],
    [{ unit: 'ms' }, { ts: null, v: 1 }, 'the point has no `ts`'],
    [{ unit: 'ms' }, { ts: 'soon', v: 1 }, '"soon" is not a number of ms'],
    [{ unit: 'ms' }, { ts: true, v: 1 }, 'true is not a number of ms'],
    [{ unit: 's' }, { ts: 1e10, v: 1 }, 'out of range'],
    [{ unit: 'ns' }, { ts: '9223372036854775807', v: 1 }, 'out of range'],
    [{ unit: 'ns' }, { ts: '-9223372036854775808', v: 1 }, 'out of range'],
    [{ format: 'rfc3339' }, { ts: '2024-05-01T12:00:00', v: 1 }, 'is not a time like'],
    [{ format: 'rfc3339' }, { ts: '2024-04-31T12:00:00Z', v: 1 }, 'is not a time that exists'],
    [{ format: 'rfc3339' }, { ts: '2024-05-01T25:00:00Z', v: 1 }, 'is not a time that exists'],
  ] as const)('%j %j is refused', (time, value, expected) => {
    expect(line(value, { time: { field: 'ts', ...time } })).toContain(expected)
  })

  it('elements of one array with the same time and tags are told apart', () => {
    const value = [
      { ts: 1, v: 1 },
      { ts: 2, v: 2 },
      { ts: 1, v: 3 },
    ]
    expect(encode([{ value }], { time: { field: 'ts', unit: 'ms' } }).text).toBe(
      'm v=1 1000000\nm v=2 2000000\nm,index=2 v=3 1000000\n',
    )
  })
})

describe('what is refused', () => {
  const deep = JSON.parse('{"a":'.repeat(100) + '1' + '}'.repeat(100)) as unknown

  it.each([
    [5, /a point needs an object, and this is a number/],
    ['x', /a point needs an object, and this is a string/],
    [[1], /a point needs an object, and this is a number/],
    [[[{ a: 1 }]], /a point needs an object, and this is an array/],
    [Buffer.from('x'), /a point needs an object/],
    [[], /empty array/],
    [{}, /no field is left/],
    [{ a: null, b: [], c: {} }, /no field is left/],
    [{ time: 1 }, /a field is named `time`/],
    [{ a: NaN }, /`a` is NaN/],
    [{ a: -Infinity }, /`a` is -Infinity/],
    [{ '': 1 }, /a field has an empty name/],
    [{ 'a\nb': 1 }, /the field name "a\\nb" has a line break/],
    [{ 'a\rb': 1 }, /has a line break/],
    [{ 'a\0b': 1 }, /has a NUL/],
    [{ 'a\\b': 1 }, /has a backslash/],
    [{ 'a\ud800': 1 }, /not valid Unicode/],
    [{ a: 'x\udc00' }, /the field `a` is not valid Unicode/],
    [{ a_b: 1, a: { b: 2 } }, /two parts of the value are both named `a_b`/],
    [{ partition: 1 }, /`partition` would be both a tag .* and a part of the value/],
    [{ site: 1 }, /`site` would be both/],
    [{ t: 'a\nb', v: 1 }, /the tag `t` has a line break/],
    [{ t: 'a\\b', v: 1 }, /the tag `t` has a backslash/],
    [{ t: 'ends\\', v: 1 }, /the tag `t` has a backslash/],
    [{ t: 'a\0b', v: 1 }, /the tag `t` has a NUL/],
    [deep, /nested deeper than 64/],
    [{ a: Buffer.from('x') }, /holds bytes/],
    [{ a: new Map([[1, 2]]) }, /holds bytes or another kind of object/],
  ])('%o', (value, reason) => {
    const { text, failures } = encode([{ value }], { tags: { fields: ['t'], static: { site: 'A' } } })
    expect({ text, reasons: failures.map(why) }).toEqual({ text: '', reasons: [expect.stringMatching(reason)] })
    expect(failures[0]?.error.code).toBe('RECORD_INVALID')
  })

  it.each([
    ['', /empty/],
    [',a', /begins with ","/],
    [' a', /begins with " "/],
    ['#a', /begins with "#"/],
    ['\ta', /begins with "\\t"/],
    ['\\a', /backslash/],
    ['a\nb', /line break/],
    ['a=b,c', /`=` together/],
  ])('table %j', (k, reason) => {
    expect(line({ k, v: 1 }, { table: '${value.k}' })).toMatch(reason)
  })

  it('a table of a value that is not there', () => {
    expect(line({ v: 1 }, { table: '${value.k}' })).toMatch(/the table needs \$\{value\.k\}/)
  })

  it('a record without timestamp', () => {
    expect(why(encode([{ value: { a: 1 }, timestamp: -1 }]).failures[0]!)).toMatch(/has no timestamp/)
    expect(why(encode([{ value: { a: 1 }, timestamp: 9_223_372_036_854 }]).failures[0]!)).toMatch(/out of range/)
  })

  it('an index tag that is a field too', () => {
    expect(line([{ index: 1 }, { index: 2 }])).toMatch(/`index` would be both/)
    expect(line({ index: 1 })).toBe('m index=1')
  })

  it('a tag named time, and a name that is no column with a null is nobody’s business', () => {
    expect(line({ time: 'x', v: 1 }, { tags: { fields: ['time'] } })).toMatch(/a tag is named `time`/)
    expect(line({ time: null, v: 1 })).toBe('m v=1')
  })

  it('the record alone: its neighbours are written', () => {
    const { text, rows, failures } = encode([
      { value: { a: 1 } },
      { value: 5 },
      { value: [{ a: 1 }, 7] },
      { value: { a: 2 } },
    ])
    expect(text.split('\n')).toHaveLength(3)
    expect({ rows, failed: failures.map(({ row }) => row) }).toEqual({ rows: [0, 3], failed: [1, 2] })
  })
})

describe('InfluxDB', () => {
  it.each([
    ['C:\\dir', String.raw`m,t=C:\dir v=1`],
    ['a\\\\b', String.raw`m,t=a\\b v=1`],
    ['end\\', 'RECORD_INVALID: the tag `t` has a backslash'],
    ['a\\ b', 'RECORD_INVALID: the tag `t` has a backslash'],
  ])('keeps a backslash that is no escape: %s', (t, expected) => {
    expect(line({ t, v: 1 }, { api: 'influxdb', tags: { fields: ['t'], partition: false } })).toBe(expected)
  })
})

describe('columns of several types in one request', () => {
  it('are named', () => {
    const values = [
      { p: 1, q: 1 },
      { p: 'x', q: 2 },
      { p: 2, r: true },
    ]
    expect(encode(values.map((value) => ({ value }))).mixedColumns).toEqual(['p'])
    expect(encode([{ value: { p: 1 } }, { value: { p: 2 } }]).mixedColumns).toEqual([])
  })

  it('are of that request only', () => {
    const encoder = encoderOf()
    encoder.encode(batchOf([{ value: { p: 1 } }]))
    expect(encoder.encode(batchOf([{ value: { p: 'x' } }])).mixedColumns).toEqual([])
  })
})

describe('memory', () => {
  it('of columns and tables is bounded: it forgets and goes on', () => {
    const encoder = encoderOf({ table: '${value.k}' })
    for (let b = 0; b < 20; b++) {
      const records = Array.from({ length: 200 }, (_, i) => ({
        value: { k: `t${b}-${i}`, [`f${b}-${i}`]: 1 },
        offset: b * 200 + i,
      }))
      const { failures, text } = encoder.encode(batchOf(records))
      expect([failures.length, text.split('\n').length]).toEqual([0, 201])
    }
  })
})
