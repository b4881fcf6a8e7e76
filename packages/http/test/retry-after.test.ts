import { describe, expect, it } from '@jest/globals'
import { parseRetryAfter } from '../src/retry-after.ts'

const now = Date.parse('2024-05-01T12:00:00Z')

describe('parseRetryAfter', () => {
  it.each([
    ['0', 0],
    ['7', 7000],
    [' 2 ', 2000],
    ['Wed, 01 May 2024 12:00:30 GMT', 30_000],
    ['Wed, 01 May 2024 11:00:00 GMT', 0],
    ['86400', 300_000],
    ['Thu, 02 May 2024 12:00:00 GMT', 300_000],
  ])('%s is %d ms', (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected)
  })

  it.each([undefined, '', 'soon', '-5', '1.5', '7 minutes'])('%s is no pause', (header) => {
    expect(parseRetryAfter(header, now)).toBeUndefined()
  })
})
