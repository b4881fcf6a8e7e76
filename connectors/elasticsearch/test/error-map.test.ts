import { describe, expect, it } from '@jest/globals'
import type { ConnectError } from '@connect-run/core'
import { type ServerError, judgeItem, judgeRequest, rulesOf } from '../src/error-map.ts'
import type { Action } from '../src/operation/operations.ts'
import { sinkConfig } from './support.ts'

const address = 'http://es'
type Options = Readonly<Record<string, unknown>>

interface Case {
  readonly name: string
  readonly status: number
  readonly type?: string
  readonly reason?: string
  readonly causedBy?: ServerError
  readonly action?: Action
  readonly options?: Options
  /** Kind and code, and what the hint says. */
  readonly is: string
  readonly hint?: RegExp
}

function verdictOf(error: ConnectError | undefined): string {
  return error === undefined ? 'done' : `${error.kind} ${error.code}`
}

function judge({ status, type, reason, causedBy, action = 'index', options = {} }: Case): ConnectError | undefined {
  const cause = causedBy === undefined ? {} : { caused_by: causedBy }
  const error = type === undefined ? {} : { error: { type, ...(reason === undefined ? {} : { reason }), ...cause } }
  return judgeItem({ item: { status, ...error }, action, address }, rulesOf(sinkConfig(options)))
}

function judgesEach(cases: readonly Case[]): void {
  it.each(cases)('$name: $is', (each) => {
    const error = judge(each)
    expect(verdictOf(error)).toBe(each.is)
    if (each.hint !== undefined) expect(error?.hint).toMatch(each.hint)
    if (error !== undefined && each.reason !== undefined) {
      expect(error.message).toBe(`${address} answered ${each.status}: ${each.type}: ${each.reason}`)
    }
  })
}

describe('done', () => {
  judgesEach([
    { name: 'created', status: 201, is: 'done' },
    { name: 'updated, noop, dropped by a pipeline', status: 200, is: 'done' },
    { name: 'a document to delete that is not there', status: 404, action: 'delete', is: 'done' },
  ])
})

describe('a version conflict', () => {
  const type = 'version_conflict_engine_exception'
  const stale = '[1]: version conflict, current version [7] is higher or equal to the one provided [5]'
  const same = '[1]: version conflict, current version [7] is higher or equal to the one provided [7]'
  const exists = '[1]: version conflict, document already exists (current version [1])'
  const deadLetter = { onConflict: 'deadLetter' }
  judgesEach([
    { name: 'create by coordinates', status: 409, type, reason: exists, action: 'create', is: 'done' },
    {
      name: 'create by coordinates, whatever the option',
      status: 409,
      type,
      reason: exists,
      action: 'create',
      options: deadLetter,
      is: 'done',
    },
    { name: 'create by key', status: 409, type, reason: exists, action: 'create', options: { id: 'key' }, is: 'done' },
    {
      name: 'create by key, onConflict: deadLetter',
      status: 409,
      type,
      reason: exists,
      action: 'create',
      options: { id: 'key', ...deadLetter },
      is: 'record RECORD_COLLISION',
      hint: /onConflict/,
    },
    { name: 'an older version', status: 409, type, reason: stale, options: { version: 'offset' }, is: 'done' },
    {
      name: 'an older version, onConflict: deadLetter',
      status: 409,
      type,
      reason: stale,
      options: { id: 'key', version: 'offset', ...deadLetter },
      is: 'record RECORD_COLLISION',
    },
    {
      name: 'the same version is the same record',
      status: 409,
      type,
      reason: same,
      action: 'delete',
      options: { id: 'key', version: 'offset', ...deadLetter },
      is: 'done',
    },
    {
      name: 'an update that another writer overtook',
      status: 409,
      type,
      action: 'update',
      options: { id: 'key' },
      is: 'retriable SERVER_ERROR',
      hint: /retryOnConflict/,
    },
  ])
})

describe('blocks', () => {
  const type = 'cluster_block_exception'
  const write = 'index [i] blocked by: [FORBIDDEN/8/index write (api)];'
  const flood =
    'index [i] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];'
  judgesEach([
    { name: 'flood stage', status: 429, type, reason: flood, is: 'retriable DISK_FULL', hint: /watermark/ },
    {
      name: 'flood stage as old servers say it',
      status: 403,
      type,
      reason: 'index [i] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];',
      is: 'retriable DISK_FULL',
    },
    {
      name: 'index.blocks.write',
      status: 403,
      type,
      reason: write,
      is: 'fatal REQUEST_REJECTED',
      hint: /index\.blocks/,
    },
    {
      name: 'index.blocks.write where records choose among indices',
      status: 403,
      type,
      reason: write,
      options: { index: 'logs-${time:yyyy.MM}' },
      is: 'record RECORD_REJECTED',
      hint: /replay/,
    },
    {
      name: 'read-only cluster, whoever chooses',
      status: 403,
      type,
      reason: 'index [i] blocked by: [FORBIDDEN/6/cluster read-only (api)];',
      options: { index: '${value.i}' },
      is: 'fatal REQUEST_REJECTED',
      hint: /cluster\.blocks/,
    },
    {
      name: 'not recovered yet',
      status: 503,
      type,
      reason: 'blocked by: [SERVICE_UNAVAILABLE/1/state not recovered / initialized];',
      is: 'retriable SERVER_ERROR',
    },
  ])
})

describe('a fault of what the config names, not of a record', () => {
  const missing = { status: 404, type: 'index_not_found_exception', reason: 'no such index [i]' }
  const config = { status: 400, type: 'illegal_argument_exception' }
  judgesEach([
    { name: 'a missing index', ...missing, options: { autoCreate: false }, is: 'fatal NOT_FOUND', hint: /autoCreate/ },
    { name: 'one that was deleted', ...missing, is: 'retriable NOT_FOUND', hint: /auto_create_index/ },
    { name: 'one that there is nothing to delete in', ...missing, action: 'delete', is: 'done' },
    {
      name: 'one that the server may not make',
      ...missing,
      reason: 'no such index [i] and [action.auto_create_index] is [false]',
      is: 'fatal NOT_FOUND',
      hint: /auto_create_index/,
    },
    {
      name: 'no alias',
      ...missing,
      reason: 'no such index [i] and [require_alias] request flag is [true] and [i] is not an alias',
      options: { requireAlias: true },
      is: 'fatal NOT_FOUND',
      hint: /requireAlias/,
    },
    {
      name: 'an unknown pipeline',
      ...config,
      reason: 'pipeline with id [p] does not exist',
      is: 'retriable NOT_FOUND',
      hint: /pipeline/,
    },
    {
      name: 'an unknown stored script',
      ...config,
      causedBy: { type: 'resource_not_found_exception', reason: 'unable to find script [s] in cluster state' },
      is: 'retriable NOT_FOUND',
      hint: /script\.id/,
    },
    {
      name: 'a script that does not compile',
      ...config,
      causedBy: { type: 'script_exception', reason: 'compile error' },
      is: 'fatal REQUEST_REJECTED',
      hint: /update\.script/,
    },
    {
      name: 'an alias of several indices',
      ...config,
      reason: 'no write index is defined for alias [a]. The write index may be explicitly disabled',
      is: 'fatal REQUEST_REJECTED',
      hint: /is_write_index/,
    },
    {
      name: 'index into a data stream',
      ...config,
      reason: 'only write ops with an op_type of create are allowed in data streams',
      is: 'fatal REQUEST_REJECTED',
      hint: /dataStream/,
    },
    {
      name: 'routing required',
      status: 400,
      type: 'routing_missing_exception',
      reason: 'routing is required for [i]/[1]',
      is: 'fatal REQUEST_REJECTED',
      hint: /routing/,
    },
    {
      name: 'a missing privilege',
      status: 403,
      type: 'security_exception',
      is: 'fatal AUTH_FAILED',
      hint: /privileges/,
    },
    { name: 'refused credentials', status: 401, type: 'security_exception', is: 'fatal AUTH_FAILED' },
  ])
})

describe('again', () => {
  judgesEach([
    { name: 'write queue full', status: 429, type: 'es_rejected_execution_exception', is: 'retriable THROTTLED' },
    { name: 'the same in OpenSearch', status: 429, type: 'rejected_execution_exception', is: 'retriable THROTTLED' },
    { name: 'memory', status: 429, type: 'circuit_breaking_exception', is: 'retriable THROTTLED' },
    {
      name: 'no room to compile a script',
      status: 400,
      type: 'illegal_argument_exception',
      causedBy: { type: 'circuit_breaking_exception', reason: 'Too many dynamic script compilations' },
      is: 'retriable THROTTLED',
    },
    {
      name: 'rejected, whatever its status',
      status: 503,
      type: 'es_rejected_execution_exception',
      is: 'retriable THROTTLED',
    },
    {
      name: 'a shard that is not there yet',
      status: 404,
      type: 'shard_not_found_exception',
      reason: 'no such shard',
      is: 'retriable SERVER_ERROR',
    },
    {
      name: 'a shard that starts',
      status: 404,
      type: 'index_shard_not_started_exception',
      is: 'retriable SERVER_ERROR',
    },
    { name: 'shards not there', status: 503, type: 'unavailable_shards_exception', is: 'retriable SERVER_ERROR' },
    { name: 'no master', status: 503, type: 'process_cluster_event_timeout_exception', is: 'retriable SERVER_ERROR' },
    { name: '502', status: 502, is: 'retriable SERVER_ERROR' },
    { name: '504', status: 504, is: 'retriable SERVER_ERROR' },
    { name: 'an unknown 500', status: 500, type: 'node_closed_exception', is: 'retriable SERVER_ERROR' },
    {
      name: 'too many shards',
      status: 400,
      type: 'validation_exception',
      reason:
        'Validation Failed: 1: this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum normal shards open;',
      is: 'retriable SERVER_ERROR',
      hint: /max_shards_per_node/,
    },
  ])
})

describe('refused', () => {
  const is = 'record RECORD_REJECTED'
  judgesEach([
    {
      name: 'strict mapping',
      status: 400,
      type: 'strict_dynamic_mapping_exception',
      reason: 'mapping set to strict',
      is,
      hint: /mapping/,
    },
    {
      name: 'bad number or date',
      status: 400,
      type: 'mapper_parsing_exception',
      reason: 'failed to parse field [n]',
      is,
    },
    { name: 'the same in Elasticsearch 8', status: 400, type: 'document_parsing_exception', is },
    { name: 'closed index', status: 400, type: 'index_closed_exception', reason: 'closed', is, hint: /Open the index/ },
    { name: 'no timestamp for a data stream', status: 400, type: 'illegal_argument_exception', is },
    { name: 'missing document', status: 404, type: 'document_missing_exception', action: 'update', is, hint: /upsert/ },
    { name: 'pipeline `fail`', status: 500, type: 'fail_processor_exception', reason: 'no good', is },
    { name: 'a fault that the document brings out', status: 500, type: 'null_pointer_exception', is },
    {
      name: 'a script that fails',
      status: 400,
      type: 'illegal_argument_exception',
      causedBy: { type: 'script_exception', reason: 'runtime error' },
      is,
    },
    { name: '404 without a word, where nothing is deleted', status: 404, is },
    { name: 'any other 4xx', status: 418, type: 'teapot_exception', is },
  ])

  it('with type and reason of the server, and of what caused it, in a bounded line', () => {
    const causedBy = { type: 'number_format_exception', reason: `For input\nstring: ${'x'.repeat(1000)}` }
    const reason = 'failed to parse field [n]'
    const error = judge({ name: '', status: 400, type: 'mapper_parsing_exception', reason, causedBy, is: '' })
    const start =
      'http://es answered 400: mapper_parsing_exception: failed to parse field [n]; caused by number_format_exception: For input string: xx'
    expect(error?.message.startsWith(start)).toBe(true)
    expect(error?.message.length).toBeLessThan(400)
  })
})

describe('records choose among indices', () => {
  it.each([
    [{}, false],
    [{ index: '${topic}' }, false],
    [{ index: 'readings' }, false],
    [{ index: 'a-${time:yyyy}' }, true],
    [{ index: '${value.a}' }, true],
    [{ index: '${header.h}' }, true],
    [{ index: '${key}' }, true],
    [{ dataStream: { namespace: '${value.n}' } }, true],
    [{ dataStream: {} }, false],
  ])('%j: %s', (options, hasManyIndices) => {
    expect(rulesOf(sinkConfig(options)).hasManyIndices).toBe(hasManyIndices)
  })
})

describe('a whole request', () => {
  const error = (type: string, reason = 'r'): string => JSON.stringify({ error: { type, reason }, status: 0 })
  const judged = (status: number, body = '', headers = {}): ConnectError | undefined =>
    judgeRequest({ status, headers, body: Buffer.from(body) }, address, 0)

  it.each([
    [200, '{}', 'done'],
    [413, '', 'record RECORD_TOO_LARGE'],
    [401, error('security_exception'), 'fatal AUTH_FAILED'],
    [403, error('security_exception'), 'fatal AUTH_FAILED'],
    [403, '<html>', 'fatal AUTH_FAILED'],
    [
      403,
      error('cluster_block_exception', 'blocked by: [FORBIDDEN/13/cluster read-only / allow delete (api)];'),
      'fatal REQUEST_REJECTED',
    ],
    [404, '', 'fatal NOT_FOUND'],
    [405, '', 'fatal NOT_FOUND'],
    [302, '', 'fatal NOT_FOUND'],
    [406, '{"error":"Content-Type header is not supported","status":406}', 'fatal REQUEST_REJECTED'],
    [415, '', 'fatal REQUEST_REJECTED'],
    [400, error('media_type_header_exception'), 'fatal REQUEST_REJECTED'],
    [
      400,
      error('illegal_argument_exception', 'request [/_bulk] contains unrecognized parameter: [x]'),
      'fatal REQUEST_REJECTED',
    ],
    [400, error('illegal_argument_exception', 'pipeline with id [p] does not exist'), 'retriable NOT_FOUND'],
    [400, error('action_request_validation_exception'), 'record RECORD_REJECTED'],
    [400, error('illegal_argument_exception', 'Malformed action/metadata line [3]'), 'record RECORD_REJECTED'],
    [500, error('json_parse_exception'), 'record RECORD_REJECTED'],
    [429, error('rejected_execution_exception'), 'retriable THROTTLED'],
    [503, error('circuit_breaking_exception'), 'retriable THROTTLED'],
    [500, error('unknown_exception'), 'retriable SERVER_ERROR'],
    [502, '', 'retriable SERVER_ERROR'],
    [503, error('cluster_block_exception', 'no master'), 'retriable SERVER_ERROR'],
    [504, '', 'retriable SERVER_ERROR'],
    [408, '', 'retriable TIMEOUT'],
    [425, '', 'retriable SERVER_ERROR'],
  ])('%i %s: %s', (status, body, verdict) => {
    expect(verdictOf(judged(status, body))).toBe(verdict)
  })

  it('says what the server said', () => {
    expect(judged(503, error('t_exception', 'because'))?.message).toBe('http://es answered 503: t_exception: because')
    expect(judged(502, '<h1>Bad\nGateway</h1>')?.message).toBe('http://es answered 502: <h1>Bad Gateway</h1>')
    expect(judged(400, '{"error":"no"}')?.message).toBe('http://es answered 400: no')
    expect(judged(413)?.message).toBe('http://es answered 413')
  })

  it('the pause that it asks for, also beside 503', () => {
    expect(judged(429, '', { 'retry-after': '3' })).toMatchObject({ retryAfterMs: 3000 })
    expect(judged(503, '', { 'retry-after': '4' })).toMatchObject({ retryAfterMs: 4000 })
    expect(judged(503, error('circuit_breaking_exception'), { 'retry-after': '5' })).toMatchObject({
      retryAfterMs: 5000,
    })
  })
})
