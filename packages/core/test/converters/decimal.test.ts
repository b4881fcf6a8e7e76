import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { Decimal } from '../../src/converters/decimal.ts'

describe('Decimal', () => {
  it.each([
    ['1.5600', '1.5600'],
    ['-0.05', '-0.05'],
    ['1e3', '1000'],
    ['0', '0'],
    ['12.5E-3', '0.0125'],
  ])('reads %s as %s', (text, expected) => {
    expect(Decimal.parse(text).toString()).toBe(expected)
  })

  it('is the same after a trip through its bytes, which are as short as can be', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.integer({ min: 0, max: 30 }), (unscaled, scale) => {
        const bytes = new Decimal(unscaled, scale).toBytes()
        expect(Decimal.fromBytes(bytes, scale)).toEqual(new Decimal(unscaled, scale))
        expect(BigInt.asIntN((bytes.length - 1) * 8, unscaled) === unscaled && bytes.length > 1).toBe(false)
      }),
    )
  })

  it('refuses exponents that would fill the memory', () => {
    expect(() => Decimal.parse('1e1000000000')).toThrow('exponent out of range')
  })
})
