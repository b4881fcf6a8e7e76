import { describe, expect, it } from '@jest/globals'
import { type Point, parseLineProtocol } from '@connect-run/testkit/embedded'
import * as fc from 'fast-check'
import { encode } from '../support.ts'

type Scalar = number | bigint | boolean | string | null
type Tree = Scalar | Tree[] | { [key: string]: Tree }

/** What the values of one object are called when flattened, made without the encoder. */
function flattened(value: Tree, name?: string): [string, Exclude<Scalar, null>][] {
  if (value === null) return []
  if (typeof value !== 'object') return [[name ?? '', value]]
  return Object.entries(value).flatMap(([key, below]) => flattened(below, name === undefined ? key : `${name}_${key}`))
}

function asText(fields: readonly (readonly [string, unknown])[]): string[] {
  return fields
    .map(([name, value]) => `${JSON.stringify(name)} ${typeof value} ${Object.is(value, -0) ? '-0' : String(value)}`)
    .sort()
}

function fieldsOf({ fields }: Point): string[] {
  return asText(fields.map(({ key, value }) => [key, value]))
}

const awkward = fc.constantFrom(
  '\\',
  '"',
  ',',
  '=',
  ' ',
  '\n',
  '\r',
  '\t',
  '#',
  "'",
  '\0',
  'é',
  '日',
  '😀',
  'a',
  'time',
  'i',
  '1',
)
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(awkward, { maxLength: 8 }).map((parts) => parts.join('')),
)
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(-0, 5e-324, 1.7e308, 1e21),
)
const leaf = fc.oneof(number, fc.boolean(), anyText, fc.constant(null))
const key = fc.oneof({ weight: 3, arbitrary: fc.stringMatching(/^[a-z]{1,4}$/) }, { weight: 1, arbitrary: anyText })
const tree = fc.letrec<{ object: Record<string, Tree>; node: Tree }>((tie) => ({
  object: fc.dictionary(key, tie('node'), { maxKeys: 5, noNullPrototype: true }),
  node: fc.oneof(
    { weight: 4, arbitrary: leaf },
    { weight: 1, arbitrary: tie('object') },
    { weight: 1, arbitrary: fc.array(leaf, { maxLength: 3 }) },
  ),
})).object

describe('any object', () => {
  it('is read back as it was, or refused; never changed', () => {
    let written = 0
    fc.assert(
      fc.property(tree, (value) => {
        const { text, failures } = encode([{ value }], { tags: { partition: false } })
        const points = parseLineProtocol(Buffer.from(text))
        if (failures.length > 0) {
          expect(points).toEqual([])
          return
        }
        written++
        expect(points.map(fieldsOf)).toEqual([asText(flattened(value))])
        expect(points.map(({ table, tags, time }) => ({ table, tags, time }))).toEqual([
          { table: 'm', tags: [], time: 1_690_510_331_000_000_000n },
        ])
      }),
      { numRuns: 600 },
    )
    expect(written).toBeGreaterThan(100)
  })

  it('with names of letters and valid text is never refused', () => {
    const plainKey = fc.stringMatching(/^[a-z]{1,6}$/).filter((name) => !['time', 'partition'].includes(name))
    const text = fc.string({ unit: 'grapheme' })
    fc.assert(
      fc.property(
        fc.dictionary(plainKey, fc.oneof(number, fc.boolean(), text), { minKeys: 1, noNullPrototype: true }),
        (value) => {
          const { text: lines, failures } = encode([{ value }])
          expect(failures).toEqual([])
          expect(parseLineProtocol(Buffer.from(lines)).map(fieldsOf)).toEqual([asText(flattened(value))])
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('any tag', () => {
  it('is read back as it was, or refused, and so are tables and names', () => {
    fc.assert(
      fc.property(anyText, anyText, (tag, table) => {
        const value = { tag, table, v: 1 }
        const { text, failures } = encode([{ value }], {
          table: '${value.table}',
          tags: { fields: ['tag'], partition: false },
          fields: { include: ['v'] },
        })
        const points = parseLineProtocol(Buffer.from(text))
        const tags = tag === '' ? [] : [{ key: 'tag', value: tag }]
        if (failures.length > 0) expect(points).toEqual([])
        else expect(points.map((point) => [point.table, point.tags])).toEqual([[table, tags]])
      }),
      { numRuns: 1000 },
    )
  })

  it('of separators and letters is never refused', () => {
    const part = fc.constantFrom(',', '=', ' ', 'a', 'é', '"', "'", '#')
    fc.assert(
      fc.property(fc.array(part, { minLength: 1 }), (parts) => {
        const tag = parts.join('')
        const { text } = encode([{ value: { tag, v: 1 } }], { tags: { fields: ['tag'], partition: false } })
        expect(parseLineProtocol(Buffer.from(text))[0]?.tags).toEqual([{ key: 'tag', value: tag }])
      }),
    )
  })
})

describe('any integer', () => {
  it('is exact with its type', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (i, u) => {
          const { text } = encode([{ value: { i, u } }], { fields: { types: { i: 'bigint', u: 'unsigned' } } })
          expect(parseLineProtocol(Buffer.from(text))[0]?.fields.map((field) => field.value)).toEqual([i, u])
        },
      ),
    )
  })
})
