import { expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { LineProtocolError, ParserPanic, parseLineProtocol } from '../../src/embedded/line-protocol.ts'

const noise = fc.array(fc.constantFrom(...Array.from('m,t=v f1\\"\n\r#-+.eiu x'), 'é', '日', '1 1\n'), {
  maxLength: 40,
})

it('parses any text or refuses it', () => {
  fc.assert(
    fc.property(noise, (parts) => {
      try {
        parseLineProtocol(Buffer.from(parts.join('')))
      } catch (error) {
        expect(error instanceof LineProtocolError || error instanceof ParserPanic).toBe(true)
      }
    }),
    { numRuns: 5000 },
  )
})

/** Names without what the server can't be given: backslashes, and a table that starts like something else. */
const name = fc
  .string({ unit: fc.constantFrom(...Array.from('ab=, "#\'é日🎉.-1')), minLength: 1, maxLength: 30 })
  .filter((text) => !/^[#, ]/.test(text))
const text = fc.string({ unit: fc.constantFrom(...Array.from('ab=, "#\'\\é日🎉\n\r1')), maxLength: 30 })
const field = fc.oneof(
  fc.record({ type: fc.constant('STRING'), value: text }),
  fc.record({ type: fc.constant('DOUBLE'), value: fc.double({ noNaN: true, noDefaultInfinity: true }) }),
  fc.record({ type: fc.constant('BIGINT'), value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
  fc.record({ type: fc.constant('BIGINT UNSIGNED'), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ type: fc.constant('BOOLEAN'), value: fc.boolean() }),
)
const point = fc.record({
  table: name.filter((table) => !table.includes('=')),
  tags: fc.uniqueArray(fc.record({ key: name, value: name }), { selector: ({ key }) => key, maxLength: 4 }),
  fields: fc.uniqueArray(fc.record({ key: name, of: field }), {
    selector: ({ key }) => key,
    minLength: 1,
    maxLength: 4,
  }),
  time: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
})

const escaped = (key: string): string => key.replaceAll(/[,= ]/g, '\\$&')

function valueText({ type, value }: { type: string; value: unknown }): string {
  if (type === 'STRING') return `"${String(value).replaceAll(/[\\"]/g, '\\$&')}"`
  return `${Object.is(value, -0) ? '-0' : String(value)}${{ BIGINT: 'i', 'BIGINT UNSIGNED': 'u' }[type] ?? ''}`
}

it('reads back every point of the profile that all versions take', () => {
  fc.assert(
    fc.property(fc.array(point, { maxLength: 5 }), (points) => {
      const lines = points.map(({ table, tags, fields, time }) => {
        const head = [escaped(table), ...tags.map(({ key, value }) => `${escaped(key)}=${escaped(value)}`)].join(',')
        return `${head} ${fields.map(({ key, of }) => `${escaped(key)}=${valueText(of)}`).join(',')} ${time}\n`
      })
      const expected = points.map(({ table, tags, fields, time }) => {
        return { table, tags, fields: fields.map(({ key, of }) => ({ key, ...of })), time }
      })
      expect(parseLineProtocol(Buffer.from(lines.join('')))).toEqual(expected)
    }),
    { numRuns: 1000 },
  )
})
