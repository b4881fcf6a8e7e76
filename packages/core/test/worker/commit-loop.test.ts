import { describe, expect, it } from '@jest/globals'
import { RetriableError } from '../../src/index.ts'
import type { OffsetCommitter } from '../../src/offsets/offset-committer.ts'
import { commitRegularly } from '../../src/worker/commit-loop.ts'
import { Health } from '../../src/worker/health.ts'
import { recordingLogger } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function looping(commit: (attempt: number) => Promise<void>, dueEveryMs?: number) {
  const clock = new VirtualClock()
  const commitHealth = new Health('commit', recordingLogger(), clock)
  const failed: unknown[] = []
  const counted: string[] = []
  let attempts = 0
  const committer = { commit: () => commit(++attempts) } as unknown as OffsetCommitter
  const metrics = { count: (name: string) => void counted.push(name), gauge() {}, observe() {} }
  const fail = (error: unknown): void => void failed.push(error)
  const due = (over: AbortSignal): Promise<void> => clock.sleep(dueEveryMs!, over)
  const timing = { intervalMs: 100, ...(dueEveryMs !== undefined && { due }) }
  const loop = commitRegularly(committer, { ...timing, clock, commitHealth, metrics, fail })
  return { loop, clock, commitHealth, failed, counted, attempts: () => attempts }
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

  it('commits sooner where it is due, but not again before the interval where that failed', async () => {
    const { loop, clock, attempts } = looping(async (attempt) => {
      if (attempt === 3) throw new RetriableError('CONNECTION_LOST', 'gone')
    }, 10)
    await clock.runUntil(clock.sleep(35))
    expect(attempts()).toBe(3)
    await clock.runUntil(clock.sleep(90))
    expect(attempts()).toBe(3)
    await clock.runUntil(clock.sleep(10))
    expect(attempts()).toBe(4)
    loop.stop()
    await clock.runUntil(clock.sleep(350))
    expect(attempts()).toBe(4)
  })

  it('fails the task with anything else, and ends', async () => {
    const { clock, failed, attempts } = looping(() => Promise.reject(new Error('fenced')))
    await clock.runUntil(clock.sleep(350))
    expect(failed).toEqual([new Error('fenced')])
    expect(attempts()).toBe(1)
  })
})
