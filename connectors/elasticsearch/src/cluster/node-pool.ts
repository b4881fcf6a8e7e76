import type { HttpClient } from '@connect-run/http'

/** How long a node that failed is left alone, in milliseconds; doubled with each failure after that. */
export const FIRST_PAUSE_MS = 1000
export const LONGEST_PAUSE_MS = 60_000

/** One server, and what is known of its health. */
interface Node {
  readonly client: HttpClient
  /** Failures one after another; 0: it is well. */
  failures: number
  /** When it may be tried again, by the monotonic clock. */
  restsUntil: number
  isOnTrial: boolean
  /** Requests under way. */
  requests: number
}

/** The node that a request goes to. Each turn ends with exactly one of the pool's `answered`, `failed` or `forgotten`. */
export interface Turn {
  readonly client: HttpClient
}

interface OwnTurn extends Turn {
  readonly node: Node
  readonly isTrial: boolean
}

/** What became of a node by the end of a turn. */
export type Change = 'died' | 'revived' | undefined

/**
 * Whose turn it is: the nodes that are well, one after another. One that failed is left alone for a while, and then gets
 * one request to show that it is back. Where all of them have failed, the one that has waited longest is asked, since a
 * request must go somewhere: an only node is never given up.
 */
export class NodePool {
  readonly #monotonic: () => number
  #nodes: readonly Node[]
  /** No longer in the cluster, but still in use. */
  readonly #leaving = new Set<Node>()
  #last = -1

  constructor(clients: readonly HttpClient[], monotonic: () => number) {
    this.#monotonic = monotonic
    this.#nodes = clients.map(newNode)
  }

  get addresses(): readonly string[] {
    return this.#nodes.map(({ client }) => client.address)
  }

  /** Whether no node is well. */
  get isDown(): boolean {
    return this.#nodes.every(({ failures }) => failures > 0)
  }

  next(): Turn {
    const node = this.#choose()
    const isTrial = node.failures > 0 && !node.isOnTrial
    node.isOnTrial ||= isTrial
    node.requests++
    const turn: OwnTurn = { client: node.client, node, isTrial }
    return turn
  }

  /** The node works, whatever it answered. */
  answered(turn: Turn): Change {
    const { node } = this.#end(turn)
    const revived = node.failures > 0
    node.failures = 0
    return revived ? 'revived' : undefined
  }

  /** The node can't be used. Several requests that were under way when it died count as one failure. */
  failed(turn: Turn): Change {
    const { node, isTrial } = this.#end(turn)
    if (node.failures > 0 && !isTrial) return undefined
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** node.failures++)
    node.restsUntil = this.#monotonic() + pause
    return isTrial ? undefined : 'died'
  }

  /** The request was given up: it says nothing about the node. */
  forgotten(turn: Turn): void {
    this.#end(turn)
  }

  /** Other nodes from now on. Those that stay keep what is known of them; those that go are closed when they are idle. */
  replace(clients: readonly HttpClient[]): void {
    const gone = new Set(this.#nodes)
    this.#nodes = clients.map((client) => {
      const known = this.#nodes.find((node) => node.client === client)
      if (known !== undefined) gone.delete(known)
      return known ?? newNode(client)
    })
    for (const node of gone) {
      this.#leaving.add(node)
      this.#dismiss(node)
    }
  }

  /** The client of an address, if there is one. */
  find(address: string): HttpClient | undefined {
    return this.#nodes.find(({ client }) => client.address === address)?.client
  }

  async close(): Promise<void> {
    await Promise.all([...this.#nodes, ...this.#leaving].map(({ client }) => client.close()))
  }

  #choose(): Node {
    const now = this.#monotonic()
    const count = this.#nodes.length
    for (let step = 1; step <= count; step++) {
      const at = (this.#last + step) % count
      const node = this.#nodes[at]!
      if (node.failures > 0 && (node.isOnTrial || node.restsUntil > now)) continue
      this.#last = at
      return node
    }
    return this.#nodes.reduce((first, node) => (node.restsUntil < first.restsUntil ? node : first))
  }

  #end(turn: Turn): OwnTurn {
    const own = turn as OwnTurn
    own.node.requests--
    if (own.isTrial) own.node.isOnTrial = false
    this.#dismiss(own.node)
    return own
  }

  #dismiss(node: Node): void {
    if (node.requests === 0 && this.#leaving.delete(node)) void node.client.close()
  }
}

function newNode(client: HttpClient): Node {
  return { client, failures: 0, restsUntil: 0, isOnTrial: false, requests: 0 }
}
