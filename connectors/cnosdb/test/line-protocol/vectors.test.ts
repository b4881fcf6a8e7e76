import { describe, expect, it } from '@jest/globals'
import { type Point, parseLineProtocol } from '@connect-run/testkit/embedded'
import type { FieldType } from '../../src/sink-config.ts'
import { encode, readVectors, why } from '../support.ts'

interface Case {
  readonly lp: string
  readonly 'cnosdb_2.4.3+': string
}

interface Expected {
  table: string
  tags: Record<string, string>
  fields: Record<string, string | number | bigint | boolean>
  types: Record<string, FieldType>
  time: bigint
}

const UNIT: Readonly<Record<string, FieldType>> = { i: 'bigint', u: 'unsigned', f: 'double' }

/** Points in the notation of the recorded cases: `["table" T"tag"="value" F"field"=1.0f @time]`. */
function pointsIn(outcome: string): Expected[] {
  const points: Expected[] = []
  const token = /(\[)("(?:[^"\\]|\\.)*")|([TF])("(?:[^"\\]|\\.)*")=("(?:[^"\\]|\\.)*"|[^ \]]+)|@(-?\d+)\]/g
  for (const [, opens, table, kind, name, value = '', time] of outcome.matchAll(token)) {
    if (opens !== undefined) points.push({ table: parse(table), tags: {}, fields: {}, types: {}, time: 1n })
    const point = points.at(-1)!
    if (kind === 'T') point.tags[parse(name)] = parse(value)
    if (kind === 'F') addField(point, parse(name), value)
    if (time !== undefined && time !== '-1') point.time = BigInt(time)
  }
  return points
}

function parse(text = ''): string {
  return JSON.parse(text) as string
}

function addField({ fields, types }: Expected, name: string, value: string): void {
  if (value === 'true' || value === 'false') fields[name] = value === 'true'
  else if (value.startsWith('"')) fields[name] = parse(value)
  else {
    const type = UNIT[value.slice(-1)]!
    const digits = value.slice(0, -1)
    types[name] = type
    fields[name] = type === 'double' ? Number(digits.replace('inf', 'Infinity')) : BigInt(digits)
  }
}

/** The point as a record would bring it, written by the encoder. */
function written({ table, tags, fields, types, time }: Expected): { text: string; failure: string | undefined } {
  const value = { ...tags, ...fields, '@': String(time) }
  const options = {
    table,
    tags: { fields: Object.keys(tags) },
    fields: { types },
    time: { field: '@', unit: 'ns' },
  } as const
  const { text, failures } = encode([{ value }], options)
  return { text, failure: failures[0] === undefined ? undefined : why(failures[0]) }
}

function plain({ table, tags, fields, time }: Point): Omit<Expected, 'types'> {
  return {
    table,
    tags: Object.fromEntries(tags.map((tag) => [tag.key, tag.value])),
    fields: Object.fromEntries(fields.map((field) => [field.key, field.value])),
    time: time!,
  }
}

/** What CnosDB's parser takes and the encoder refuses on purpose, by input. */
const refused: Readonly<Record<string, RegExp>> = {
  ',t=v f=1 1\n': /the table name ",t=v" begins with ","/,
  'm,t=a\nb f=1 1\n': /the tag `t` has a line break/,
  'm,t=v\nm2,t=w f=1 1\n': /the tag `t` has a line break/,
  'm,t=v f=-inf 100\n': /the field `f` is -Infinity/,
  'm,t=v f=': /no field is left/,
  'm,t=v f=1 9223372036854775807\n': /the time in `@` is out of range/,
  'm,t=v f=1 -9223372036854775808\n': /the time in `@` is out of range/,
}

const accepted = readVectors<Case>('line-protocol')
  .filter((one) => one['cnosdb_2.4.3+'].startsWith('OK'))
  .map((one) => ({ input: one.lp, points: pointsIn(one['cnosdb_2.4.3+']) }))

describe('every point that the server accepts', () => {
  it('is there to be tried', () => {
    expect(accepted.length).toBeGreaterThan(55)
    for (const input of Object.keys(refused)) expect(accepted.map((one) => one.input)).toContain(input)
  })

  it.each(
    accepted
      .filter(({ input }) => refused[input] === undefined)
      .map((one) => [JSON.stringify(one.input), one] as const),
  )('round-trips: %s', (_name, { points }) => {
    for (const point of points) {
      const { text, failure } = written(point)
      expect(failure).toBeUndefined()
      const { types: _types, ...expected } = point
      // CnosDB alone takes an empty tag; it is left out.
      const tags = Object.fromEntries(Object.entries(expected.tags).filter(([, value]) => value !== ''))
      expect(parseLineProtocol(Buffer.from(text)).map(plain)).toEqual([{ ...expected, tags }])
    }
  })

  it.each(Object.entries(refused).map(([input, reason]) => [JSON.stringify(input), input, reason] as const))(
    'is refused where it could not be kept: %s',
    (_name, input, reason) => {
      const [point] = accepted.find((one) => one.input === input)!.points
      expect(written(point!)).toEqual({ text: '', failure: expect.stringMatching(reason) })
    },
  )
})
