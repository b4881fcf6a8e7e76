import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import iconv from 'iconv-lite'
import type { FormatConfig } from '../../../src/source/format/format.ts'
import { type Found, collector, cuts, defaults, split } from './support.ts'
import { createSplitter } from '../../../src/source/format/format.ts'
import { encodings } from '../../../src/source/format/text-encoding.ts'

const values = (found: readonly Found[]): unknown[] => found.map(({ value, error }) => error ?? value)

const lineText = fc.string({ unit: fc.constantFrom('a', 'é', '漢', '😀', '\r', ' ', '"', ',') })
const fileText = fc
  .tuple(fc.array(lineText), fc.constantFrom('\n', '\r\n'), fc.boolean())
  .map(([lines, end, ended]) => lines.join(end) + (ended ? end : ''))

const eventFile = fc.array(fc.constantFrom('2026 a', '2026 b', ' at x', '', 'zzz')).map((lines) => lines.join('\n'))

const rows = fc.array(fc.tuple(lineText, lineText), { maxLength: 8 })
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
const csvFile = rows.map((all) => ['a,b', ...all.map((row) => row.map(quoted).join(','))].join('\n'))

const jsonFile = fc
  .tuple(fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 8 }), fc.constantFrom(undefined, 1))
  .map(([array, indent]) => JSON.stringify(array, undefined, indent))

describe.each([
  ['lines', fileText, {}],
  ['lines that are limited', fileText, { maxRecordBytes: 5 }],
  ['lines in UTF-16', fileText, { encoding: 'utf-16le' }],
  ['lines in big-endian UTF-16', fileText, { encoding: 'utf-16be', maxRecordBytes: 7 }],
  ['records of several lines', eventFile, { multiline: { start: '^\\d{4} ' } }],
  ['rows', csvFile, { format: 'csv' }],
  ['elements', jsonFile, { format: 'json-array' }],
  ['elements that are limited', jsonFile, { format: 'json-array', maxRecordBytes: 6 }],
] satisfies [string, fc.Arbitrary<string>, Partial<FormatConfig>][])('%s', (_, text, config: Partial<FormatConfig>) => {
  const files = text.map((content) => {
    const utf16 = Buffer.from(content, 'utf16le')
    if (config.encoding === 'utf-16le') return utf16
    return config.encoding === 'utf-16be' ? utf16.swap16() : Buffer.from(content)
  })

  it('are the same however the file comes in', () => {
    fc.assert(
      fc.property(files, cuts, (file, sizes) => {
        expect(split(file, config, { cuts: sizes }).found).toEqual(split(file, config).found)
      }),
    )
  })

  it('are the same from each of them on, and there are none after the last', () => {
    fc.assert(
      fc.property(files, cuts, (file, sizes) => {
        const { found, tokens, splitter } = split(file, config)
        found.forEach(({ at }, i) => {
          expect(split(file, config, { cuts: sizes, from: at, token: tokens[i] }).found).toEqual(found.slice(i))
        })
        if (found.length === 0) return
        expect(split(file, config, { from: splitter.resumeAt, token: splitter.token }).found).toEqual([])
      }),
    )
  })
})

describe('lines', () => {
  it('are told apart by LF or CR LF; a lone CR is data, an empty line a record', () => {
    expect(values(split(Buffer.from('a\r\n\nb\rc\n')).found)).toEqual(['a', '', 'b\rc'])
  })

  it('begin where they begin in the file, in bytes', () => {
    expect(split(Buffer.from('ééé\n😀\nx')).found).toEqual([
      { at: 0, value: 'ééé' },
      { at: 7, value: '😀' },
      { at: 12, value: 'x' },
    ])
  })

  it('are read without the byte order mark', () => {
    expect(values(split(Buffer.from('\uFEFFa\n\uFEFFb')).found)).toEqual(['a', '\uFEFFb'])
  })

  it.each([
    ['gbk', 'c4e3bac30ad6d0', ['你好', '中']],
    ['iso-8859-1', 'e90a80', ['é', '\u0080']],
    ['windows-1252', 'e90a80', ['é', '€']],
    ['shift_jis', '93fa0a835c', ['日', 'ソ']],
    ['utf-16be', 'feff4e2d000a0a0a', ['中', '\u0A0A']],
  ] as const)('are read in %s', (encoding, hex, expected) => {
    expect(values(split(Buffer.from(hex, 'hex'), { encoding }).found)).toEqual(expected)
  })

  it.each(encodings.filter((name) => !name.startsWith('utf')))('of ASCII are what they are in %s', (encoding) => {
    const ascii = Buffer.from(Array.from({ length: 128 }, (_, byte) => byte))
    expect(iconv.decode(ascii, encoding)).toBe(ascii.toString('latin1'))
    expect(values(split(Buffer.from('plain\r\nend'), { encoding }).found)).toEqual(['plain', 'end'])
  })

  it('that are no text in the encoding are set aside, and no others', () => {
    expect(
      values(split(Buffer.from('61 0a ff ff 0a 62'.replaceAll(' ', ''), 'hex'), { encoding: 'gbk' }).found),
    ).toEqual(['a', 'CONVERSION_FAILED', 'b'])
  })

  it('of 60 MB are set aside with their head, without being held', () => {
    const splitter = createSplitter(defaults)
    const { found, errors, out } = collector()
    const block = Buffer.alloc(1 << 20, 'x')
    splitter.push(Buffer.from('a\n'), 0, out)
    for (let i = 0; i < 60; i++) splitter.push(block, 2 + i * block.length, out)
    splitter.push(Buffer.from('\nb\n'), 2 + 60 * block.length, out)
    expect(values(found)).toEqual(['a', 'RECORD_TOO_LARGE', 'b'])
    expect(String(found[1]!.value)).toHaveLength(65_536)
    expect(errors[0]!.message).toContain('62914560 bytes')
    expect(splitter.resumeAt).toBe(60 * block.length + 5)
  })

  it('that were handed out without their end do not become an empty one when it comes', () => {
    const splitter = createSplitter(defaults)
    const { found, out } = collector()
    splitter.push(Buffer.from('ab'), 0, out)
    splitter.finish(out)
    const late = createSplitter(defaults, splitter.token)
    for (const next of [splitter, late]) next.push(Buffer.from('\r\nc\n\n'), 2, out)
    expect(values(found)).toEqual(['ab', 'c', '', 'c', ''])
  })
})

describe('records of several lines', () => {
  it('begin where the pattern matches; what is before is one as well', () => {
    const text = 'old\nold\n2026 a\n at x\n\n2026 b\n'
    expect(values(split(Buffer.from(text), { multiline: { start: '^\\d{4} ' } }).found)).toEqual([
      'old\nold',
      '2026 a\n at x\n',
      '2026 b',
    ])
  })
})

describe('rows', () => {
  it('are objects by column; line ends in quotes belong to the value; blank lines are left out', () => {
    const text = '\uFEFFname;note\r\nfoo;"a ""b""\nc"\r\n\r\nbar;\r\n'
    expect(values(split(Buffer.from(text), { format: 'csv', csv: { delimiter: ';' } }).found)).toEqual([
      { name: 'foo', note: 'a "b"\nc' },
      { name: 'bar', note: '' },
    ])
  })

  it('of another width, or with a stray quote, are set aside, and no others', () => {
    const text = 'a,b\n1,2\n1\n1,"2"x\n3,4\n5,"6'
    expect(values(split(Buffer.from(text), { format: 'csv' }).found)).toEqual([
      { a: '1', b: '2' },
      'RECORD_INVALID',
      'RECORD_INVALID',
      { a: '3', b: '4' },
      'RECORD_INVALID',
    ])
  })

  it('are the same when many are read at once as when each is read by itself, wherever a wrong one stands', () => {
    const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' '), maxLength: 4 })
    fc.assert(
      fc.property(fc.array(field, { maxLength: 12 }), (fields) => {
        const file = Buffer.from(`x,y\n${fields.map((one) => `${one},1\n`).join('')}`)
        const alone = split(file, { format: 'csv' }, { cuts: [1] }).found
        expect(split(file, { format: 'csv' }).found).toEqual(alone)
      }),
      { numRuns: 500 },
    )
  })

  it('without quotes are the same as those that are read with the others', () => {
    const field = fc.string({ unit: fc.constantFrom('a', 'é', ' ', '\r', '|'), maxLength: 3 })
    const delimiter = fc.constantFrom(',', ';', '||')
    fc.assert(
      fc.property(fc.array(fc.tuple(field, fc.constantFrom('\n', '\r\n'))), delimiter, (fields, between) => {
        const text = fields.map(([one, end]) => `${one}${between}1${end}${one}${end}`).join('')
        const config = { format: 'csv', csv: { delimiter: between, header: false } } as const
        // One quoted field takes all rows of the block the other way.
        const parsed = split(Buffer.from(`first${between}1\n${text}"x"\n`), config).found
        const plain = split(Buffer.from(`first${between}1\n${text}x\n`), config).found
        expect(values(plain)).toEqual(values(parsed))
      }),
      { numRuns: 500 },
    )
  })

  it('keep a carriage return before their line end, the last of a block as well', () => {
    const file = Buffer.from('1,a\r\r\n2,b\r\r\n3,c\r\r\n')
    const config = { format: 'csv', csv: { header: ['x', 'y'] } } as const
    expect(split(file, config).found).toEqual(split(file, config, { cuts: [1] }).found)
  })

  it('are arrays without a header, and take names that are given', () => {
    const file = Buffer.from('\uFEFF1,2\n')
    expect(values(split(file, { format: 'csv', csv: { header: false } }).found)).toEqual([['1', '2']])
    expect(values(split(file, { format: 'csv', csv: { header: ['x', 'y'] } }).found)).toEqual([{ x: '1', y: '2' }])
  })
})

describe('elements', () => {
  const elements = (text: string): unknown[] => values(split(Buffer.from(text), { format: 'json-array' }).found)

  it('with long strings are cut at their ends, however those are escaped and wherever a block ends', () => {
    const piece = fc.constantFrom('\\\\', '\\"', '\\', '"', ',', ']', 'x'.repeat(40), 'é')
    const string = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''))
    const sizes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.array(string, { maxLength: 5 }), sizes, (strings, blocks) => {
        const file = Buffer.from(JSON.stringify(strings))
        const { found } = split(file, { format: 'json-array' }, { cuts: blocks })
        expect(values(found).map((value) => JSON.parse(String(value)) as unknown)).toEqual(strings)
      }),
      { numRuns: 1000 },
    )
  })

  it('are cut as they stand', () => {
    expect(elements(' [ {"a": "]\\"}," } ,1.50, [2,[3]],"x,y" , null ] \n')).toEqual([
      '{"a": "]\\"}," }',
      '1.50',
      '[2,[3]]',
      '"x,y"',
      'null',
    ])
    expect(elements('[]')).toEqual([])
  })

  it.each([
    ['{"a": 1}', 'at byte 0 the file does not begin with `[`'],
    ['[1 2]', undefined],
    ['[1,]', 'at byte 3 the array ends behind a comma'],
    ['[,1]', 'at byte 1 an element is missing before the comma'],
    ['[1] 2', 'at byte 4 something follows the array'],
    ['[1', undefined],
    ['[1,', 'at byte 3 the file ends within its array'],
  ])('of %s are refused with the place', (text, problem) => {
    if (problem === undefined) expect(elements(text)).not.toContainEqual(1)
    else expect(() => elements(text)).toThrow(problem)
  })
})
