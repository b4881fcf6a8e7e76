import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type Fault, FaultPlan } from './fault-plan.ts'
import { filterPath } from './filter-path.ts'
import { HttpFailure, readBody } from './http-exchange.ts'
import { InFlight } from './in-flight.ts'
import { LoopbackListener } from './loopback-listener.ts'
import { type BulkOperation, parseBulk } from './search-bulk.ts'
import { type Reply, SEARCH_PRODUCTS, type SearchPaths, type SearchProduct, searchPaths } from './search-paths.ts'
import { type ItemError, type ItemOutcome, SearchStore, type StoredDocument } from './search-store.ts'
import { suffer } from './suffer.ts'

export interface SearchStandInOptions {
  /** Default: any free one. */
  readonly port?: number
  /** Whose manners it has. Default `opensearch`. */
  readonly product?: SearchProduct
  /** The whole header that every request needs. Default: none is needed. */
  readonly authorization?: string
  /** Largest body, also once it is unpacked. Default 100 MiB. */
  readonly contentLimitBytes?: number
  /** Whether a write makes a missing index. Default true. */
  readonly autoCreate?: boolean
  /** Milliseconds that only go forward, for faults with a duration. */
  readonly monotonic?: () => number
}

/** A request as it came, in the order of arrival. */
export interface SearchRequest {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Of the body as sent. */
  readonly bytes: number
  /** Of a bulk request that could be read. */
  readonly operations: readonly BulkOperation[]
  /** undefined before there is an answer, and where the connection was broken instead. */
  readonly status: number | undefined
}

/** What an operation is answered instead of being carried out. */
export interface ItemRefusal extends ItemError {
  readonly status: number
}

/** Starts a stand-in for OpenSearch and Elasticsearch on the loopback. */
export async function startSearchStandIn(options: SearchStandInOptions = {}): Promise<SearchStandIn> {
  const server = new SearchStandIn(options)
  await server.accept()
  return server
}

type Recorded = { -readonly [key in keyof SearchRequest]: SearchRequest[key] }

const CONTENT_LIMIT_BYTES = 100 * 1024 * 1024
const unzip = promisify<Buffer, Buffer>(gunzip)

/**
 * A stand-in for one node of OpenSearch 2 or Elasticsearch 7 and 8 that takes documents, remembers what it was sent, and
 * goes wrong as planned; `writes` of a fault are bulk requests. It answers bulk requests as recorded from those servers.
 */
export class SearchStandIn {
  readonly #options: SearchStandInOptions
  readonly #product: SearchProduct
  readonly #contentLimitBytes: number
  readonly #listener: LoopbackListener
  readonly #store: SearchStore
  readonly #paths: SearchPaths
  readonly #faults: FaultPlan
  readonly #inFlight = new InFlight()
  #requests: Recorded[] = []
  #judge: (operation: BulkOperation) => ItemRefusal | undefined = () => undefined
  #nodes: readonly string[] | undefined

  constructor(options: SearchStandInOptions) {
    const { product = 'opensearch', autoCreate = true, contentLimitBytes = CONTENT_LIMIT_BYTES } = options
    this.#options = options
    this.#product = product
    this.#contentLimitBytes = contentLimitBytes
    this.#listener = new LoopbackListener((request, response) => void this.#answer(request, response), options.port)
    this.#store = new SearchStore({ autoCreate, parsingError: SEARCH_PRODUCTS[product].parsingError })
    const nodes = (): readonly string[] => this.#nodes ?? [new URL(this.url).host]
    this.#paths = searchPaths({ product, store: this.#store, nodes, contentLimitBytes })
    this.#faults = new FaultPlan(options.monotonic ?? (() => performance.now()))
  }

  /** Stays the same while connections are refused. */
  get url(): string {
    return this.#listener.url
  }

  get requests(): readonly SearchRequest[] {
    return this.#requests
  }

  /**
   * `index/id` of every operation that arrived while another one on the same document was in flight, in the same request
   * or in another one: until it is answered, or its connection has closed.
   */
  get overlaps(): readonly string[] {
    return this.#inFlight.overlaps
  }

  get indices(): readonly string[] {
    return this.#store.names
  }

  /** By id; empty where there is no such index. */
  documents(index: string): ReadonlyMap<string, StoredDocument> {
    return this.#store.documents(index) ?? new Map()
  }

  forgetRequests(): void {
    this.#requests = []
  }

  inject(fault: Fault): void {
    this.#faults.add(fault)
  }

  /** Asked for each operation of a bulk request before it is carried out, until faults are cleared. */
  refuseItems(judge: (operation: BulkOperation) => ItemRefusal | undefined): void {
    this.#judge = judge
  }

  clearFaults(): void {
    this.#faults.clear()
    this.#judge = () => undefined
  }

  /** What it tells who asks for the nodes of its cluster: `host:port` each. At first itself. */
  publish(nodes: readonly string[]): void {
    this.#nodes = nodes
  }

  /** Closes the port and every connection; `accept`, or the end of `forMs`, opens the same port again. */
  refuse(forMs?: number): Promise<void> {
    return this.#listener.refuse(forMs)
  }

  accept(): Promise<void> {
    return this.#listener.accept()
  }

  stop(): Promise<void> {
    return this.refuse()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request
    const record: Recorded = { method, path, headers, bytes: 0, operations: [], status: undefined }
    this.#requests.push(record)
    response.once('close', () => {
      if (response.writableFinished) record.status = response.statusCode
    })
    for (const [name, value] of Object.entries(SEARCH_PRODUCTS[this.#product].headers)) response.setHeader(name, value)
    try {
      await this.#route(record, request, response)
    } catch (error) {
      if (request.errored !== null || request.socket.destroyed) return
      if (!(error instanceof HttpFailure)) throw error
      send(request, response, failed(error))
    }
  }

  async #route(record: Recorded, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(record.path, this.url)
    const [, index] = /^(?:\/([^/]+))?\/_bulk$/.exec(pathname) ?? []
    const isBulk = pathname.endsWith('/_bulk') && ['POST', 'PUT'].includes(record.method)
    const fault = this.#faults.take(isBulk ? 'write' : 'other')
    if (fault?.kind === 'reset' || fault?.kind === 'reset-mid-body') {
      await suffer(fault, request, response, () => Promise.resolve())
      return
    }
    this.#checkUser(record)
    const body = await this.#body(record, request)
    if (body === undefined) return void request.socket.resetAndDestroy()
    const work = isBulk
      ? this.#begin(record, response, parseBulk(body, index))
      : (): Reply => this.#paths(record.method, pathname, body)
    const handle = (): Promise<void> => Promise.resolve(send(request, response, work()))
    await (fault === undefined ? handle() : suffer(fault, request, response, handle))
  }

  #checkUser({ method, path, headers }: SearchRequest): void {
    const { authorization } = this.#options
    if (authorization === undefined || headers.authorization === authorization) return
    const what =
      headers.authorization === undefined ? 'missing authentication credentials' : 'unable to authenticate user'
    throw new HttpFailure(401, 'security_exception', `${what} for REST request [${method} ${path}]`)
  }

  /** undefined where the servers break the connection: the body is no gzip. */
  async #body(record: Recorded, request: IncomingMessage): Promise<Buffer | undefined> {
    const limit = this.#contentLimitBytes
    if (Number(record.headers['content-length']) > limit) throw new HttpFailure(413)
    const sent = await readBody(request)
    record.bytes = sent.length
    const body = record.headers['content-encoding'] === 'gzip' ? await unzip(sent).catch(() => undefined) : sent
    if (body !== undefined && body.length > limit) throw new HttpFailure(413)
    return body
  }

  /** Takes operations in. Returns what carries them out, all in one moment. */
  #begin(record: Recorded, response: ServerResponse, operations: readonly BulkOperation[]): () => Reply {
    record.operations = operations
    const names = operations.flatMap(({ index, id }) => (id === undefined ? [] : [`${index}/${id}`]))
    const end = this.#inFlight.begin(names)
    response.once('close', end)
    return () => {
      const items = operations.map((operation) => this.#item(operation))
      const errors = items.some((item) => Object.values(item).some((outcome) => 'error' in outcome))
      end()
      return { status: 200, body: { took: 1, errors, items } }
    }
  }

  #item(operation: BulkOperation): Readonly<Record<string, object>> {
    const { action, index } = operation
    const refusal = this.#judge(operation)
    const outcome = refusal === undefined ? this.#store.apply(operation) : refused(operation, refusal)
    return { [action]: { _index: index, _id: outcome.id, ...details(outcome, index) } }
  }
}

function refused({ id }: BulkOperation, { status, type, reason }: ItemRefusal): ItemOutcome {
  return { id: id ?? null, status, error: { type, reason } }
}

function details(outcome: ItemOutcome, index: string): object {
  if ('error' in outcome) return { status: outcome.status, error: { ...outcome.error, index } }
  const { status, result, version, seqNo } = outcome
  const shards = { total: 1, successful: 1, failed: 0 }
  return { _version: version, result, _shards: shards, _seq_no: seqNo, _primary_term: 1, status }
}

function failed({ status, code: type, message: reason }: HttpFailure): Reply {
  if (type === undefined) return { status }
  return { status, body: { error: { root_cause: [{ type, reason }], type, reason }, status } }
}

function send(request: IncomingMessage, response: ServerResponse, { status, body, headers = {} }: Reply): void {
  const filter = new URL(request.url ?? '/', 'http://127.0.0.1').searchParams.get('filter_path')
  const text = body === undefined ? '' : JSON.stringify(filter === null ? body : filterPath(body, filter))
  if (status === 413) response.setHeader('connection', 'close')
  response.writeHead(status, { ...headers, ...(text === '' ? {} : { 'content-type': 'application/json' }) })
  response.end(request.method === 'HEAD' ? undefined : text)
  request.resume()
}
