import { describe, expect, it } from '@jest/globals'
import { errorKind, isRetriable } from '@connect-run/core'
import { statusError } from '../src/status-error.ts'

const address = 'http://127.0.0.1:1'

function answer(status: number, body = '', headers: Record<string, string> = {}): Parameters<typeof statusError>[0] {
  return { status, headers, body: Buffer.from(body) }
}

describe('statusError', () => {
  it.each([200, 201, 204])('%d is no error', (status) => {
    expect(statusError(answer(status), address, 0)).toBeUndefined()
  })

  it.each([
    [301, 'NOT_FOUND', 'fatal'],
    [400, 'RECORD_REJECTED', 'record'],
    [401, 'AUTH_FAILED', 'fatal'],
    [403, 'AUTH_FAILED', 'fatal'],
    [404, 'NOT_FOUND', 'fatal'],
    [405, 'NOT_FOUND', 'fatal'],
    [408, 'TIMEOUT', 'retriable'],
    [413, 'RECORD_TOO_LARGE', 'record'],
    [422, 'RECORD_REJECTED', 'record'],
    [425, 'SERVER_ERROR', 'retriable'],
    [429, 'THROTTLED', 'retriable'],
    [500, 'SERVER_ERROR', 'retriable'],
    [503, 'SERVER_ERROR', 'retriable'],
  ])('%d is %s (%s)', (status, code, kind) => {
    const error = statusError(answer(status, 'why'), address, 0)
    expect({ code: error?.code, kind: errorKind(error) }).toEqual({ code, kind })
    expect(error?.message).toBe(`${address} answered ${status}: why`)
  })

  it('takes the pause that the server asks for', () => {
    const error = statusError(answer(503, '', { 'retry-after': '4' }), address, 0)
    expect(isRetriable(error) && error.retryAfterMs).toBe(4000)
  })

  it('keeps the message short and on one line', () => {
    const error = statusError(answer(400, `a\n\u0007b${'x'.repeat(5000)}`), address, 0)
    expect(error?.message).toMatch(/answered 400: a bx+…$/)
    expect(error?.message.length).toBeLessThan(400)
  })
})
