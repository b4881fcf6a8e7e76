import type { Clock, Logger } from '@connect-run/core'
import type { HttpClient, HttpRequest, HttpResponse } from '@connect-run/http'
import type { NodePool } from './node-pool.ts'
import { parseObject } from './parse-object.ts'

const NODES = '/_nodes/http?filter_path=nodes.*.roles,nodes.*.http.publish_address'

/** A look ends with its connection, when the pool is closed. */
const unending = new AbortController().signal

export interface SnifferOptions {
  readonly pool: NodePool
  /** The addresses of the config: where to go when nothing better is known. */
  readonly given: readonly string[]
  /** Milliseconds between two looks. */
  readonly every: number
  readonly clock: Clock
  readonly logger: Logger
  readonly request: (request: HttpRequest) => Promise<HttpResponse>
  readonly open: (url: string) => Promise<HttpClient>
}

/**
 * Asks the cluster for its nodes from time to time, and when one has died, and gives them to the pool. Looks beside the
 * requests that are under way, and never holds them up.
 */
export class Sniffer {
  readonly #options: SnifferOptions
  #running: Promise<void> | undefined
  #dueAt = 0

  constructor(options: SnifferOptions) {
    this.#options = options
  }

  /** Called before each request: looks if it is time to. */
  poke(): void {
    if (this.#running !== undefined || this.#options.clock.monotonic() < this.#dueAt) return
    this.#running = this.#look().finally(() => (this.#running = undefined))
  }

  /** A node has died: others may have come. */
  hurry(): void {
    this.#dueAt = 0
  }

  async #look(): Promise<void> {
    const { clock, every, given, pool, logger } = this.#options
    this.#dueAt = clock.monotonic() + every
    try {
      const found = await this.#ask()
      if (found.length > 0) await this.#use(found)
      else if (pool.isDown) await this.#use(given)
    } catch (error) {
      logger.warn({ error }, 'the nodes of the cluster could not be looked up')
    }
  }

  /** Addresses, none where they can't be had. */
  async #ask(): Promise<readonly string[]> {
    const { request, given } = this.#options
    try {
      const response = await request({ method: 'GET', path: NODES, signal: unending })
      return response.status === 200 ? nodeAddresses(response.body, given[0]!) : []
    } catch {
      // Whoever sends data next finds out what is wrong, and says so.
      return []
    }
  }

  async #use(addresses: readonly string[]): Promise<void> {
    const { pool, open, logger } = this.#options
    const known = new Set(pool.addresses)
    if (addresses.length === known.size && addresses.every((address) => known.has(address))) return
    const clients = await Promise.all(addresses.map(async (address) => pool.find(address) ?? (await open(address))))
    pool.replace(clients)
    logger.info({ addresses }, 'the cluster has these nodes')
  }
}

/**
 * The addresses of the nodes that take data, from an answer to `GET /_nodes/http`. `given` is an address that works: its
 * scheme holds for all, and where it is not on this machine, one on the loopback is of no use.
 */
export function nodeAddresses(body: Buffer, given: string): readonly string[] {
  const { protocol, hostname } = new URL(given)
  const { nodes } = parseObject(body)
  const found = new Set<string>()
  for (const node of Object.values(nodes ?? {}) as readonly NodeInfo[]) {
    const published = node.http?.publish_address
    if (published === undefined || isOnlyMaster(node.roles)) continue
    const address = addressOf(protocol, published)
    if (address !== undefined && (isLoopback(hostname) || !isLoopback(new URL(address).hostname))) found.add(address)
  }
  return [...found]
}

interface NodeInfo {
  readonly roles?: readonly string[]
  readonly http?: { readonly publish_address?: string }
}

/** `10.0.0.1:9200` or `name/10.0.0.1:9200`. A certificate is for the name, as a rule; the number needs no lookup. */
function addressOf(protocol: string, published: string): string | undefined {
  const [, name, numbers, port] = /^(?:([^/]*)\/)?(.+):(\d+)$/.exec(published) ?? []
  const host = protocol === 'https:' && name !== undefined && name !== '' ? name : numbers
  const url = `${protocol}//${host}:${port}`
  return URL.canParse(url) ? new URL(url).origin : undefined
}

const withoutData = new Set(['master', 'cluster_manager', 'voting_only', 'remote_cluster_client'])

/** A node without any role coordinates, which is the best of all to send to. */
function isOnlyMaster(roles: readonly string[] = []): boolean {
  return roles.length > 0 && roles.every((role) => withoutData.has(role))
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}
