import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from '@jest/globals'
import { errorKind, isConnectError } from '@connect-run/core'
import { pollUntil } from '@connect-run/testkit'
import { basicAuth, bearerAuth } from '../src/auth.ts'
import { type HttpClient, type HttpClientOptions, type HttpRequest, createHttpClient } from '../src/http-client.ts'

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

interface Loopback {
  readonly url: string
  readonly sockets: Set<unknown>
}

async function serve(handler: Handler): Promise<Loopback> {
  const sockets = new Set<unknown>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => handler(request, response, Buffer.concat(chunks)))
    request.on('error', () => undefined)
  })
  server.on('connection', (socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets }
}

async function client(url: string, options: Partial<HttpClientOptions> = {}): Promise<HttpClient> {
  const made = await createHttpClient({ url, connections: 2, timeoutMs: 5000, ...options })
  closing.push(() => made.close())
  return made
}

function post(body: string | Buffer = 'x', more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'POST', path: '/w', body: Buffer.from(body), signal: new AbortController().signal, ...more }
}

async function failureOf(promise: Promise<unknown>): Promise<{ code: string; kind: string; text: string }> {
  const error: unknown = await promise.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  )
  if (!isConnectError(error)) throw error
  return { code: error.code, kind: errorKind(error), text: `${error.message} ${error.hint ?? ''}` }
}

describe('a request', () => {
  it('carries method, path behind the prefix, headers and one body with its length', async () => {
    const seen: object[] = []
    const { url } = await serve((request, response, body) => {
      const { 'content-length': length, 'transfer-encoding': chunked, authorization, 'x-a': a } = request.headers
      seen.push({ method: request.method, path: request.url, length, chunked, authorization, a, body: String(body) })
      response.writeHead(201, { 'x-b': 'two' }).end('done')
    })
    const headers = { authorization: basicAuth('root', 'pass') }
    const made = await client(`${url}/prefix/`, { headers })
    const response = await made.request(post('hello', { path: '/w?db=a', headers: { 'x-a': 'one' } }))
    expect(seen).toEqual([
      {
        method: 'POST',
        path: '/prefix/w?db=a',
        length: '5',
        chunked: undefined,
        authorization: 'Basic cm9vdDpwYXNz',
        a: 'one',
        body: 'hello',
      },
    ])
    expect(response.status).toBe(201)
    expect(response.headers['x-b']).toBe('two')
    expect(String(response.body)).toBe('done')
    expect(bearerAuth('t')).toBe('Bearer t')
  })

  it('reuses its connections', async () => {
    const { url, sockets } = await serve((_request, response) => response.end('answer'))
    const made = await client(url)
    for (let i = 0; i < 10; i++) await made.request(post())
    await Promise.all(Array.from({ length: 8 }, () => made.request(post())))
    expect(sockets.size).toBe(2)
  })

  it('compresses large bodies only', async () => {
    const seen: { encoding: string | undefined; length: string | undefined; body: Buffer }[] = []
    const { url } = await serve((request, response, body) => {
      seen.push({ encoding: request.headers['content-encoding'], length: request.headers['content-length'], body })
      response.end()
    })
    const made = await client(url, { gzip: true })
    const large = 'line protocol '.repeat(1000)
    const dense = randomBytes(300_000).toString('base64')
    await made.request(post('small'))
    await made.request(post(large))
    await made.request(post(dense))
    expect(seen[0]).toEqual({ encoding: undefined, length: '5', body: Buffer.from('small') })
    expect(seen[1]?.encoding).toBe('gzip')
    expect(seen[1]?.length).toBe(String(seen[1]?.body.length))
    const unpacked = seen.slice(1).map(({ body }) => gunzipSync(body).toString())
    expect([unpacked[0] === large, unpacked[1] === dense]).toEqual([true, true])
  })

  it('resolves with any status and its headers', async () => {
    const { url } = await serve((_request, response) => response.writeHead(503, { 'retry-after': '3' }).end('busy'))
    const response = await (await client(url)).request(post())
    expect([response.status, response.headers['retry-after'], String(response.body)]).toEqual([503, '3', 'busy'])
  })
})

describe('a failure', () => {
  it('refused: UNREACHABLE, naming the address and what to try', async () => {
    const { url } = await serve((_request, response) => response.end())
    await closing.pop()?.()
    const failure = await failureOf((await client(url)).request(post()))
    expect(failure).toMatchObject({ code: 'UNREACHABLE', kind: 'retriable' })
    expect(failure.text).toContain(`cannot reach ${url}: the connection was refused`)
    expect(failure.text).toContain('`url`')
  })

  it('no TLS at the other side: UNREACHABLE with the code', async () => {
    const { url } = await serve((_request, response) => response.end())
    const failure = await failureOf((await client(url.replace('http:', 'https:'))).request(post()))
    expect(failure).toMatchObject({ code: 'UNREACHABLE', kind: 'retriable' })
  })

  it('hanging: TIMEOUT, and the connection is not used again', async () => {
    let requests = 0
    const { url, sockets } = await serve((_request, response) => {
      if (++requests > 1) response.end()
    })
    const made = await client(url, { connections: 1 })
    const failure = await failureOf(made.request(post('x', { timeoutMs: 50 })))
    expect(failure).toMatchObject({ code: 'TIMEOUT', kind: 'retriable' })
    expect(failure.text).toContain('within 50 ms')
    expect((await made.request(post())).status).toBe(200)
    expect(sockets.size).toBe(2)
  })

  it('slow in the middle of the answer: TIMEOUT', async () => {
    const { url } = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('half')
    })
    const failure = await failureOf((await client(url)).request(post('x', { timeoutMs: 100 })))
    expect(failure.code).toBe('TIMEOUT')
  })

  it('slow, but in time: no failure', async () => {
    const { url } = await serve((_request, response) => setTimeout(() => response.end('late'), 100))
    expect(String((await (await client(url)).request(post())).body)).toBe('late')
  })

  it.each([
    ['before the answer', (request: IncomingMessage) => void request.socket.resetAndDestroy()],
    [
      'in the middle of the answer',
      (request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '10' })
        response.write('half', () => request.socket.resetAndDestroy())
      },
    ],
    ['by closing', (request: IncomingMessage) => void request.socket.destroy()],
    [
      'in a header',
      (_request: IncomingMessage, response: ServerResponse) =>
        response.socket!.end('HTTP/1.1 200 OK\r\nA\x80: b\r\n\r\n'),
    ],
    [
      'in its length',
      (_request: IncomingMessage, response: ServerResponse) =>
        response.socket!.end('HTTP/1.1 200 OK\r\ncontent-length: 1\x80\r\n\r\nab'),
    ],
  ])('broken %s: CONNECTION_LOST', async (_when, handler: Handler) => {
    const { url } = await serve(handler)
    const failure = await failureOf((await client(url)).request(post()))
    expect(failure).toMatchObject({ code: 'CONNECTION_LOST', kind: 'retriable' })
    expect(failure.text).toContain(url)
  })

  it('an answer that is too long: SERVER_ERROR, and the next request works', async () => {
    let length = 5000
    const { url } = await serve((_request, response) => response.end('x'.repeat(length)))
    const made = await client(url, { maxResponseBytes: 1000 })
    expect(await failureOf(made.request(post()))).toMatchObject({ code: 'SERVER_ERROR', kind: 'retriable' })
    length = 1000
    expect((await made.request(post())).body).toHaveLength(1000)
  })
})

describe('ending', () => {
  it('rejects with the reason of the signal, before and during the request', async () => {
    let arrived = false
    const { url } = await serve(() => (arrived = true))
    const made = await client(url, { timeoutMs: 60_000 })
    const stop = new AbortController()
    const running = made.request(post('x', { signal: stop.signal }))
    await pollUntil(() => arrived)
    const reason = new Error('stopping')
    stop.abort(reason)
    await expect(running).rejects.toBe(reason)
    await expect(made.request(post('x', { signal: stop.signal }))).rejects.toBe(reason)
  })

  it('close ends what is running', async () => {
    let arrived = false
    const { url } = await serve(() => (arrived = true))
    const made = await createHttpClient({ url, connections: 1, timeoutMs: 5000 })
    const running = failureOf(made.request(post()))
    await pollUntil(() => arrived)
    await made.close()
    expect(await running).toMatchObject({ code: 'STOPPED', kind: 'fatal' })
    expect(await failureOf(made.request(post()))).toMatchObject({ code: 'STOPPED' })
  })
})

describe('secrets', () => {
  it('an address with credentials is refused without showing them', async () => {
    const failure = await failureOf(
      createHttpClient({ url: 'http://u:hunter2@127.0.0.1:1', connections: 1, timeoutMs: 1 }),
    )
    expect(failure.code).toBe('CONFIG_INVALID')
    expect(failure.text).not.toContain('hunter2')
  })

  it('no failure shows the authorization header', async () => {
    const { url } = await serve((request) => void request.socket.destroy())
    const secret = basicAuth('root', 'hunter2')
    const made = await client(url, { headers: { authorization: secret } })
    const error: unknown = await made.request(post()).catch((reason: unknown) => reason)
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain(secret)
  })

  it('a certificate that can’t be read is named by its option', async () => {
    const tls = { key: '/nonexistent/key.pem' }
    const failure = await failureOf(createHttpClient({ url: 'https://127.0.0.1:1', connections: 1, timeoutMs: 1, tls }))
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(failure.text).toContain('tls.key')
  })
})
