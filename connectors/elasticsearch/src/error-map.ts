/**
 * What the servers' answers mean. Elasticsearch 7, 8 and OpenSearch 2 agree but for the prefix `es_` of some types.
 * `undefined` is done; any other verdict is an error whose kind is the instruction, as everywhere: `RetriableError` again,
 * `RecordError` refused, any other stops the task.
 *
 * One operation, in the order in which they are looked for:
 *
 * | status, type                                      | verdict | code, why                                                |
 * | ------------------------------------------------- | ------- | -------------------------------------------------------- |
 * | 2xx, `noop` and a pipeline's `drop` too           | done    |                                                          |
 * | 404 without an error (delete)                     | done    | it is not there, as asked for                            |
 * | 409 of an update                                  | again   | `SERVER_ERROR`: another writer was faster                |
 * | 409 of a create by coordinates                    | done    | the record itself, written before                        |
 * | 409, the same version is there                    | done    | the record itself, written before                        |
 * | any other 409                                     | done    | `onConflict: ignore`: what is there is right             |
 * |                                                   | refused | `RECORD_COLLISION`, `onConflict: deadLetter`             |
 * | flood stage, `index.blocks.read_only_allow_delete` | again  | `DISK_FULL`: the server lifts it when there is room      |
 * | 403 block of an index                             | fatal   | `REQUEST_REJECTED`: an operator's, who alone can lift it |
 * |                                                   | refused | … where records choose among indices, since the others go on |
 * | 403 block of the cluster                          | fatal   | `REQUEST_REJECTED`                                       |
 * | 401, 403                                          | fatal   | `AUTH_FAILED`                                            |
 * | 404 `index_not_found_exception`                   | fatal   | `NOT_FOUND`: neither we nor the server may make it       |
 * |                                                   | done    | … of a delete: there is nothing to delete                |
 * |                                                   | again   | `NOT_FOUND`: it was deleted, and the server makes it again. OpenSearch does not say where it may not |
 * | unknown pipeline or stored script                 | again   | `NOT_FOUND`: the record is right; a cluster without a master says so too |
 * | script that does not compile, alias without a write index, data stream without `create`, routing required | fatal | `REQUEST_REJECTED`: every record meets it |
 * | too many shards (`validation_exception`)          | again   | `SERVER_ERROR`: the record is right                      |
 * | 429, `[es_]rejected_execution_exception`, `circuit_breaking_exception`, also as a cause | again | `THROTTLED` |
 * | 500 of a pipeline or a script (`fail_processor_exception` …), of a programming fault met by this document | refused | `RECORD_REJECTED` |
 * | 5xx; a shard that starts or moves (404 often)     | again   | `SERVER_ERROR`                                           |
 * | any other: mapping, parsing, strict, closed index, script, missing document | refused | `RECORD_REJECTED`    |
 *
 * A whole request:
 *
 * | status, type                                      | verdict | code, why                                                |
 * | ------------------------------------------------- | ------- | -------------------------------------------------------- |
 * | 2xx                                               | done    | look at the operations                                   |
 * | 413                                               | refused | `RECORD_TOO_LARGE`: the halves are sent, down to one     |
 * | 401, 403                                          | fatal   | `AUTH_FAILED`; `REQUEST_REJECTED` for a block of the cluster |
 * | 3xx, 404, 405                                     | fatal   | `NOT_FOUND`: no such server or path                      |
 * | 406, 415, media type, unknown parameter           | fatal   | `REQUEST_REJECTED`: not about records                    |
 * | unknown pipeline and the like                     |         | as above                                                 |
 * | 429, `circuit_breaking_exception`                 | again   | `THROTTLED`                                              |
 * | 500 for what can't be parsed                      | refused | `RECORD_REJECTED`: the halves are sent, down to one      |
 * | 408, 425, 5xx                                     | again   | `SERVER_ERROR`                                           |
 * | any other 4xx                                     | refused | `RECORD_REJECTED`: the halves are sent, down to one      |
 */
import { ConnectError, RecordError, RetriableError } from '@connect-run/core'
import { type HttpResponse, excerpt, parseRetryAfter, statusError } from '@connect-run/http'
import { parseObject } from './cluster/parse-object.ts'
import type { Action } from './operation/operations.ts'
import type { ElasticsearchSinkConfig } from './sink-config.ts'

/** What a server says of a failure. */
export interface ServerError {
  readonly type?: string
  readonly reason?: string
  readonly caused_by?: ServerError
}

/** What a server says of one operation. */
export interface BulkItem {
  /** Of the document; null where it has got none. */
  readonly _id?: string | null
  readonly status: number
  readonly error?: ServerError
}

/** What of the config decides. */
export interface Rules {
  /** A missing index may be made. */
  readonly makesIndices: boolean
  readonly onConflict: 'ignore' | 'deadLetter'
  /** Ids are the records' coordinates: no two records have the same. */
  readonly hasOwnIds: boolean
  /** Records choose among indices, by more than their topic. */
  readonly hasManyIndices: boolean
}

export function rulesOf(config: ElasticsearchSinkConfig): Rules {
  const { index = '', dataStream } = config
  const target = dataStream === undefined ? index : `${dataStream.dataset} ${dataStream.namespace}`
  return {
    makesIndices: config.autoCreate,
    onConflict: config.onConflict,
    hasOwnIds: config.id === 'coordinates',
    hasManyIndices: /\$\{(?:key|value|header|time)\b/.test(target),
  }
}

/** One operation's answer, and who gave it. */
export interface ItemAnswer {
  readonly item: BulkItem
  readonly action: Action
  readonly address: string
}

/** What became of one operation. */
export function judgeItem(answer: ItemAnswer, rules: Rules): ConnectError | undefined {
  const { item, action } = answer
  const { status, error } = item
  if (status < 300 || (status === 404 && error === undefined && action === 'delete')) return undefined
  if (status === 409) return judgeConflict(answer, rules)
  if (error?.type === 'index_not_found_exception') return judgeMissing(answer, rules)
  return judgeBlock(answer, rules) ?? judgeSetting(answer) ?? judgeByStatus(answer)
}

/** `current version [7] is higher or equal to the one provided [7]` */
const versions = /current version \[(\d+)\].* provided \[(\d+)\]/

function judgeConflict(answer: ItemAnswer, { onConflict, hasOwnIds }: Rules): ConnectError | undefined {
  const { item, action } = answer
  if (action === 'update') {
    const hint = 'Other writers change the same document: let `update.retryOnConflict` be larger, or use a `version`.'
    return again('SERVER_ERROR', answer, hint)
  }
  const [, current, provided] = versions.exec(item.error?.reason ?? '') ?? []
  const isItself = (action === 'create' && hasOwnIds) || (current !== undefined && current === provided)
  if (isItself || onConflict === 'ignore') return undefined
  const hint =
    'The document is there already, or newer: it was left as it is. `onConflict: ignore` takes that for done.'
  return new RecordError('RECORD_COLLISION', described(answer), { hint })
}

const blocksOfClusters = /FORBIDDEN\/(?:6|13)\//
const floodStage = /\/12\/|flood-stage/

function judgeBlock(answer: ItemAnswer, { hasManyIndices }: Rules): ConnectError | undefined {
  const { status, error } = answer.item
  if (error?.type !== 'cluster_block_exception' || status >= 500) return undefined
  const reason = error.reason ?? ''
  if (status === 429 || floodStage.test(reason)) return again('DISK_FULL', answer, hints.flood)
  if (blocksOfClusters.test(reason)) return rejected(described(answer), hints.clusterBlock)
  if (!hasManyIndices) return rejected(described(answer), hints.indexBlock)
  return refused(answer, hints.lift)
}

const hints = {
  flood:
    'A disk of the cluster is over its flood-stage watermark: free space or add a node. The server lifts the block itself; one set by hand goes with `index.blocks.read_only_allow_delete: null`.',
  clusterBlock:
    'Somebody has made the cluster read-only: set `cluster.blocks.read_only` and `cluster.blocks.read_only_allow_delete` to null.',
  indexBlock: 'Somebody has blocked writes to the index: set `index.blocks.write` or `index.blocks.read_only` to null.',
  lift: 'Lift the block of the index, then replay the dead letter.',
  access:
    'Check the credentials and their privileges: `create_doc`, `index` or `write`, `delete` where it deletes, on these indices.',
  autoCreate:
    'Create the index, or correct `index`. It is not made where `autoCreate` is off, or the cluster’s `action.auto_create_index` does not name it.',
  server: 'Check that `url` leads to a supported server, and what stands in between.',
  shards:
    'The cluster has as many shards as `cluster.max_shards_per_node` allows: delete indices, add a node or raise it.',
} as const

/** What is not about a record but about what the config names: every record would meet it. */
const settings: readonly { pattern: RegExp; isMissing?: true; hint: string }[] = [
  {
    pattern: /^illegal_argument_exception: pipeline with id \[.*\] does not exist/,
    isMissing: true,
    hint: 'Create the ingest pipeline, or correct `pipeline` or the index’s `index.default_pipeline`.',
  },
  {
    pattern: /unable to find script|resource_not_found_exception: .*script/,
    isMissing: true,
    hint: 'Store the script, or correct `update.script.id`.',
  },
  {
    pattern: /script_exception: compile error|script_lang not supported/,
    hint: 'Correct `update.script`.',
  },
  {
    pattern: /no write index is defined for alias|alias .*has more than one ind/i,
    hint: 'Let one of the alias’s indices have `is_write_index: true`.',
  },
  {
    pattern: /only write ops with an op_type of create are allowed in data streams/,
    hint: 'It is a data stream: use `dataStream`, or `action: create`.',
  },
  {
    pattern: /^routing_missing_exception/,
    hint: 'The index asks for a routing value: set `routing`.',
  },
]

function judgeSetting(answer: ItemAnswer): ConnectError | undefined {
  const { error } = answer.item
  const text = chain(error)
  if (/^validation_exception: .*maximum .*shards open/.test(text)) return again('SERVER_ERROR', answer, hints.shards)
  return settingError(text, described(answer))
}

function settingError(text: string, message: string): ConnectError | undefined {
  const setting = settings.find(({ pattern }) => pattern.test(text))
  if (setting === undefined) return undefined
  const { isMissing, hint } = setting
  return isMissing ? new RetriableError('NOT_FOUND', message, { hint }) : rejected(message, hint)
}

/** `no such index [i]` alone: it could be made. What follows an `and` is why the server did not. */
const unmade = /no such index \[.*?\],? and /

function judgeMissing(answer: ItemAnswer, { makesIndices }: Rules): ConnectError | undefined {
  const { reason = '' } = answer.item.error ?? {}
  if (makesIndices && !unmade.test(reason)) {
    // The servers make no index for a delete.
    return answer.action === 'delete' ? undefined : again('NOT_FOUND', answer, hints.autoCreate)
  }
  const hint = reason.includes('require_alias')
    ? 'Create the alias, correct `index`, or set `requireAlias: false`.'
    : hints.autoCreate
  return new ConnectError('NOT_FOUND', described(answer), { hint })
}

const overloads = new Set([
  'es_rejected_execution_exception',
  'rejected_execution_exception',
  'circuit_breaking_exception',
])

/** Whatever their status (404 often): the shard starts, moves or has just been closed, and the record is right. */
const movingShards = new Set([
  'shard_not_found_exception',
  'no_shard_available_action_exception',
  'unavailable_shards_exception',
  'illegal_index_shard_state_exception',
  'index_shard_closed_exception',
  'index_shard_recovering_exception',
  'index_shard_not_recovering_exception',
  'index_shard_not_started_exception',
  'index_shard_relocated_exception',
  'shard_not_in_primary_mode_exception',
  'primary_shard_closed_exception',
  'already_closed_exception',
  'engine_closed_exception',
  'node_closed_exception',
  'node_not_connected_exception',
])

/** Itself or by its cause: a script for whose compilation there is no room is the error of a document, with status 400. */
function isOverload(error: ServerError | undefined): boolean {
  return causes(error).some(({ type = '' }) => overloads.has(type))
}

/** Of status 500, and met again with each attempt: pipelines, scripts, and faults of the server that a document brings out. */
const faultsOfRecords = new Set(
  ['fail_processor_exception', 'ingest_processor_exception', 'script_exception', 'general_script_exception'].concat([
    'mapper_parsing_exception',
    'document_parsing_exception',
    'parse_exception',
    'parsing_exception',
    'x_content_parse_exception',
    'json_parse_exception',
    'x_content_e_o_f_exception',
    'json_e_o_f_exception',
    'stream_constraints_exception',
    'illegal_argument_exception',
    'number_format_exception',
    'null_pointer_exception',
    'class_cast_exception',
    'arithmetic_exception',
    'index_out_of_bounds_exception',
    'array_index_out_of_bounds_exception',
    'string_index_out_of_bounds_exception',
  ]),
)

function judgeByStatus(answer: ItemAnswer): ConnectError {
  const { status, error } = answer.item
  if (status === 401 || status === 403) {
    return new ConnectError('AUTH_FAILED', described(answer), { hint: hints.access })
  }
  if (status === 429 || isOverload(error)) {
    return again('THROTTLED', answer, 'Nothing is lost: fewer and smaller requests follow until the cluster keeps up.')
  }
  if (status === 500 && faultsOfRecords.has(error?.type ?? '')) return refused(answer)
  if (status >= 500 || movingShards.has(error?.type ?? '')) return again('SERVER_ERROR', answer)
  return refused(answer, remedies[error?.type ?? ''])
}

/** By the type of what was refused. */
const remedies: Readonly<Record<string, string>> = {
  index_closed_exception: 'Open the index, then replay the dead letter.',
  document_missing_exception: 'Set `update.upsert: true` to add documents that are missing.',
  strict_dynamic_mapping_exception:
    'Add the field to the mapping, or drop it with a transform; then replay the dead letter.',
}

/** What became of a request as a whole; `undefined` where its operations are answered. */
export function judgeRequest(response: HttpResponse, address: string, nowMs: number): ConnectError | undefined {
  const { status, headers, body } = response
  if (status >= 200 && status < 300) return undefined
  const error = errorOf(body)
  const { type = '' } = error ?? {}
  const text = told(address, status, error ?? { reason: excerpt(body) })
  if (status === 403 && type === 'cluster_block_exception') return rejected(text, hints.clusterBlock)
  if (status === 401 || status === 403) return new ConnectError('AUTH_FAILED', text, { hint: hints.access })
  if (isAboutRequest(status, chain(error))) return rejected(text, hints.server)
  const setting = settingError(chain(error), text)
  if (setting !== undefined) return setting
  if (status === 429 || isOverload(error)) {
    const retryAfterMs = parseRetryAfter(headers['retry-after'], nowMs)
    return new RetriableError('THROTTLED', text, retryAfterMs === undefined ? {} : { retryAfterMs })
  }
  if (status === 500 && faultsOfRecords.has(type)) return new RecordError('RECORD_REJECTED', text)
  return statusError({ ...response, body: Buffer.from(tail(error) ?? excerpt(body)) }, address, nowMs)
}

function isAboutRequest(status: number, text: string): boolean {
  if (status === 406 || status === 415) return true
  return status === 400 && /media_type_header_exception|contains unrecognized parameter|Content-Type header/.test(text)
}

function errorOf(body: Buffer): ServerError | undefined {
  const { error } = parseObject(body) as { error?: ServerError | string }
  return typeof error === 'string' ? { reason: error } : error
}

function again(
  code: 'THROTTLED' | 'SERVER_ERROR' | 'DISK_FULL' | 'NOT_FOUND',
  answer: ItemAnswer,
  hint?: string,
): RetriableError {
  return new RetriableError(code, described(answer), withHint(hint))
}

function refused(answer: ItemAnswer, hint?: string): RecordError {
  return new RecordError('RECORD_REJECTED', described(answer), withHint(hint))
}

function rejected(text: string, hint: string): ConnectError {
  return new ConnectError('REQUEST_REJECTED', text, { hint })
}

function withHint(hint: string | undefined): { hint?: string } {
  return hint === undefined ? {} : { hint }
}

function described({ item, address }: ItemAnswer): string {
  return told(address, item.status, item.error)
}

function told(address: string, status: number, error: ServerError | undefined): string {
  const said = tail(error)
  return said === undefined ? `${address} answered ${status}` : `${address} answered ${status}: ${said}`
}

/** Type and reason of an error and of what caused it, as one line of bounded length. */
function tail(error: ServerError | undefined): string | undefined {
  const text = chain(error)
  return text === '' ? undefined : excerpt(Buffer.from(text))
}

/** How many causes are told. */
const DEPTH = 3

function chain(error: ServerError | undefined): string {
  return causes(error)
    .map(({ type, reason }) => [type, reason].filter(Boolean).join(': '))
    .join('; caused by ')
}

/** An error and what caused it. */
function causes(error: ServerError | undefined): readonly ServerError[] {
  const found: ServerError[] = []
  for (let at = error; at !== undefined && at !== null && found.length < DEPTH; at = at.caused_by) found.push(at)
  return found
}
