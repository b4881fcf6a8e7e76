import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import {
  type Clock,
  type Converter,
  type Header,
  type Logger,
  type RecordBatch,
  type RowFailure,
  type SinkContext,
  isConnectError,
  isPartialBatch,
  isRecordError,
  isRetriable,
  packRecords,
} from '@connect-run/core'
import { bytesCodec, converters, endConverters, validateOptions } from '@connect-run/core/runtime'
import type { HttpRequest } from '@connect-run/http'
import type { NodeResponse } from '../src/cluster/cluster-client.ts'
import type { Action, Operations } from '../src/operation/operations.ts'
import { type ElasticsearchSinkConfig, elasticsearchSinkSchema } from '../src/sink-config.ts'

export const TIME = 1_690_510_331_000

export interface TestRecord {
  readonly value: unknown
  readonly key?: string | null
  readonly stream?: string
  readonly partition?: number
  readonly offset?: number
  /** -1: none. */
  readonly timestamp?: number
  readonly headers?: readonly Header[]
}

export interface JsonRecord extends TestRecord {
  readonly value: Buffer | null
}

/** The config that the runtime makes of options as a user writes them. */
export function sinkConfig(options: Readonly<Record<string, unknown>> = {}): ElasticsearchSinkConfig {
  const { issues = [], config } = validateOptions(elasticsearchSinkSchema, { url: 'http://127.0.0.1:1', ...options })
  if (issues.length > 0) throw new Error(issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
  return config as ElasticsearchSinkConfig
}

export const json: Converter = converters.find(({ name }) => name === 'json')!.create({} as never)
const string: Converter = converters.find(({ name }) => name === 'string')!.create({} as never)

/** Decoded records with texts as keys; offsets count from 0 where none are given. */
export function batchOf(records: readonly TestRecord[]): RecordBatch {
  const bytes = records.map((record) => ({ ...record, value: record.value === null ? null : Buffer.from('x') }))
  return jsonBatchOf(bytes).withValues(records.map(({ value }) => value))
}

/** Records that are still JSON, as a source has read them. */
export function jsonBatchOf(records: readonly JsonRecord[], converter: Converter = json): RecordBatch {
  const packed = packRecords(
    records.map((record, i) => {
      const { stream = 'oceanic', partition = 0, offset = i, timestamp = TIME, headers, value, key = null } = record
      return { stream, partition, offset, timestamp, headers, key: key === null ? null : Buffer.from(key), value }
    }),
  )
  return packed.withCodec({
    ...bytesCodec,
    key: endConverters(string, string),
    value: endConverters(converter, converter),
  })
}

const silent = (): undefined => undefined
export const noLogger: Logger = { debug: silent, info: silent, warn: silent, error: silent }
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: () => Promise.resolve(),
}

export function contextOf(
  config: ElasticsearchSinkConfig,
  streams: readonly string[] = ['oceanic'],
): SinkContext<ElasticsearchSinkConfig> {
  return {
    config,
    streams,
    worker: 'test',
    pipeline: 'test',
    signal: new AbortController().signal,
    clock: realClock,
    latency: 'balanced',
    random: () => 0.5,
    logger: noLogger,
    count: silent,
  }
}

/** Row, kind, code and text of a failure, in short. */
export function why({ row, error }: RowFailure): string {
  return `${row} ${error.kind} ${error.code}: ${error.message}`
}

/** Kind, code and text of what a call throws. */
export async function thrownBy(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error === undefined) return 'nothing'
  if (!isConnectError(error)) throw error
  return `${error.kind} ${error.code}: ${error.message}`
}

/** An operation as a test writes it: what it is about, and as whose it is guarded. */
export interface TestOperation {
  readonly id: string
  /** Its index; default `i`. */
  readonly in?: string
  readonly action?: Action
  /** Bytes that it takes in all; default as many as it needs. */
  readonly bytes?: number
}

/** Operations as the encoder makes them; rows count from 0. */
export function operationsOf(list: readonly TestOperation[], isGuarded = true): Operations {
  const texts = list.map(({ id, in: _index = 'i', action = 'index', bytes = 0 }) => {
    const head = `${JSON.stringify({ [action]: { _index, _id: id } })}\n`
    if (action === 'delete') return head
    return `${head}{"v":"${'x'.repeat(Math.max(0, bytes - head.length - 9))}"}\n`
  })
  let end = 0
  return {
    body: Buffer.from(texts.join('')),
    rows: list.map((_, i) => i),
    ends: texts.map((text) => (end += Buffer.byteLength(text))),
    actions: list.map(({ action = 'index' }) => action),
    guards: isGuarded ? list.map(({ id }) => `i/${id}`) : null,
    indices: ['i'],
    failures: [],
  }
}

/** One operation as a server reads it. */
export interface SentOperation {
  readonly action: Action
  readonly id: string
}

/** What a test's server answers: a status with a body, or an error that sending fails with. */
export type TestAnswer = Partial<Pick<NodeResponse, 'status' | 'headers'>> & { readonly body?: string | object }

export interface TestRequest extends HttpRequest {
  /** The operations of a bulk request. */
  readonly operations: readonly SentOperation[]
  readonly ids: string
}

/** What a bulk request is answered with when it says nothing else: each operation was carried out. */
export function allDone({ operations }: Pick<TestRequest, 'operations'>): TestAnswer {
  return { body: { items: operations.map(({ action, id }) => ({ [action]: { _id: id, status: 200 } })) } }
}

/** A cluster that answers as a test says, and keeps what it was sent. */
export class ScriptedCluster {
  readonly address = 'http://es'
  readonly requests: TestRequest[] = []
  /** Requests under way, and the most there were. */
  inFlight = 0
  peak = 0
  readonly #answer: (request: TestRequest, n: number) => TestAnswer | Promise<TestAnswer>

  constructor(answer: (request: TestRequest, n: number) => TestAnswer | Promise<TestAnswer> = allDone) {
    this.#answer = answer
  }

  /** The ids of each bulk request, in the order of sending. */
  get sent(): readonly string[] {
    return this.requests.filter(({ path }) => path.startsWith('/_bulk')).map(({ ids }) => ids)
  }

  async request(request: HttpRequest): Promise<NodeResponse> {
    request.signal.throwIfAborted()
    const operations = operationsIn(request.body)
    const seen = { ...request, operations, ids: operations.map(({ id }) => id).join(' ') }
    this.requests.push(seen)
    this.peak = Math.max(this.peak, ++this.inFlight)
    try {
      const { status = 200, headers = {}, body = '' } = await this.#answer(seen, this.requests.length)
      request.signal.throwIfAborted()
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      return { status, headers, body: Buffer.from(text), address: this.address }
    } finally {
      this.inFlight--
    }
  }
}

function operationsIn(body: Buffer | undefined): SentOperation[] {
  const operations: SentOperation[] = []
  const lines = (body?.toString() ?? '').split('\n').slice(0, -1)
  for (let i = 0; i < lines.length; i++) {
    const [[action, names]] = Object.entries(JSON.parse(lines[i]!) as object) as [[Action, Record<string, string>]]
    // `_no` tells those apart for a test that have no id for the server.
    operations.push({ action, id: names['_id'] ?? names['_no'] ?? '' })
    if (action !== 'delete') i++
  }
  return operations
}

/** A server on the loopback that answers as a test says, and keeps what it was sent. Call `stop` at the end. */
export async function serve(
  answer: (request: TestRequest, n: number) => TestAnswer | Promise<TestAnswer> = allDone,
): Promise<{
  readonly url: string
  readonly cluster: ScriptedCluster
  /** Connections that are open. */
  readonly connections: () => Promise<number>
  readonly stop: () => Promise<void>
}> {
  const cluster = new ScriptedCluster(answer)
  const { signal } = new AbortController()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.once('end', () => {
      const { method = 'GET', url: path = '/' } = request
      const asked = { method: method as HttpRequest['method'], path, body: Buffer.concat(chunks), signal }
      void cluster.request(asked).then(({ status, headers, body }) => response.writeHead(status, headers).end(body))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async (): Promise<void> => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  const connections = promisify(server.getConnections.bind(server))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, cluster, connections, stop }
}

/** What became of a batch that was put until every row was settled, as the runtime does it. */
export interface Settled {
  /** How many rows each call was about, from the first to the last. */
  readonly calls: readonly number[]
  /** Rows of the first batch that can never be written. */
  readonly poison: readonly RowFailure[]
  /** Why rows or calls had to be repeated: how often which code. */
  readonly again: Readonly<Record<string, number>>
}

const MOST_CALLS = 2000

/** Puts rows until all are settled: again only those that may pass, in their order. */
export async function settle(put: (rows: RecordBatch) => Promise<void>, batch: RecordBatch): Promise<Settled> {
  const calls: number[] = []
  const poison: RowFailure[] = []
  const again: Record<string, number> = {}
  let rows = Array.from({ length: batch.length }, (_, i) => i)
  while (rows.length > 0) {
    if (calls.length >= MOST_CALLS) throw new Error(`${rows.length} rows are not settled after ${MOST_CALLS} calls`)
    calls.push(rows.length)
    const failures = await failuresOf(put(batch.select(rows)), rows.length)
    const rest: number[] = []
    for (const { row, error } of failures.toSorted((a, b) => a.row - b.row)) {
      if (isRecordError(error)) {
        poison.push({ row: rows[row]!, error })
        continue
      }
      rest.push(rows[row]!)
      again[error.code] = (again[error.code] ?? 0) + 1
    }
    rows = rest
  }
  return { calls, poison, again }
}

/** The rows that a call names as failed: all of them where it says so of the whole call. */
export async function failuresOf(call: Promise<void>, count: number): Promise<readonly RowFailure[]> {
  try {
    await call
    return []
  } catch (error) {
    if (isPartialBatch(error)) return error.failures
    if (!isRetriable(error)) throw error
    return Array.from({ length: count }, (_, row) => ({ row, error }))
  }
}
