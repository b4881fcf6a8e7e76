import { describe, expect, it } from '@jest/globals'
import { type ConnectError, RetriableError } from '../../src/index.ts'
import { Health } from '../../src/worker/health.ts'
import { startTask } from '../../src/worker/start-task.ts'
import { recordingLogger } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

/** Starts tasks, each of which starts as its number says. */
function starting(start: (attempt: number) => Promise<void>, maxAttempts = 0) {
  const clock = new VirtualClock()
  const stopping = new AbortController()
  const hard = new AbortController()
  const logger = recordingLogger()
  const stopped: number[] = []
  let made = 0
  const run = () => {
    return startTask({
      create: () => {
        const attempt = ++made
        return { attempt, stop: async () => void stopped.push(attempt) }
      },
      start: (task) => start(task.attempt),
      retry: { maxAttempts, maxElapsedMs: 0 },
      health: new Health('sink x', logger, clock),
      clock,
      random: () => 0.5,
      stopping: stopping.signal,
      signal: hard.signal,
    })
  }
  return { run, clock, stopping, hard, stopped, logger }
}

const down = (): Promise<void> => Promise.reject(new RetriableError('UNREACHABLE', 'down'))

describe('startTask', () => {
  it('makes a new task after a failure that may pass, and stops the one that failed', async () => {
    const { run, clock, stopped, logger } = starting((attempt) => (attempt < 3 ? down() : Promise.resolve()))
    await expect(clock.runUntil(run())).resolves.toMatchObject({ attempt: 3 })
    expect(stopped).toEqual([1, 2])
    expect(logger.lines.map(({ message }) => message)).toEqual(['sink x: down; trying again', 'sink x: works again'])
    expect(clock.sleeping).toBe(0)
  })

  it('throws what may not pass, and what has lasted too long', async () => {
    const defect = starting(() => Promise.reject(new Error('a defect')))
    await expect(defect.clock.runUntil(defect.run())).rejects.toThrow('a defect')
    expect(defect.stopped).toEqual([1])
    const limited = starting(down, 3)
    await expect(limited.clock.runUntil(limited.run())).rejects.toThrow('down')
    expect(limited.stopped).toEqual([1, 2, 3])
  })

  it('ends a wait when a stop is asked for', async () => {
    const { run, stopping, stopped } = starting(down)
    const done = run()
    await new Promise(setImmediate)
    stopping.abort(new Error('stop'))
    await expect(done).rejects.toMatchObject({ code: 'STOPPED' } satisfies Partial<ConnectError>)
    expect(stopped).toEqual([1])
  })

  it('leaves a start behind that ignores for long that everything must end', async () => {
    const { run, clock, hard, stopping } = starting(() => new Promise(() => undefined))
    const done = run()
    stopping.abort(new Error('stop'))
    hard.abort(new Error('kill'))
    await expect(clock.runUntil(done)).rejects.toMatchObject({ code: 'STOPPED' })
    expect(clock.monotonic()).toBe(5000)
  })
})
