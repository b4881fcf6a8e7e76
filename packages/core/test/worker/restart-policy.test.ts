import { describe, expect, it } from '@jest/globals'
import { ConnectError, RecordError } from '../../src/index.ts'
import { backoffMs, mayRetry } from '../../src/delivery/backoff.ts'
import { restartPolicy } from '../../src/worker/restart-policy.ts'

const config = { maxRestarts: 2, initialDelayMs: 100, maxDelayMs: 1000, resetAfterMs: 60_000 }

describe('restartPolicy', () => {
  it('allows so many restarts in a row, each after a longer pause', () => {
    const policy = restartPolicy(config, () => 1)
    expect([policy.next(new Error('x'), 0), policy.next(new Error('x'), 0), policy.next(new Error('x'), 0)]).toEqual([
      100,
      200,
      undefined,
    ])
  })

  it('counts anew after a task that ran well for long enough', () => {
    const policy = restartPolicy(config, () => 1)
    policy.next(new Error('x'), 0)
    policy.next(new Error('x'), 0)
    expect(policy.next(new Error('x'), 60_000)).toBe(100)
  })

  it('does not restart into the same poison record or the same bad configuration', () => {
    const policy = restartPolicy(config, () => 1)
    expect(policy.next(new RecordError('RECORD_REJECTED', 'x'), 0)).toBeUndefined()
    expect(policy.next(new ConnectError('FEATURE_MISSING', 'x'), 0)).toBeUndefined()
    expect(policy.next(new ConnectError('SERVER_ERROR', 'x'), 0)).toBe(100)
  })
})

describe('a task whose state another worker has taken over', () => {
  it('stands by, however often that happens, and however few restarts are allowed', () => {
    const policy = restartPolicy({ ...config, maxRestarts: 0 }, () => 1)
    for (let time = 0; time < 3; time++) expect(policy.next(new ConnectError('STATE_FENCED', 'x'), 0)).toBe(0)
    expect(policy.next(new Error('x'), 0)).toBeUndefined()
  })
})

describe('a task that was fenced', () => {
  it('comes back after ever longer pauses, and is not given up for that', () => {
    const policy = restartPolicy(config, () => 1)
    const pauses = Array.from({ length: 6 }, () => policy.next(new ConnectError('FENCED', 'x'), 0))
    expect(pauses).toEqual([100, 200, 400, 800, 1000, 1000])
    expect(policy.next(new Error('x'), 0)).toBe(100)
    expect(
      restartPolicy({ ...config, maxRestarts: 0 }, () => 1).next(new ConnectError('FENCED', 'x'), 0),
    ).toBeUndefined()
  })
})

describe('backoffMs', () => {
  it('is anything up to a bound that doubles, and stays below the largest', () => {
    const limits = { initialDelayMs: 100, maxDelayMs: 1000 }
    expect([1, 2, 3, 4, 5, 60].map((attempt) => backoffMs(limits, attempt, () => 1))).toEqual([
      100, 200, 400, 800, 1000, 1000,
    ])
    expect(backoffMs(limits, 3, () => 0.5)).toBe(200)
    expect(backoffMs(limits, 3, () => 0)).toBe(0)
  })
})

describe('mayRetry', () => {
  it('is bounded by attempts and by time, where these are given', () => {
    expect(mayRetry({ maxAttempts: 0, maxElapsedMs: 0 }, 1_000_000, 1e12)).toBe(true)
    expect(mayRetry({ maxAttempts: 3, maxElapsedMs: 0 }, 2, 0)).toBe(true)
    expect(mayRetry({ maxAttempts: 3, maxElapsedMs: 0 }, 3, 0)).toBe(false)
    expect(mayRetry({ maxAttempts: 0, maxElapsedMs: 500 }, 1, 500)).toBe(false)
  })
})
