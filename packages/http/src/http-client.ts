import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { ConnectError, RetriableError, isPem } from '@connect-run/core'
import { type Dispatcher, Pool, type buildConnector } from 'undici'
import { type HttpTlsConfig, urlProblem } from './http-options.ts'
import { pinnedConnector } from './pinned-connector.ts'
import { timeoutError, transportError } from './transport-error.ts'

const gzipAsync = promisify(gzip)

/** Below this many bytes compression costs more than it saves. */
const GZIP_THRESHOLD = 4096
const SMALLEST_CHUNK = 16 * 1024
const CONNECT_TIMEOUT_MS = 5000
const MAX_RESPONSE_BYTES = 16 * 1024 * 1024

export interface HttpClientOptions {
  /** http or https; its path is put before that of every request. */
  readonly url: string
  /** Requests at a time; each has its own connection, which is kept alive between them. */
  readonly connections: number
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>
  readonly tls?: HttpTlsConfig | undefined
  /** Compress bodies above 4 KiB, off the main thread. Default false. */
  readonly gzip?: boolean
  /** Deadline of a request that sets none, in milliseconds. */
  readonly timeoutMs: number
  /** Longest answer that is taken, in bytes; a longer one is a retriable `SERVER_ERROR`. Default 16 MiB. */
  readonly maxResponseBytes?: number
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** Begins with a slash; with the query string, if there is one. */
  readonly path: string
  /** Sent with its length, never chunked. */
  readonly body?: Buffer
  readonly headers?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** From connecting to the last byte of the answer, in milliseconds. */
  readonly timeoutMs?: number
}

export interface HttpResponse {
  readonly status: number
  /** Names in lower case; values of a repeated header are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface HttpClient {
  /** Scheme, host, port and path, for messages; never credentials. */
  readonly address: string
  /**
   * Resolves with any answer, whatever its status. Rejects with the signal's reason, or with a `RetriableError`:
   * `UNREACHABLE`, `TIMEOUT` or `CONNECTION_LOST`. Nothing is sent twice: repeating is the runtime's business.
   */
  request(request: HttpRequest): Promise<HttpResponse>
  /** Ends every connection at once; requests still running reject with `STOPPED`. */
  close(): Promise<void>
}

/** Reads certificates; connects with the first request. */
export async function createHttpClient(options: HttpClientOptions): Promise<HttpClient> {
  const problem = urlProblem(options.url)
  if (problem !== undefined) throw new ConnectError('CONFIG_INVALID', `\`url\`: ${problem}`)
  const url = new URL(options.url)
  const prefix = url.pathname.replace(/\/+$/, '')
  const pool = new Pool(url.origin, {
    connections: options.connections,
    connect: await connectOptions(url, options.tls),
    // One deadline covers the whole request.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return new PooledClient(pool, prefix, options)
}

class PooledClient implements HttpClient {
  readonly address: string
  readonly #pool: Pool
  readonly #prefix: string
  readonly #options: HttpClientOptions

  constructor(pool: Pool, prefix: string, options: HttpClientOptions) {
    this.address = new URL(options.url).origin + prefix
    this.#pool = pool
    this.#prefix = prefix
    this.#options = options
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    const { signal, timeoutMs = this.#options.timeoutMs } = request
    signal.throwIfAborted()
    const attempt = new AbortController()
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      attempt.abort()
    }, timeoutMs)
    const abort = (): void => attempt.abort()
    signal.addEventListener('abort', abort, { once: true })
    try {
      return await this.#exchange(request, attempt.signal)
    } catch (error) {
      signal.throwIfAborted()
      throw timedOut ? timeoutError(this.address, timeoutMs) : transportError(error, this.address)
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  }

  async #exchange(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const headers: Record<string, string> = { ...this.#options.headers, ...request.headers }
    let body = request.body ?? null
    if (this.#options.gzip === true && body !== null && body.length > GZIP_THRESHOLD) {
      // Most bodies shrink to a quarter or less: one chunk, and one trip to another thread.
      body = await gzipAsync(body, { level: 1, chunkSize: Math.max(SMALLEST_CHUNK, body.length >>> 2) })
      headers['content-encoding'] = 'gzip'
      signal.throwIfAborted()
    }
    const path = this.#prefix + request.path
    const response = await this.#pool.request({ method: request.method, path, headers, body, signal })
    return { status: response.statusCode, headers: joined(response.headers), body: await this.#read(response) }
  }

  /** An answer must be read to its end, or the connection can't be used again. */
  async #read(response: Dispatcher.ResponseData): Promise<Buffer> {
    const { maxResponseBytes = MAX_RESPONSE_BYTES } = this.#options
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxResponseBytes) {
        throw new RetriableError('SERVER_ERROR', `${this.address} answered with more than ${maxResponseBytes} bytes`)
      }
      chunks.push(chunk)
    }
    return Buffer.concat(chunks, length)
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }
}

function joined(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const result: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return result
}

interface CertificateOptions {
  ca?: string
  cert?: string
  key?: string
  passphrase?: string
}

async function connectOptions(
  url: URL,
  tls: HttpTlsConfig = {},
): Promise<buildConnector.BuildOptions | buildConnector.connector> {
  const options = { timeout: CONNECT_TIMEOUT_MS, ...(await certificateOptions(tls)) }
  const { fingerprint, verify = true, ca } = tls
  if (fingerprint === undefined) return { ...options, rejectUnauthorized: verify }
  if (url.protocol !== 'https:') {
    throw new ConnectError('CONFIG_INVALID', '`tls.fingerprint`: the address is not https')
  }
  // The fingerprint is proof enough, unless an authority is named as well.
  const unpinned = { ...options, rejectUnauthorized: verify && ca !== undefined }
  return pinnedConnector(unpinned, { fingerprint, checksName: verify, address: url.origin })
}

async function certificateOptions({ ca, cert, key, keyPassword }: HttpTlsConfig): Promise<CertificateOptions> {
  const options: CertificateOptions = {}
  if (ca !== undefined) options.ca = await pem('ca', ca)
  if (cert !== undefined) options.cert = await pem('cert', cert)
  if (key !== undefined) options.key = await pem('key', key)
  if (keyPassword !== undefined) options.passphrase = keyPassword
  return options
}

async function pem(name: string, pathOrText: string): Promise<string> {
  if (isPem(pathOrText)) return pathOrText
  try {
    return await readFile(pathOrText, 'utf8')
  } catch (error) {
    throw new ConnectError('CONFIG_INVALID', `\`tls.${name}\`: the file can't be read`, {
      hint: 'Give the path of a readable PEM file, or the PEM itself.',
      cause: error,
    })
  }
}
