import { Writable } from 'node:stream'
import { fakeClock } from '@connect-run/testkit/conformance'
import { describe, expect, it } from '@jest/globals'
import { RetriableError } from '../../src/api/errors.ts'
import { type LoggerOptions, createLogger } from '../../src/telemetry/logger.ts'
import { rateLimited } from '../../src/telemetry/rate-limited.ts'

function sink(isTTY: boolean = false): { stream: NodeJS.WritableStream; text: () => string; entries: () => unknown[] } {
  let written = ''
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      written += chunk.toString()
      done()
    },
  })
  const text = (): string => written
  const entries = (): unknown[] =>
    written
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
  return { stream: Object.assign(stream, { isTTY }), text, entries }
}

function json(level: LoggerOptions['level'] = 'info') {
  const out = sink()
  return { ...out, logger: createLogger({ format: 'json', level, destination: out.stream }) }
}

const failure = new RetriableError('UNREACHABLE', 'no answer from http://root:hunter2@db:8902', {
  hint: 'start the server',
  cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
})

describe('the log', () => {
  it('is one JSON object an entry, with the fields of every parent', () => {
    const { logger, entries } = json()
    logger.child({ pipeline: 'p' }).child({ task: 1 }).warn({ count: 2 }, 'slow')
    logger.debug({}, 'unseen')
    expect(entries()).toEqual([
      { level: 'warn', time: expect.any(String), pipeline: 'p', task: 1, count: 2, msg: 'slow' },
    ])
  })

  it('shows errors as code, message, hint and causes, without stack or credentials', () => {
    const { logger, entries } = json()
    logger.error({ error: failure }, 'failed')
    expect(entries()).toMatchObject([
      {
        error: {
          code: 'UNREACHABLE',
          message: 'no answer from http://***@db:8902',
          hint: 'start the server',
          cause: { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' },
        },
      },
    ])
    expect(JSON.stringify(entries())).not.toMatch(/stack|hunter2/)
  })

  it('shows the stack at level debug', () => {
    const { logger, text } = json('debug')
    logger.error({ error: failure }, 'failed')
    expect(text()).toContain('logger.test.ts')
    expect(text()).not.toContain('hunter2')
  })

  it('shows what was thrown and is no error, and ends with causes that go round', () => {
    const { logger, entries } = json()
    const round = new Error('a', { cause: new Error('b') })
    ;(round.cause as Error).cause = round
    logger.error({ error: 'text' }, 'one')
    logger.error({ error: round }, 'two')
    expect(entries()).toMatchObject([
      { error: { message: 'text' } },
      { error: { message: 'a', cause: { message: 'b' } } },
    ])
  })

  it('masks what is named like a secret', () => {
    const { logger, text } = json()
    const secrets = { password: 'hunter2', auth: { token: 'hunter2', deep: { secret: 'hunter2' } } }
    logger.child({ authorization: 'hunter2' }).info(secrets, 'config')
    expect(text()).toContain('***')
    expect(text()).not.toContain('hunter2')
  })

  it('is one plain line an entry for people, in colour on a terminal only', () => {
    const plain = sink()
    const terminal = sink(true)
    for (const { stream } of [plain, terminal]) {
      createLogger({ format: 'pretty', level: 'info', destination: stream }).info({ pipeline: 'p' }, 'started')
    }
    expect(plain.text()).toMatch(/^\[\d\d:\d\d:\d\d\] INFO: started \{"pipeline":"p"\}\n$/)
    expect(terminal.text()).toContain('\u001B[')
  })

  it('has no colour where NO_COLOR says so', () => {
    const before = process.env['NO_COLOR']
    process.env['NO_COLOR'] = '1'
    try {
      const terminal = sink(true)
      createLogger({ format: 'pretty', level: 'info', destination: terminal.stream }).info({}, 'started')
      expect(terminal.text()).not.toContain('\u001B[')
    } finally {
      if (before === undefined) delete process.env['NO_COLOR']
      else process.env['NO_COLOR'] = before
    }
  })
})

describe('a rate-limited log', () => {
  it('says the same thing once an interval, and then how often it did not', async () => {
    const { logger, entries } = json()
    const clock = fakeClock()
    const limited = rateLimited(logger, { intervalMs: 1000, clock })
    for (let n = 0; n < 5; n++) limited.warn({ n }, 'broker down')
    limited.error({}, 'broker down')
    limited.warn({}, 'another thing')
    await clock.advance(1000)
    limited.warn({ n: 5 }, 'broker down')
    await clock.advance(1000)
    limited.warn({ n: 6 }, 'broker down')
    expect(entries()).toMatchObject([
      { level: 'warn', n: 0 },
      { level: 'error' },
      { msg: 'another thing' },
      { n: 5, suppressed: 4 },
      { n: 6 },
    ])
    expect(entries()[4]).not.toHaveProperty('suppressed')
  })

  it('remembers a bounded number of messages', () => {
    const { logger, entries } = json()
    const limited = rateLimited(logger, { intervalMs: 1000, clock: fakeClock() })
    for (let n = 0; n < 1001; n++) limited.info({}, `message ${n}`)
    limited.info({}, 'message 0')
    limited.info({}, 'message 1000')
    expect(entries()).toHaveLength(1002)
  })
})
