import { describe, expect, it } from '@jest/globals'
import { type ConnectError, errorKind } from '@connect-run/core'
import { type Verdict, judge } from '../src/error-map.ts'
import { kinds } from '../src/line-protocol/field-value.ts'

const address = 'http://127.0.0.1:8902'

interface Given {
  readonly status: number
  readonly body?: string
  readonly refusesSilently?: boolean
}

function answer({ status, body = '', refusesSilently = false }: Given): Parameters<typeof judge>[1] {
  return { response: { status, headers: {}, body: Buffer.from(body) }, address, nowMs: 0, refusesSilently }
}

function cnosdb(status: number, code: string, message = 'why'): Verdict {
  return judge('cnosdb', answer({ status, body: JSON.stringify({ error_code: code, error_message: message }) }))
}

function influx(status: number, error: string): Verdict {
  return judge('influxdb', answer({ status, body: JSON.stringify({ error }) }))
}

function failure(verdict: Verdict): string {
  if (verdict.kind !== 'failed') return verdict.kind
  const error: ConnectError = verdict.error
  return `${errorKind(error)} ${error.code}`
}

describe('CnosDB', () => {
  it.each([
    [400, '000000', 'Header not found: authorization', 'fatal AUTH_FAILED'],
    [400, '040005', 'why', 'fatal REQUEST_REJECTED'],
    [400, '040006', 'why', 'fatal AUTH_FAILED'],
    [400, '040013', 'why', 'fatal REQUEST_REJECTED'],
    [422, '010004', 'Insufficient privileges', 'fatal AUTH_FAILED'],
    [422, '010016', 'Auth error: Access denied for user', 'fatal AUTH_FAILED'],
    [422, '010016', 'Auth error: Request meta cluster error: connection closed', 'retriable SERVER_ERROR'],
    [422, '030010', 'Tenant not found', 'fatal NOT_FOUND'],
    [422, '030017', 'Database not found: "x"', 'fatal NOT_FOUND'],
    [422, '030019', 'Table not found', 'fatal NOT_FOUND'],
    [422, '030024', 'rate limit', 'retriable THROTTLED'],
    [422, '030034', 'create expired bucket', 'record RECORD_REJECTED'],
    [422, '040004', 'fail to parse timestamp at 9', 'record RECORD_REJECTED'],
    [422, '040015', 'Invalid UTF-8', 'record RECORD_REJECTED'],
    [422, '040016', 'why', 'record RECORD_REJECTED'],
    [422, '050014', 'timestamp overflow', 'record RECORD_REJECTED'],
    [422, '050014', 'line to batch error: Expected f64 column', 'record RECORD_REJECTED'],
    [422, '050014', "Fields can't be empty", 'record RECORD_REJECTED'],
    [422, '050014', 'no available vnode', 'doubtful'],
    [422, '999999', 'something new', 'doubtful'],
  ])('%d %s %s: %s', (status, code, message, expected) => {
    expect(failure(cnosdb(status, code, message))).toBe(expected)
  })

  it.each(
    ['020005', '030015', '030025', '030026', '030028', '030036', '030053', '050016', '050019', '050022', '050023']
      .concat(['050026', '050027', '050028', '050029', '050030', '050033'])
      .map((code) => [code]),
  )('%s passes', (code) => {
    expect(failure(cnosdb(422, code))).toBe('retriable SERVER_ERROR')
  })

  it.each([
    [200, 'done'],
    [404, 'fatal NOT_FOUND'],
    [405, 'fatal NOT_FOUND'],
    [413, 'record RECORD_TOO_LARGE'],
    [429, 'retriable THROTTLED'],
    [500, 'retriable SERVER_ERROR'],
    [503, 'retriable SERVER_ERROR'],
  ])('%d without a body: %s', (status, expected) => {
    expect(failure(judge('cnosdb', answer({ status })))).toBe(expected)
  })

  it('an empty 500 is doubtful where the server answers unreadable lines so', () => {
    expect(judge('cnosdb', answer({ status: 500, refusesSilently: true })).kind).toBe('doubtful')
    expect(judge('cnosdb', answer({ status: 500, body: 'proxy', refusesSilently: true })).kind).toBe('failed')
  })

  it.each([
    ['STRING', 'F64', kinds.double],
    ['I64', 'F64', kinds.double],
    ['F64', 'STRING', kinds.string],
    ['F64', 'I64', kinds.bigint],
    ['F64', 'U64', kinds.unsigned],
    ['F64', 'BOOLEAN', kinds.boolean],
    ['STRING', 'TAG', kinds.tag],
    ['F64', 'GEOMETRY', undefined],
  ])('a column conflict: %s for %s', (found, expected, stored) => {
    const message = `Apply engine failed: DataSchemaError: Column 'my f' type error, found ${found} expected ${expected}`
    const verdict = cnosdb(422, '050014', message)
    expect(verdict).toMatchObject({ kind: 'conflict', column: 'my f', stored })
    expect(verdict.kind === 'conflict' && [verdict.error.code, verdict.error.message]).toEqual([
      'COLUMN_TYPE_CONFLICT',
      `the column \`my f\` is ${expected} in the table, and the value is ${found}`,
    ])
  })

  it('says what the server said, and what to do', () => {
    const verdict = cnosdb(422, '030017', 'Database not found: "x"')
    expect(verdict.kind === 'failed' && [verdict.error.message, verdict.error.hint]).toEqual([
      `${address} answered 422 030017: Database not found: "x"`,
      expect.stringContaining('createDatabase: true'),
    ])
  })
})

describe('InfluxDB', () => {
  it.each([
    [400, "unable to parse 'm f=': missing field value", 'record RECORD_REJECTED'],
    [400, 'partial write: points beyond retention policy dropped=1', 'record RECORD_REJECTED'],
    [400, 'database is required', 'fatal REQUEST_REJECTED'],
    [401, 'authorization failed', 'fatal AUTH_FAILED'],
    [404, 'database not found: "nope"', 'fatal NOT_FOUND'],
    [413, 'Request Entity Too Large', 'record RECORD_TOO_LARGE'],
    [500, 'timeout', 'retriable SERVER_ERROR'],
    [503, '', 'retriable SERVER_ERROR'],
  ])('%d %s: %s', (status, error, expected) => {
    expect(failure(influx(status, error))).toBe(expected)
  })

  it('204 is done', () => expect(judge('influxdb', answer({ status: 204 }))).toEqual({ kind: 'done' }))

  it('a field conflict names the column', () => {
    const error =
      'partial write: field type conflict: input field "f" on measurement "m" is type string, already exists as type float dropped=1'
    expect(influx(400, error)).toMatchObject({ kind: 'conflict', column: 'f', stored: kinds.double })
  })
})
