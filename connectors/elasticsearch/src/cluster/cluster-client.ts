import { type Clock, type Logger, isConnectError } from '@connect-run/core'
import { type HttpClient, type HttpRequest, type HttpResponse, createHttpClient, statusError } from '@connect-run/http'
import type { ElasticsearchSinkConfig } from '../sink-config.ts'
import { authHeaders } from './auth.ts'
import { mediaHeaders } from './media-types.ts'
import { type Change, NodePool } from './node-pool.ts'
import { type ServerVersion, UNKNOWN_SERVER, nameOf, olderThan, readVersion } from './server-version.ts'
import { Sniffer } from './sniffer.ts'

/** More than a pipeline has requests under way: the runtime is what bounds them. */
const CONNECTIONS_A_NODE = 64

/** An answer, and who gave it. */
export interface NodeResponse extends HttpResponse {
  readonly address: string
}

/** One cluster, whichever of its nodes answers. */
export interface ClusterClient {
  /** For messages: the first node's, and how many more there are. Never credentials. */
  readonly address: string
  /** What `connect` has found out; before that, nothing is known. */
  readonly server: ServerVersion
  /**
   * Asks what server this is, as far as it says. Rejects where nobody answers, with a `RetriableError`, and with
   * `AUTH_FAILED` where the credentials are refused. A server that keeps its version to itself is fine.
   */
  connect(signal: AbortSignal): Promise<ServerVersion>
  /**
   * Sends to a node that is well, and resolves with any answer, whatever its status. Rejects as `HttpClient` does.
   * Nothing is sent twice. A body is sent as JSON, one to `_bulk` as NDJSON: the client adds the content type that the
   * server wants.
   */
  request(request: HttpRequest): Promise<NodeResponse>
  /** Ends every connection at once. */
  close(): Promise<void>
}

/** What of the sink's options is about the way to the server. */
export type ClusterConfig = Pick<
  ElasticsearchSinkConfig,
  'url' | 'username' | 'password' | 'apiKey' | 'token' | 'headers' | 'tls' | 'gzip' | 'timeout' | 'sniff'
>

/** Reads certificates; connects with the first request. */
export async function createClusterClient(config: ClusterConfig, logger: Logger, clock: Clock): Promise<ClusterClient> {
  const headers = authHeaders(config)
  const { tls, gzip, timeout: timeoutMs } = config
  const open = (url: string): Promise<HttpClient> =>
    createHttpClient({ url, connections: CONNECTIONS_A_NODE, headers, tls, gzip, timeoutMs })
  const urls = addressesOf(config)
  const pool = new NodePool(await Promise.all(urls.map(open)), () => clock.monotonic())
  return new PooledClient({ pool, logger, clock, sniff: config.sniff, open })
}

/** The addresses of the config: one, or a list. */
export function addressesOf({ url }: Pick<ElasticsearchSinkConfig, 'url'>): readonly string[] {
  return typeof url === 'string' ? [url] : [...new Set(url)]
}

/** Answers of a proxy that has lost its server, or of a server that is starting or stopping. */
const DEAD_STATUSES: ReadonlySet<number> = new Set([502, 503, 504])
/** Answers to `GET /` that any other request would get as well. */
const UNUSABLE: ReadonlySet<number> = new Set([401, 429, ...DEAD_STATUSES])
const DEAD_CODES: ReadonlySet<string> = new Set(['UNREACHABLE', 'CONNECTION_LOST', 'TIMEOUT'])

interface PooledClientOptions {
  readonly pool: NodePool
  readonly logger: Logger
  readonly clock: Clock
  readonly sniff: number | undefined
  readonly open: (url: string) => Promise<HttpClient>
}

class PooledClient implements ClusterClient {
  readonly address: string
  readonly #pool: NodePool
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #sniffer: Sniffer | undefined
  #server = UNKNOWN_SERVER

  constructor({ pool, logger, clock, sniff, open }: PooledClientOptions) {
    const given = pool.addresses
    this.address = given.length === 1 ? given[0]! : `${given[0]!} (+${given.length - 1})`
    this.#pool = pool
    this.#logger = logger
    this.#clock = clock
    const request = (asked: HttpRequest): Promise<HttpResponse> => this.#send(asked)
    this.#sniffer =
      sniff === undefined ? undefined : new Sniffer({ pool, given, every: sniff, clock, logger, request, open })
  }

  get server(): ServerVersion {
    return this.#server
  }

  async connect(signal: AbortSignal): Promise<ServerVersion> {
    const response = await this.#send({ method: 'GET', path: '/', signal })
    // Whoever may write need not be allowed to ask for the version.
    if (UNUSABLE.has(response.status)) throw statusError(response, response.address, this.#clock.now())!
    this.#server = readVersion(response)
    const needed = olderThan(this.#server)
    if (needed !== undefined) {
      const server = { address: response.address, server: nameOf(this.#server) }
      this.#logger.warn(server, `the server is older than ${needed}: not everything works with it`)
    }
    return this.#server
  }

  request(request: HttpRequest): Promise<NodeResponse> {
    this.#sniffer?.poke()
    return this.#send(request)
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #send(request: HttpRequest): Promise<NodeResponse> {
    const headers = { ...mediaHeaders(request, this.#server), ...request.headers }
    const turn = this.#pool.next()
    const { address } = turn.client
    try {
      const response = await turn.client.request({ ...request, headers })
      const isDead = DEAD_STATUSES.has(response.status)
      this.#note(
        isDead ? this.#pool.failed(turn) : this.#pool.answered(turn),
        address,
        `it answered ${response.status}`,
      )
      return { ...response, address }
    } catch (error) {
      if (isConnectError(error) && DEAD_CODES.has(error.code)) {
        this.#note(this.#pool.failed(turn), address, error.message)
      } else {
        this.#pool.forgotten(turn)
      }
      throw error
    }
  }

  /** Says what became of one of several nodes; of an only one, the runtime says what there is to say. */
  #note(change: Change, address: string, reason: string): void {
    if (change === undefined) return
    if (change === 'died') this.#sniffer?.hurry()
    if (this.#pool.addresses.length === 1) return
    if (change === 'died') this.#logger.warn({ address, reason }, 'a node fails: the others get its requests')
    else this.#logger.info({ address }, 'a node is back')
  }
}
