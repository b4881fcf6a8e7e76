import { ConnectError, RecordError, RetriableError } from '@connect-run/core'
import { excerpt } from './excerpt.ts'
import type { HttpResponse } from './http-client.ts'
import { parseRetryAfter } from './retry-after.ts'

/** The answer in words: status and the beginning of the body. */
function described(response: HttpResponse, address: string): string {
  const body = excerpt(response.body)
  return `${address} answered ${response.status}${body === '' ? '' : `: ${body}`}`
}

/**
 * What a status means where the server's own error table says nothing better; undefined for 2xx.
 *
 * | status             | error                                                      |
 * | ------------------ | ---------------------------------------------------------- |
 * | 401, 403           | `AUTH_FAILED`, fails the task                              |
 * | 404, 405, 3xx      | `NOT_FOUND`, fails the task                                |
 * | 413                | `RECORD_TOO_LARGE`: a batch is bisected, a record refused  |
 * | 408, 425, 429, 5xx | retriable, with the server's `retry-after`                 |
 * | any other          | `RECORD_REJECTED`: a batch is bisected, a record refused   |
 */
export function statusError(response: HttpResponse, address: string, nowMs: number): ConnectError | undefined {
  const { status } = response
  if (status >= 200 && status < 300) return undefined
  const message = described(response, address)
  if (status === 401 || status === 403) {
    return new ConnectError('AUTH_FAILED', message, { hint: 'Check the user, the password and their rights.' })
  }
  if (status === 404 || status === 405 || status < 400) {
    return new ConnectError('NOT_FOUND', message, { hint: 'Check `url`: is this the right server, port and path?' })
  }
  if (status === 413) {
    const hint = 'Raise the server’s limit of a request, or make the record smaller.'
    return new RecordError('RECORD_TOO_LARGE', message, { hint })
  }
  if (status !== 408 && status !== 425 && status !== 429 && status < 500)
    return new RecordError('RECORD_REJECTED', message)
  const code = status === 429 ? 'THROTTLED' : status === 408 ? 'TIMEOUT' : 'SERVER_ERROR'
  const retryAfterMs = parseRetryAfter(response.headers['retry-after'], nowMs)
  return new RetriableError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs })
}
