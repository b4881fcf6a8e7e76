import { describe, expect, it } from '@jest/globals'
import { Decimal, jsonText } from '../../src/index.ts'

describe('jsonText', () => {
  it('is exact where JSON.stringify is not, or fails', () => {
    const value = { id: 9223372036854775807n, price: Decimal.parse('1.50'), raw: Buffer.from('x'), none: undefined }
    expect(jsonText(value)).toBe('{"id":9223372036854775807,"price":1.50,"raw":"eA=="}')
    expect(() => jsonText({ a: [NaN] })).toThrow('JSON has no NaN')
  })

  it('says Decimals and Maps in the style asked for, at any depth', () => {
    const map = new Map([[1, Decimal.parse('-0.10')]])
    const plain = new Map([['a', 1n]])
    expect(jsonText({ map, plain })).toBe('{"map":[[1,-0.10]],"plain":{"a":1}}')
    expect(jsonText([{ map, plain }], { decimals: 'string', maps: 'entries' })).toBe(
      '[{"map":[{"key":1,"value":"-0.10"}],"plain":{"a":1}}]',
    )
  })
})
