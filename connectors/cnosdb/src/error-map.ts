import { ConnectError, RecordError, RetriableError, isRecordError } from '@connect-run/core'
import { type HttpResponse, excerpt, statusError } from '@connect-run/http'
import { type Kind, kinds } from './line-protocol/field-value.ts'
import type { Api } from './line-protocol/text.ts'

/** What an answer asks of the sink. */
export type Verdict =
  | { readonly kind: 'done' }
  /** Some points have another type in this column than the table. Nothing of them was stored. */
  | {
      readonly kind: 'conflict'
      readonly column: string
      readonly stored: Kind | undefined
      readonly error: RecordError
    }
  /** It may pass, or it may be one of the points: try some times, then bisect. */
  | { readonly kind: 'doubtful'; readonly retry: RetriableError; readonly reject: RecordError }
  | { readonly kind: 'failed'; readonly error: ConnectError }

const done: Verdict = { kind: 'done' }

/** An answer to a request without points can't be about one of them. */
export function requestError(verdict: Exclude<Verdict, { kind: 'done' }>): ConnectError {
  const error = verdict.kind === 'doubtful' ? verdict.retry : verdict.error
  return isRecordError(error) ? new ConnectError('REQUEST_REJECTED', error.message) : error
}

/** Codes of faults that pass: meta service, leaders, replicas, memory, timeouts. */
const passing = new Set(
  ['030015', '030025', '030026', '030028', '030036', '030053', '050016', '050019', '050022', '050023'].concat([
    '050026',
    '050027',
    '050028',
    '050029',
    '050030',
    '050033',
    '020005',
  ]),
)
const aboutAccess = new Set(['000000', '010004', '040006'])
const aboutNames = new Set(['030010', '030017', '030019'])
const aboutPoints = new Set(['030034', '040004', '040015', '040016'])
const pointFaults = /timestamp overflow|line to batch error|DataSchemaError|Fields can't be empty|time column/i

const hints: Readonly<Record<string, string>> = {
  '010004': 'Check `username` and `password`; an initial password must be changed before it can be used.',
  '030010': 'Create the tenant, or correct `tenant`.',
  '030017': 'Create the database, correct `database`, or set `createDatabase: true`.',
  '030034': 'The point is older than the time to live of the database.',
}

export interface Answer {
  readonly response: HttpResponse
  readonly address: string
  readonly nowMs: number
  /** Before 2.4.1 CnosDB answers a line that it can't read with an empty 500. */
  readonly refusesSilently: boolean
}

export function judge(api: Api, answer: Answer): Verdict {
  const { status } = answer.response
  if (status >= 200 && status < 300) return done
  return api === 'cnosdb' ? judgeCnosdb(answer) : judgeInflux(answer)
}

function judgeCnosdb(answer: Answer): Verdict {
  const { response, address } = answer
  const { code, message } = parseBody(response.body)
  if (code === undefined) {
    const silent = answer.refusesSilently && response.status === 500 && response.body.length === 0
    return silent ? doubtful(`${address} answered 500 without a word`) : byStatus(answer)
  }
  const conflict = /Column '(.+)' type error, found (\S+) expected (\S+)/.exec(message)
  if (conflict !== null) return conflicting(conflict[1]!, conflict[2]!, conflict[3]!)
  const text = `${address} answered ${response.status} ${code}: ${message}`
  if (code === '030024') return failed(new RetriableError('THROTTLED', text))
  if (passing.has(code)) return failed(new RetriableError('SERVER_ERROR', text))
  if (code === '010016') return failed(accessOrMeta(message, text))
  if (aboutAccess.has(code)) return failed(new ConnectError('AUTH_FAILED', text, withHint(hints['010004'])))
  if (aboutNames.has(code)) return failed(new ConnectError('NOT_FOUND', text, withHint(hints[code])))
  if (aboutPoints.has(code) || (code === '050014' && pointFaults.test(message))) {
    return failed(new RecordError('RECORD_REJECTED', text, withHint(hints[code])))
  }
  if (response.status === 400) return failed(new ConnectError('REQUEST_REJECTED', text))
  return doubtful(text)
}

/** 010016 is a refusal, or the server's own trouble to ask who may do what. */
function accessOrMeta(message: string, text: string): ConnectError {
  if (/meta|connect/i.test(message)) return new RetriableError('SERVER_ERROR', text)
  return new ConnectError('AUTH_FAILED', text, withHint(hints['010004']))
}

/** InfluxDB stores the good points of a request; the others are named one at a time. */
function judgeInflux(answer: Answer): Verdict {
  const { response, address } = answer
  const { message } = parseBody(response.body)
  const text = `${address} answered ${response.status}: ${message}`
  const conflict =
    /field type conflict: input field "(.+)" on measurement ".+" is type (\w+), already exists as type (\w+)/.exec(
      message,
    )
  if (conflict !== null) return conflicting(conflict[1]!, conflict[2]!, conflict[3]!)
  if (message.includes('database not found')) {
    return failed(new ConnectError('NOT_FOUND', text, withHint(hints['030017'])))
  }
  if (message.includes('database is required')) return failed(new ConnectError('REQUEST_REJECTED', text))
  return byStatus(answer)
}

function conflicting(column: string, found: string, expected: string): Verdict {
  const error = new RecordError(
    'COLUMN_TYPE_CONFLICT',
    `the column \`${column}\` is ${expected} in the table, and the value is ${found}`,
    { hint: `Correct the producer, or convert \`${column}\` with \`fields.types\` or a transform.` },
  )
  return { kind: 'conflict', column, stored: typeNames[expected.replace(/\W+$/, '').toUpperCase()], error }
}

/** As both servers call their types in messages. */
const typeNames: Readonly<Record<string, Kind>> = {
  F64: kinds.double,
  DOUBLE: kinds.double,
  FLOAT: kinds.double,
  I64: kinds.bigint,
  BIGINT: kinds.bigint,
  INTEGER: kinds.bigint,
  U64: kinds.unsigned,
  UNSIGNED: kinds.unsigned,
  BOOL: kinds.boolean,
  BOOLEAN: kinds.boolean,
  STRING: kinds.string,
  TAG: kinds.tag,
}

function byStatus({ response, address, nowMs }: Answer): Verdict {
  const error = statusError(response, address, nowMs)
  return error === undefined ? done : failed(error)
}

function doubtful(text: string): Verdict {
  return {
    kind: 'doubtful',
    retry: new RetriableError('SERVER_ERROR', text),
    reject: new RecordError('RECORD_REJECTED', `${text} (again and again; other records it takes)`),
  }
}

function failed(error: ConnectError): Verdict {
  return { kind: 'failed', error }
}

function withHint(hint: string | undefined): { hint?: string } {
  return hint === undefined ? {} : { hint }
}

interface ErrorBody {
  readonly error_code?: unknown
  readonly error_message?: unknown
  readonly error?: unknown
}

function parseBody(body: Buffer): { code: string | undefined; message: string } {
  let parsed: ErrorBody = {}
  try {
    const value: unknown = JSON.parse(body.toString())
    if (typeof value === 'object' && value !== null) parsed = value
  } catch {
    return { code: undefined, message: excerpt(body) }
  }
  const { error_code: code, error_message: message, error } = parsed
  return {
    code: typeof code === 'string' ? code : undefined,
    message: typeof message === 'string' ? message : typeof error === 'string' ? error : excerpt(body),
  }
}
