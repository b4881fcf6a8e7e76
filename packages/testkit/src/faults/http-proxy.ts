import { once } from 'node:events'
import {
  Agent,
  type IncomingMessage,
  STATUS_CODES,
  type Server,
  type ServerResponse,
  createServer,
  request as requestTo,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Fault, FaultPlan } from '../embedded/fault-plan.ts'
import type { FaultSwitch } from './fault-switch.ts'

export interface HttpProxyOptions {
  /** `http://host:port` of the real server. */
  readonly target: string
}

/** Starts a proxy on the loopback in front of an HTTP server. */
export async function httpProxy({ target }: HttpProxyOptions): Promise<HttpProxy> {
  const proxy = new HttpProxy(new URL(target))
  await proxy.accept()
  return proxy
}

/**
 * An HTTP server that can be broken without its knowing: every request goes to the target, until told otherwise. The
 * faults are those of the CnosDB stand-in; `requests: 'writes'` are all but GET and HEAD.
 */
export class HttpProxy {
  readonly #target: URL
  readonly #agent = new Agent({ keepAlive: true })
  readonly #plan = new FaultPlan(() => performance.now())
  #server: Server | undefined
  #port = 0

  constructor(target: URL) {
    this.#target = target
  }

  /** Stays the same while connections are refused. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  inject(fault: Fault): void {
    this.#plan.add(fault)
  }

  clearFaults(): void {
    this.#plan.clear()
  }

  /** Closes the port and every connection, until `accept`. */
  async refuse(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }

  /** Undoes `refuse`. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return
    const server = createServer(
      { keepAliveTimeout: 60_000 },
      (request, response) => void this.#serve(request, response),
    )
    this.#server = server
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    await this.refuse()
    this.#agent.destroy()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => undefined)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const fault = this.#plan.take(isRead ? 'other' : 'write')
    switch (fault?.kind) {
      case 'status':
        return refused(fault, request, response)
      case 'hang':
        return void request.resume()
      case 'reset':
        return void request.socket.resetAndDestroy()
      case 'reset-mid-body':
        return this.#passFirstPart(request)
      case 'delay':
        await sleep(fault.ms)
        return this.#pass(request, response, undefined)
      case 'lose-answer':
      case 'cut-answer':
      case undefined:
        return this.#pass(request, response, fault?.kind)
    }
  }

  /** What is lost or cut is so after the target has done its work: when it has begun to answer. */
  #pass(request: IncomingMessage, response: ServerResponse, fault: 'lose-answer' | 'cut-answer' | undefined): void {
    const upstream = this.#toTarget(request)
    upstream.on('response', (answer) => {
      if (fault === 'lose-answer') request.socket.resetAndDestroy()
      else if (fault === 'cut-answer') cutShort(answer, request)
      else answer.pipe(response.writeHead(answer.statusCode!, answer.rawHeaders))
      if (fault !== undefined) answer.resume()
    })
    upstream.on('error', () => request.socket.resetAndDestroy())
    response.on('close', () => response.writableFinished || upstream.destroy())
    request.pipe(upstream)
  }

  #passFirstPart(request: IncomingMessage): void {
    const upstream = this.#toTarget(request)
    upstream.on('error', () => undefined)
    const cut = (): void => {
      upstream.destroy()
      request.socket.resetAndDestroy()
    }
    request.once('data', (chunk: Buffer) => upstream.write(chunk.subarray(0, chunk.length >> 1), cut))
    request.once('end', cut)
  }

  #toTarget(request: IncomingMessage): ReturnType<typeof requestTo> {
    const { hostname, port } = this.#target
    const { method, url: path, headers } = request
    return requestTo({ agent: this.#agent, hostname, port, method, path, headers })
  }
}

function refused(fault: Extract<Fault, { kind: 'status' }>, request: IncomingMessage, response: ServerResponse): void {
  request.resume()
  request.once('end', () => {
    response.writeHead(fault.status, { ...fault.headers, 'content-type': 'application/json' })
    response.end(JSON.stringify({ error_code: fault.errorCode, error_message: fault.message }))
  })
}

function cutShort({ statusCode = 200 }: IncomingMessage, { socket }: IncomingMessage): void {
  const head = `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\ncontent-length: 100\r\n\r\n{`
  socket.write(head, () => socket.resetAndDestroy())
}

/** Everything that a server or the way to it can do wrong, one fault at a time. */
export function serverFaults(proxy: HttpProxy): readonly FaultSwitch[] {
  const planned = (name: string, does: string, fault: Fault): FaultSwitch => ({
    name,
    does,
    on: async () => proxy.inject({ ...fault, requests: 'all' }),
    off: async () => proxy.clearFaults(),
  })
  const retryAfter = { 'retry-after': '1' }
  return [
    planned('server-429', 'answers 429 without Retry-After', { kind: 'status', status: 429 }),
    planned('server-429-after', 'answers 429 with Retry-After', { kind: 'status', status: 429, headers: retryAfter }),
    planned('server-503', 'answers 503 without Retry-After', { kind: 'status', status: 503 }),
    planned('server-503-after', 'answers 503 with Retry-After', { kind: 'status', status: 503, headers: retryAfter }),
    planned('server-hang', 'takes requests and never answers', { kind: 'hang' }),
    planned('server-slow', 'answers a second late', { kind: 'delay', ms: 1000 }),
    planned('server-reset', 'resets connections before it has read the body', { kind: 'reset' }),
    planned('server-reset-midway', 'resets connections in the middle of the body', { kind: 'reset-mid-body' }),
    planned('server-lose-answer', 'applies writes and resets instead of answering', { kind: 'lose-answer' }),
    planned('server-cut-answer', 'applies writes and resets in the middle of the answer', { kind: 'cut-answer' }),
    {
      name: 'server-refuse',
      does: 'refuses connections',
      on: () => proxy.refuse(),
      off: () => proxy.accept(),
    },
  ]
}
