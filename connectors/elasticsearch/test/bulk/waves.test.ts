import { describe, expect, it } from '@jest/globals'
import { bodyOf, fitting } from '../../src/bulk/bodies.ts'
import { wavesOf } from '../../src/bulk/waves.ts'

describe('waves', () => {
  it('one where documents can’t repeat', () => {
    expect(wavesOf(3, null)).toEqual([[0, 1, 2]])
    expect(wavesOf(3, ['a', 'b', 'c'])).toEqual([[0, 1, 2]])
  })

  it('as many as the document that is written most often', () => {
    expect(wavesOf(6, ['a', 'b', 'a', 'c', 'a', 'b'])).toEqual([[0, 1, 3], [2, 5], [4]])
  })

  it('of nothing', () => {
    expect(wavesOf(0, [])).toEqual([[]])
  })
})

describe('bodies', () => {
  const ops = { body: Buffer.from('aabbbcdddd'), ends: [2, 5, 6, 10] }

  it('the operations that were asked for', () => {
    expect(bodyOf(ops, [0, 1, 2, 3]).toString()).toBe('aabbbcdddd')
    expect(bodyOf(ops, [1, 2]).toString()).toBe('bbbc')
    expect(bodyOf(ops, [0, 2, 3]).toString()).toBe('aacdddd')
    expect(bodyOf(ops, [0, 3]).toString()).toBe('aadddd')
  })

  it('neighbours are not copied', () => {
    expect(bodyOf(ops, [1, 2]).buffer).toBe(ops.body.buffer)
  })

  it('as many as there is room for, and always one', () => {
    expect(fitting(ops, [0, 1, 2, 3], 10)).toBe(4)
    expect(fitting(ops, [0, 1, 2, 3], 9)).toBe(3)
    expect(fitting(ops, [0, 2, 3], 3)).toBe(2)
    expect(fitting(ops, [3, 0], 1)).toBe(1)
  })
})
