import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { BodyBuilder, copyRange, fragment, writeFragment } from '../src/index.ts'

describe('a body', () => {
  it('has texts and bytes in the order in which they came, however long it was thought to be', () => {
    const part = fc.record({ text: fc.string({ unit: 'grapheme' }), way: fc.constantFrom('bytes', 'append', 'write') })
    fc.assert(
      fc.property(fc.array(part), fc.nat({ max: 100 }), (parts, expected) => {
        const body = new BodyBuilder(expected)
        for (const { text, way } of parts) {
          if (way === 'bytes') {
            const piece = fragment(text)
            body.reserve(piece.length)
            body.length = writeFragment(piece, body.view, body.length)
          } else if (way === 'append') body.append(text)
          else body.write(text)
        }
        expect(body.finish().toString()).toBe(parts.map(({ text }) => text).join(''))
      }),
    )
  })

  it('counts a text that is written, of whatever length', () => {
    for (const count of [0, 1, 1023, 1024, 5000]) {
      const body = new BodyBuilder(0)
      body.append('é')
      body.write('€'.repeat(count))
      expect(body.length).toBe(2 + 3 * count)
      expect(body.finish().toString()).toBe(`é${'€'.repeat(count)}`)
    }
  })

  it.each([0, 1, 48, 49, 1000])('takes %d bytes of another Buffer', (length) => {
    const from = Buffer.from('x'.repeat(length + 10))
    const to = Buffer.alloc(length + 20)
    expect(copyRange(from, { start: 5, end: 5 + length }, to, 7)).toBe(7 + length)
    expect(to.toString()).toBe(`${'\0'.repeat(7)}${'x'.repeat(length)}${'\0'.repeat(13)}`)
  })
})
