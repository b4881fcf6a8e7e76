import { describe, expect, it } from '@jest/globals'
import {
  ConnectError,
  EndOfSource,
  PartialBatchError,
  RecordError,
  RetriableError,
  errorKind,
  isConnectError,
  isEndOfSource,
  isPartialBatch,
  isRecordError,
  isRetriable,
} from '../../src/api/errors.ts'

const retriable = new RetriableError('UNREACHABLE', 'no answer', { retryAfterMs: 5, hint: 'start it', cause: 'x' })
const record = new RecordError('RECORD_INVALID', 'bad')
const partial = new PartialBatchError([{ row: 1, error: record }])

describe('errors', () => {
  it.each([
    [new ConnectError('FENCED', 'gone'), 'fatal'],
    [retriable, 'retriable'],
    [record, 'record'],
    [partial, 'partial'],
    [new EndOfSource(), 'end-of-source'],
    [new TypeError('x'), 'fatal'],
    [{ code: 'UNREACHABLE', kind: 'retriable' }, 'fatal'],
    ['text', 'fatal'],
    [null, 'fatal'],
    [undefined, 'fatal'],
  ])('%p asks for %s', (error, kind) => {
    expect(errorKind(error)).toBe(kind)
    expect(isRetriable(error)).toBe(kind === 'retriable')
    expect(isRecordError(error)).toBe(kind === 'record')
    expect(isPartialBatch(error)).toBe(kind === 'partial')
    expect(isEndOfSource(error)).toBe(kind === 'end-of-source')
  })

  it('carry what the operator needs', () => {
    expect(retriable).toMatchObject({
      name: 'RetriableError',
      code: 'UNREACHABLE',
      hint: 'start it',
      cause: 'x',
      retryAfterMs: 5,
    })
    expect(record).toMatchObject({ name: 'RecordError', message: 'bad', hint: undefined })
    expect('cause' in record).toBe(false)
    expect(partial.message).toBe('1 rows of the batch failed')
  })

  it('are known whichever copy of the package made them', () => {
    const foreign = Object.assign(new Error('x'), { code: 'THROTTLED', kind: 'retriable' })
    Object.defineProperty(foreign, Symbol.for('connect-run.error'), { value: true })
    expect(isConnectError(foreign)).toBe(true)
    expect(isRetriable(foreign)).toBe(true)
  })

  it('do not show the brand', () => {
    expect(Object.keys(record)).not.toContain('connect-run.error')
    expect(JSON.stringify(record)).not.toContain('connect-run')
  })
})
