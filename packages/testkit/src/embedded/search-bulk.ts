import { HttpFailure } from './http-exchange.ts'

const ACTIONS = ['index', 'create', 'update', 'delete'] as const

export type BulkAction = (typeof ACTIONS)[number]

/** One operation of a bulk request, as it came. */
export interface BulkOperation {
  readonly action: BulkAction
  readonly index: string
  /** undefined: the server makes one up. */
  readonly id: string | undefined
  /** Of the action line: `routing`, `pipeline`, `version` and the like. */
  readonly meta: Readonly<Record<string, unknown>>
  /** The line after it; undefined for a delete. */
  readonly source: string | undefined
}

const PARAMETERS =
  /^(_index|_id|routing|pipeline|version|version_type|retry_on_conflict|require_alias|if_seq_no|if_primary_term)$/

const UPDATE_FIELDS = new Set(['doc', 'doc_as_upsert', 'upsert', 'script', 'scripted_upsert', 'detect_noop', '_source'])

const MAX_ID_BYTES = 512

/** The operations of a body. Throws what makes the servers refuse the whole request. */
export function parseBulk(body: Buffer, defaultIndex: string | undefined): BulkOperation[] {
  if (body.length === 0) throw new HttpFailure(400, 'parse_exception', 'request body is required')
  const lines = body.toString().split('\n')
  if (lines.pop() !== '') throw illegal('The bulk request must be terminated by a newline [\\n]')
  const operations: BulkOperation[] = []
  for (let at = 0; at < lines.length;) {
    const [action, meta] = actionLine(lines, at)
    const source = action === 'delete' ? undefined : lines[at + 1]
    at += action === 'delete' ? 1 : 2
    if (action === 'delete' || source !== undefined) operations.push(operation(action, meta, source, defaultIndex))
  }
  if (operations.length === 0) throw invalid('no requests added')
  return operations
}

type Fields = Readonly<Record<string, unknown>>

function actionLine(lines: readonly string[], at: number): [BulkAction, Fields] {
  const [[name, meta] = ['', {}]] = Object.entries(parsed(lines[at]!) as Record<string, Fields>)
  const action = ACTIONS.find((each) => each === name)
  const place = `ction/metadata line [${at + 1}]`
  if (action === undefined)
    throw illegal(`Malformed a${place}, expected one of [${ACTIONS.join(', ')}] but found [${name}]`)
  const unknown = Object.keys(meta).find((key) => !PARAMETERS.test(key))
  if (unknown !== undefined) throw illegal(`A${place} contains an unknown parameter [${unknown}]`)
  return [action, meta]
}

function operation(action: BulkAction, meta: Fields, source: string | undefined, defaultIndex?: string): BulkOperation {
  const {
    _index: index = defaultIndex,
    _id: id,
    version,
    version_type: type,
  } = meta as Record<string, string | undefined>
  if (index === undefined) throw invalid('index is missing')
  if (id !== undefined && Buffer.byteLength(id) > MAX_ID_BYTES) {
    const rule = `is too long, must be no longer than ${MAX_ID_BYTES} bytes but was: ${Buffer.byteLength(id)}`
    throw invalid(`id [${id}] ${rule}`)
  }
  if (action === 'create' && type !== undefined) {
    throw invalid('create operations only support internal versioning. use index instead')
  }
  if (type?.startsWith('external') && version === undefined) {
    throw invalid(`illegal version value [-3] for version type [${type.toUpperCase()}]`)
  }
  if (action === 'update') checkUpdate(source!, version)
  return { action, index, id, meta, source }
}

function checkUpdate(source: string, version: unknown): void {
  const instead = 'Please use `if_seq_no` and `if_primary_term` instead'
  if (version !== undefined) throw illegal(`Update requests do not support versioning. ${instead}`)
  const unknown = Object.keys(parsed(source)).find((field) => !UPDATE_FIELDS.has(field))
  if (unknown === undefined) return
  throw new HttpFailure(400, 'x_content_parse_exception', `[1:2] [UpdateRequest] unknown field [${unknown}]`)
}

function parsed(line: string): object {
  try {
    return JSON.parse(line) as object
  } catch (error) {
    throw new HttpFailure(400, 'json_parse_exception', (error as Error).message)
  }
}

function illegal(reason: string): HttpFailure {
  return new HttpFailure(400, 'illegal_argument_exception', reason)
}

function invalid(rule: string): HttpFailure {
  return new HttpFailure(400, 'action_request_validation_exception', `Validation Failed: 1: ${rule};`)
}
