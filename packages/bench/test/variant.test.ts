import { describe, expect, it } from '@jest/globals'
import type { Choices } from '../src/variant.ts'
import { isPlain, plain, recordsOf, variantTitle, variantsOf } from '../src/variant.ts'

const choices: Choices = {
  partitions: [4, 16],
  valueBytes: [58, 1024],
  keyed: [false, true],
  compression: ['none', 'zstd'],
  answerMs: [0, 5],
}

describe('the variants', () => {
  it('differ from the first one in one thing each', () => {
    expect(variantsOf(choices, ['partitions', 'valueBytes', 'answerMs'])).toEqual([
      { ...plain, partitions: 4 },
      { ...plain, partitions: 16 },
      { ...plain, partitions: 4, valueBytes: 1024 },
      { ...plain, partitions: 4, answerMs: 5 },
    ])
  })

  it('leave alone what a scenario does not have', () => {
    expect(variantsOf(choices, [])).toEqual([plain])
  })

  it('are named after what is not plain', () => {
    expect(variantTitle(plain)).toBe('1 partition')
    expect(variantTitle({ partitions: 4, valueBytes: 102_400, keyed: true, compression: 'lz4', answerMs: 20 })).toBe(
      '4 partitions, values of 100 KB, keys and headers, lz4, answers after 20 ms',
    )
  })

  it('are plain with any number of partitions', () => {
    expect(isPlain({ ...plain, partitions: 16 })).toBe(true)
    expect(isPlain({ ...plain, keyed: true })).toBe(false)
  })

  it('move fewer records where the values are large', () => {
    expect(recordsOf(plain, 50_000_000)).toBe(50_000_000)
    expect(recordsOf({ ...plain, valueBytes: 1024 }, 2_000_000)).toBe(524_288)
    expect(recordsOf({ ...plain, valueBytes: 102_400 }, 2000)).toBe(2000)
  })
})
