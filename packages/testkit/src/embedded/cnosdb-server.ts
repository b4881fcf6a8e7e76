import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { checkLength, checkUser, decoderOf } from './cnosdb-request.ts'
import { type Fault, FaultPlan } from './fault-plan.ts'
import { HttpFailure, readBody } from './http-exchange.ts'
import { INT64_MAX, INT64_MIN, LineProtocolError, ParserPanic, type Point, parseLineProtocol } from './line-protocol.ts'
import { LoopbackListener } from './loopback-listener.ts'
import { PointDatabase, Refusal, type Row } from './point-store.ts'
import { encodeResult } from './sql-format.ts'
import { type QueryResult, runSql } from './sql.ts'
import { suffer } from './suffer.ts'

export interface CnosdbServerOptions {
  /** Default: any free one. */
  readonly port?: number
  /** They exist from the start. Default `public`. */
  readonly databases?: readonly string[]
  /** Of the user `root`. Default: any password will do, as with `auth_enabled = false`. */
  readonly password?: string
  /** Largest body of a write as sent, in bytes. Default 160 MiB. */
  readonly writeLimitBytes?: number
  /** Milliseconds since 1970, for lines without a time. */
  readonly now?: () => number
  /** Milliseconds that only go forward, for faults with a duration. */
  readonly monotonic?: () => number
}

export interface CnosdbStats {
  /** Requests to the write paths, also refused and broken ones. */
  readonly writes: number
  /** Points of accepted writes, counted again where they replace an earlier one. */
  readonly points: number
  /** Answers of all paths by status; `reset` where the connection was broken instead. */
  readonly answers: Readonly<Record<string, number>>
}

const WRITE_LIMIT_BYTES = 160 * 1024 * 1024
const SQL_LIMIT_BYTES = 16 * 1024 * 1024
const scales: Readonly<Record<string, bigint>> = { ms: 1_000_000n, us: 1000n }

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>

/** Starts a CnosDB stand-in on the loopback. */
export async function startCnosdbServer(options: CnosdbServerOptions = {}): Promise<CnosdbServer> {
  const server = new CnosdbServer(options)
  await server.accept()
  return server
}

/**
 * A stand-in for CnosDB 2.4.3 and later: its HTTP paths, its manners, its strict parser and its upserts, in memory.
 * Storage is one shard: a write is taken whole or not at all.
 */
export class CnosdbServer {
  readonly #options: CnosdbServerOptions
  readonly #databases = new Map<string, PointDatabase>()
  readonly #faults: FaultPlan
  readonly #listener: LoopbackListener
  readonly #answers: Record<string, number> = {}
  readonly #routes: ReadonlyMap<string, readonly [methods: string, handler: Handler]>
  #writes = 0
  #points = 0

  constructor(options: CnosdbServerOptions) {
    this.#options = options
    this.#listener = new LoopbackListener((request, response) => void this.#answer(request, response), options.port)
    this.#faults = new FaultPlan(options.monotonic ?? (() => performance.now()))
    for (const name of options.databases ?? ['public']) this.#databases.set(name, new PointDatabase())
    this.#routes = new Map([
      ['/api/v1/write', ['POST', this.#write.bind(this)]],
      ['/write', ['POST', this.#influxWrite.bind(this)]],
      ['/api/v1/sql', ['POST', this.#sql.bind(this)]],
      ['/api/v1/ping', ['GET HEAD', this.#ping.bind(this)]],
    ])
  }

  /** Stays the same while connections are refused. */
  get url(): string {
    return this.#listener.url
  }

  count(table: string, database = 'public'): number {
    return this.#databases.get(database)?.table(table)?.count ?? 0
  }

  rows(table: string, database = 'public'): Row[] {
    return this.#databases.get(database)?.table(table)?.rows() ?? []
  }

  /** Throws a `Refusal` as the server would answer it. */
  query(sql: string, database = 'public'): QueryResult {
    return runSql(sql, database, this.#databases)
  }

  stats(): CnosdbStats {
    return { writes: this.#writes, points: this.#points, answers: { ...this.#answers } }
  }

  inject(fault: Fault): void {
    this.#faults.add(fault)
  }

  clearFaults(): void {
    this.#faults.clear()
  }

  /** Closes the port and every connection; `accept`, or the end of `forMs`, opens the same port again. */
  refuse(forMs?: number): Promise<void> {
    return this.#listener.refuse(forMs)
  }

  accept(): Promise<void> {
    return this.#listener.accept()
  }

  async stop(): Promise<void> {
    await this.refuse()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.once('close', () => {
      const outcome = response.writableFinished ? String(response.statusCode) : 'reset'
      this.#answers[outcome] = (this.#answers[outcome] ?? 0) + 1
    })
    try {
      await this.#route(request, response)
    } catch (error) {
      fail(error, request, response)
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url)
    const [methods, handler] = this.#routes.get(url.pathname) ?? []
    if (methods === undefined || handler === undefined) throw new HttpFailure(404)
    if (!methods.split(' ').includes(request.method ?? '')) throw new HttpFailure(405)
    if (new Set(url.searchParams.keys()).size < url.searchParams.size) throw new HttpFailure(500)
    const isWrite = url.pathname.endsWith('/write')
    if (isWrite) this.#writes++
    const fault = this.#faults.take(isWrite ? 'write' : 'other')
    if (fault === undefined) await handler(request, response, url)
    else await suffer(fault, request, response, () => handler(request, response, url))
  }

  async #write(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { headers } = request
    checkLength(headers, this.#options.writeLimitBytes ?? WRITE_LIMIT_BYTES)
    checkUser(headers, this.#options.password)
    const decode = decoderOf(headers)
    const body = await decode(await readBody(request))
    this.#checkTenant(url)
    this.#store(body, url, scales[(url.searchParams.get('precision') ?? 'ns').toLowerCase()] ?? 1n)
    response.writeHead(200).end()
  }

  /** The InfluxDB path: no credentials, no encodings, nanoseconds, any length. */
  async #influxWrite(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    this.#store(await readBody(request), url, 1n)
    response.writeHead(200).end()
  }

  #store(body: Buffer, url: URL, scale: bigint): void {
    if (!isUtf8(body)) throw new HttpFailure(422, '040015', 'Invalid UTF-8 sequence')
    const points = parseLineProtocol(body)
    const name = url.searchParams.get('db') ?? 'public'
    const database = this.#databases.get(name)
    if (database === undefined) throw new Refusal('030017', `Database not found: ${JSON.stringify(name)}`)
    const now = BigInt((this.#options.now ?? Date.now)()) * 1_000_000n
    // The server scales its own nanoseconds too, so a line without a time overflows unless the precision is ns.
    database.write(points, (point: Point) => scaled(point.time ?? now, scale))
    this.#points += points.length
  }

  async #sql(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { headers } = request
    checkLength(headers, SQL_LIMIT_BYTES)
    checkUser(headers, this.#options.password)
    const decode = decoderOf(headers)
    const body = await decode(await readBody(request))
    this.#checkTenant(url)
    const result = this.query(body.toString(), url.searchParams.get('db') ?? 'public')
    const encoded = encodeResult(result, headers.accept)
    if (encoded === undefined) throw new HttpFailure(400, '040005', `Invalid header accept: ${headers.accept}`)
    response.writeHead(200, { 'content-type': encoded.contentType }).end(encoded.text)
  }

  #ping(_request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ version: '2.4.3', status: 'healthy' }))
    return Promise.resolve()
  }

  #checkTenant(url: URL): void {
    const tenant = url.searchParams.get('tenant') ?? 'cnosdb'
    if (tenant !== 'cnosdb') throw new Refusal('030010', `Tenant not found: ${JSON.stringify(tenant)}`)
  }
}

function scaled(time: bigint, scale: bigint): bigint {
  const nanoseconds = time * scale
  if (nanoseconds > INT64_MAX || nanoseconds < INT64_MIN) throw new Refusal('050014', 'timestamp overflow')
  return nanoseconds
}

function fail(error: unknown, request: IncomingMessage, response: ServerResponse): void {
  if (error instanceof ParserPanic || request.errored !== null || request.socket.destroyed) {
    request.socket.resetAndDestroy()
    return
  }
  const { status, code, message } = asFailure(error)
  if (status === 413) response.setHeader('connection', 'close')
  response.writeHead(status, code === undefined ? {} : { 'content-type': 'application/json' })
  response.end(code === undefined ? undefined : JSON.stringify({ error_code: code, error_message: message }))
  request.resume()
}

function asFailure(error: unknown): { status: number; code: string | undefined; message: string } {
  if (error instanceof HttpFailure) return error
  if (error instanceof Refusal) return { status: 422, code: error.code, message: error.message }
  if (error instanceof LineProtocolError) return { status: 422, code: '040004', message: error.message }
  throw error
}
