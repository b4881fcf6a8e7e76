import { describe, expect, it } from '@jest/globals'
import { type ErrorCode, RetriableError } from '../../src/index.ts'
import { Health } from '../../src/worker/health.ts'
import { recordingLogger } from '../support/pipeline.ts'

function health() {
  let time = 0
  const logger = recordingLogger()
  const clock = { now: () => time, monotonic: () => time, sleep: () => Promise.resolve() }
  const fail = (message: string, at: number, code: ErrorCode = 'UNREACHABLE'): void => {
    time = at
    trouble.failed(new RetriableError(code, message, { hint: 'start it' }))
  }
  const trouble = new Health('sink x', logger, clock)
  return { trouble, fail, said: () => logger.lines.map(({ message }) => message), logger }
}

describe('Health', () => {
  it('says a trouble once, again every 30 s while it lasts, and when it is over', () => {
    const { trouble, fail, said, logger } = health()
    for (let at = 0; at <= 65_000; at += 500) fail('down', at)
    expect(trouble.problem).toBe('down')
    trouble.succeeded()
    trouble.succeeded()
    expect(said()).toEqual([...Array<string>(3).fill('sink x: down; trying again'), 'sink x: works again'])
    expect(logger.lines[2]!.fields).toMatchObject({ code: 'UNREACHABLE', hint: 'start it', forSeconds: 60 })
    expect(logger.lines[3]!.fields).toEqual({ failures: 131, afterSeconds: 65 })
    expect(trouble.problem).toBeUndefined()
  })

  it('says another trouble at once, but troubles that take turns at most once a second', () => {
    const { fail, said } = health()
    fail('down', 0)
    fail('full', 1500, 'THROTTLED')
    for (let at = 1600; at < 3500; at += 100) fail('x', at, at % 200 === 0 ? 'UNREACHABLE' : 'THROTTLED')
    expect(said().slice(0, 2)).toEqual(['sink x: down; trying again', 'sink x: full; trying again'])
    expect(said().length).toBeLessThanOrEqual(3)
  })

  it('takes texts of one code for one trouble: they may differ in names and numbers', () => {
    const { fail, said, trouble } = health()
    for (let at = 0; at < 20_000; at += 500) fail(`no room in draft ${at}`, at)
    expect(said()).toEqual(['sink x: no room in draft 0; trying again'])
    expect(trouble.problem).toBe('no room in draft 19500')
  })

  it('counts anew after it has worked', () => {
    const { trouble, fail, said, logger } = health()
    fail('down', 0)
    trouble.succeeded()
    fail('down', 1010)
    expect(said()).toHaveLength(3)
    expect(logger.lines[2]!.fields).toMatchObject({ failures: 1 })
  })

  it('says a trouble that comes back and stays within a second or so', () => {
    const { trouble, fail, said } = health()
    fail('down', 0)
    trouble.succeeded()
    for (let at = 10; at <= 2000; at += 10) fail('down', at)
    expect(said()).toEqual(['sink x: down; trying again', 'sink x: works again', 'sink x: down; trying again'])
  })

  it('does not flood the log where trouble and success take turns', () => {
    const { trouble, fail, said } = health()
    for (let at = 0; at < 5000; at += 10) {
      fail('busy', at)
      trouble.succeeded()
    }
    expect(said().filter((message) => message.endsWith('trying again'))).toHaveLength(5)
    expect(said().filter((message) => message.endsWith('works again'))).toHaveLength(5)
  })
})
