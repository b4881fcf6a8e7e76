import { describe, expect, it } from '@jest/globals'
import { ratioOf } from '../../src/guard/ratio.ts'

describe('a ratio', () => {
  it('compares within rounds, without what starting costs', () => {
    const slow = { ours: [2.9, 2.9], kcat: [1, 1] } as const // the machine was half as fast in this round
    const usual = { ours: [1.9, 1.9], kcat: [0.5, 0.5] } as const
    expect(ratioOf([slow, usual, slow], 0.9)).toEqual({ ratio: 2, noise: 0, rounds: 3 })
  })

  it('has as its noise what the two turns differ by', () => {
    const rounds = [1, 2, 3].map(() => ({ ours: [1.8, 2.2], kcat: [1, 1] }) as const)
    const { ratio, noise } = ratioOf(rounds, 0)
    expect(ratio).toBeCloseTo(2)
    expect(noise).toBeCloseTo(0.2)
  })

  it('takes no notice of a single run that was disturbed', () => {
    const rounds = [
      { ours: [2, 2], kcat: [1, 1] },
      { ours: [9, 2], kcat: [1, 1] },
      { ours: [2, 2], kcat: [1, 0.2] },
    ] as const
    expect(ratioOf(rounds, 0)).toEqual({ ratio: 2, noise: 0, rounds: 3 })
  })

  it('of nothing is refused', () => {
    expect(() => ratioOf([], 0)).toThrow(RangeError)
  })
})
