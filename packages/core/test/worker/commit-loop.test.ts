import { describe, expect, it } from '@jest/globals'
import { RetriableError } from '../../src/index.ts'
import type { OffsetCommitter } from '../../src/offsets/offset-committer.ts'
import { commitRegularly } from '../../src/worker/commit-loop.ts'
import { Health } from '../../src/worker/health.ts'
import { recordingLogger } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function looping(commit: (attempt: number) => Promise<void>) {
  const clock = new VirtualClock()
  const logger = recordingLogger()
  const commitHealth = new Health('commit', logger, clock)
  const failed: unknown[] = []
  const counted: string[] = []
  let attempts = 0
  const committer = { commit: () => commit(++attempts) } as unknown as OffsetCommitter
  const metrics = { count: (name: string) => void counted.push(name), gauge() {}, observe() {} }
  const fail = (error: unknown): void => void failed.push(error)
  const loop = commitRegularly(committer, { intervalMs: 100, clock, commitHealth, metrics, fail })
  return { loop, clock, commitHealth, logger, failed, counted, attempts: () => attempts }
}

describe('commitRegularly', () => {
  it('commits at each interval until it is stopped', async () => {
    const { loop, clock, attempts } = looping(async () => undefined)
    await clock.runUntil(clock.sleep(350))
    expect(attempts()).toBe(3)
    loop.stop()
    expect(clock.sleeping).toBe(0)
    await clock.runUntil(clock.sleep(350))
    expect(attempts()).toBe(3)
  })

  it('says once a minute that a commit does not end', async () => {
    const { loop, clock, logger, attempts } = looping(() => clock.sleep(150_000))
    await clock.runUntil(clock.sleep(150_150))
    loop.stop()
    expect(attempts()).toBe(1)
    expect(logger.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'warn commit: still waiting after 60 s',
      'warn commit: still waiting after 120 s',
    ])
  })

  it('says what may pass and goes on', async () => {
    const { loop, clock, commitHealth, failed, counted } = looping(async (attempt) => {
      if (attempt === 1) throw new RetriableError('CONNECTION_LOST', 'gone')
    })
    await clock.runUntil(clock.sleep(150))
    expect([commitHealth.problem, counted]).toEqual(['gone', ['offset_commit_failures_total']])
    await clock.runUntil(clock.sleep(100))
    expect([commitHealth.problem, failed]).toEqual([undefined, []])
    loop.stop()
  })

  it('commits at once when asked to, but not again before the interval where that failed', async () => {
    const { loop, clock, commitHealth, attempts } = looping(async (attempt) => {
      if (attempt === 2) throw new RetriableError('CONNECTION_LOST', 'gone')
    })
    await loop.now()
    await loop.now()
    expect([attempts(), commitHealth.problem]).toEqual([2, 'gone'])
    await loop.now()
    expect(attempts()).toBe(2)
    await clock.runUntil(clock.sleep(100))
    expect([attempts(), commitHealth.problem]).toEqual([3, undefined])
    await loop.now()
    expect(attempts()).toBe(4)
    loop.stop()
  })

  it('fails the task also where it was asked to commit', async () => {
    const { loop, clock, failed, attempts } = looping(() => Promise.reject(new Error('fenced')))
    await loop.now()
    await clock.runUntil(clock.sleep(350))
    expect([failed, attempts()]).toEqual([[new Error('fenced')], 1])
  })

  it('fails the task with anything else, and ends', async () => {
    const { clock, failed, attempts } = looping(() => Promise.reject(new Error('fenced')))
    await clock.runUntil(clock.sleep(350))
    expect(failed).toEqual([new Error('fenced')])
    expect(attempts()).toBe(1)
  })
})
