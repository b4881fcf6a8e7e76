import { describe, expect, it } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { LineProtocolError, ParserPanic, type Point, parseLineProtocol } from '../../src/embedded/line-protocol.ts'

/** What CnosDB 2.4.3's own parser answered: `OKn` with the points, `ERR` with its message, or `PANIC`. */
const cases = readFileSync(new URL('line-protocol-cases.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as { input: string; outcome: string })

function outcomeOf(input: string): string {
  try {
    const points = parseLineProtocol(Buffer.from(input))
    return `OK${points.length} ${points.map(pointText).join('')}`
  } catch (error) {
    if (error instanceof ParserPanic) return 'PANIC'
    if (error instanceof LineProtocolError) return `ERR ${error.message}`
    throw error
  }
}

function pointText({ table, tags, fields, time }: Point): string {
  const parts = [
    quoted(table),
    ...[...tags].sort(byKey).map(({ key, value }) => `T${quoted(key)}=${quoted(value)}`),
    ...[...fields].sort(byKey).map(({ key, type, value }) => `F${quoted(key)}=${valueText(type, value)}`),
    `@${time ?? -1}`,
  ]
  return `[${parts.join(' ')}]`
}

function valueText(type: string, value: unknown): string {
  if (type === 'BIGINT') return `${String(value)}i`
  if (type === 'BIGINT UNSIGNED') return `${String(value)}u`
  if (typeof value === 'string') return quoted(value)
  if (typeof value !== 'number') return String(value)
  if (!Number.isFinite(value)) return `${String(value).replace('Infinity', 'inf')}f`
  return `${Number.isInteger(value) ? value.toFixed(1) : value}f`
}

function byKey(a: { key: string }, b: { key: string }): number {
  return a.key < b.key ? -1 : 1
}

const escapes: Record<string, string> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\t': '\\t', '\r': '\\r' }

function quoted(text: string): string {
  return `"${text.replaceAll(/[\\"\n\t\r]/g, (c) => escapes[c]!)}"`
}

describe('the cases recorded from the server', () => {
  it('are all there', () => expect(cases.length).toBe(93))

  it.each(cases.map(({ input, outcome }) => [JSON.stringify(input), input, outcome]))('%s', (_, input, outcome) => {
    expect(outcomeOf(input)).toBe(outcome)
  })
})

describe('what else is known of the server', () => {
  it.each([
    ['a malformed line swallows the next', 'bad line here x\na b=2 2', 'OK1 ["bad" F"line here x\\na b"=2.0f @2]'],
    [
      'junk after the time is the next table',
      'f f=1 1 junk\nnext f=2 2',
      'OK2 ["f" F"f"=1.0f @1]["junk\\nnext" F"f"=2.0f @2]',
    ],
    ['digits of a last time are enough', 'm,t=v f=1 12x', 'OK1 ["m" T"t"="v" F"f"=1.0f @12]'],
    ['a whole last time is read', 'm f=1 1234567890123456789', 'OK1 ["m" F"f"=1.0f @1234567890123456789]'],
    ['an empty value panics', 'm f=,g=1 1', 'PANIC'],
    ['a table mixes no = with an escape', 'a=b\\,c f=1 1', 'ERR invalid line protocol syntax'],
    ['= is never escaped in a table', 'a\\=b f=1 1', "ERR unexpect token '=' at 2"],
    ['an escape does not open a table', '\\,x=y f=1 1', 'OK1 ["\\\\" T"x"="y" F"f"=1.0f @1]'],
    ['only known letters follow a backslash', 'm,t=v s="a\\nb" 1', "ERR unexpect token 'n' at 11"],
    ['a time has no plus', 'm f=1 +5\n', 'ERR fail to parse timestamp at 8'],
    ['an unsigned has no minus', 'm f=-5u 1', "ERR invalid field value: '-5u'"],
    ['mixed case is no boolean', 'm f=tRUE 1', "ERR invalid field value: 'tRUE'"],
    ['too large a float is infinite', 'm f=1e400 1', 'OK1 ["m" F"f"=inff @1]'],
    ['nan needs a sign', 'm f=+nan 1', 'OK1 ["m" F"f"=NaNf @1]'],
    ['an escaped key may come first', 'm \\=f=1 1', 'OK1 ["m" F"=f"=1.0f @1]'],
    ['the first of two fields wins', 'm f=1,f=2 1', 'OK1 ["m" F"f"=1.0f @1]'],
    ['int64 is exact', 'm f=-9223372036854775809i 1', "ERR invalid field value: '-9223372036854775809i'"],
    ['a string may be empty', 'm s="" 1', 'OK1 ["m" F"s"="" @1]'],
    ['CRLF ends a string and a time', 'm s="a"\r\nm s="b" 2\r\n', 'OK2 ["m" F"s"="a" @-1]["m" F"s"="b" @2]'],
  ])('%s', (_, input, outcome) => expect(outcomeOf(input)).toBe(outcome))
})

it('keeps long names and values without keeping the body', () => {
  const long = 'é日本'.repeat(100)
  const [point] = parseLineProtocol(Buffer.from(`m,tag=${long} field="${long}" 1`))
  expect(point).toMatchObject({ tags: [{ value: long }], fields: [{ value: long }] })
})
