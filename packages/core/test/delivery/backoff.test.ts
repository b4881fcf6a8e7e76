import { describe, expect, it } from '@jest/globals'
import { askedMs, backoffMs, mayRetry } from '../../src/delivery/backoff.ts'

const delays = { initialDelayMs: 100, maxDelayMs: 5000 }

describe('backoffMs', () => {
  it('is anything from nothing up to a bound that doubles, and then stays', () => {
    const bounds = [1, 2, 3, 6, 7, 1000].map((attempt) => backoffMs(delays, attempt, () => 1))
    expect(bounds).toEqual([100, 200, 400, 3200, 5000, 5000])
    expect(backoffMs(delays, 7, () => 0)).toBe(0)
    expect(backoffMs(delays, 7, () => 0.25)).toBe(1250)
  })
})

describe('askedMs', () => {
  it('is what the other side asks for, within reason', () => {
    expect([undefined, 0, 7000, -5, 86_400_000].map((retryAfterMs) => askedMs({ retryAfterMs }))).toEqual([
      0, 0, 7000, 0, 300_000,
    ])
  })
})

describe('mayRetry', () => {
  it('ends by attempts, by time, or never', () => {
    expect(mayRetry({ maxAttempts: 3, maxElapsedMs: 0 }, 2, 1e9)).toBe(true)
    expect(mayRetry({ maxAttempts: 3, maxElapsedMs: 0 }, 3, 0)).toBe(false)
    expect(mayRetry({ maxAttempts: 0, maxElapsedMs: 1000 }, 1e9, 999)).toBe(true)
    expect(mayRetry({ maxAttempts: 0, maxElapsedMs: 1000 }, 1, 1000)).toBe(false)
    expect(mayRetry({ maxAttempts: 0, maxElapsedMs: 0 }, 1e9, 1e9)).toBe(true)
  })
})
