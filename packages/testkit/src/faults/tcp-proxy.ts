import { once } from 'node:events'
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface TcpProxyOptions {
  /** The real server. Default host `127.0.0.1`. */
  readonly target: { readonly host?: string; readonly port: number }
  /** Where to listen, for servers that advertise their address. Default: any free port. */
  readonly port?: number
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  readonly closed: AbortController
}

/** One direction of a connection: what waits for its time, in order. */
interface Lane {
  waiting: number
  tail: Promise<void>
}

/** Starts a proxy on the loopback in front of a server. */
export async function tcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const proxy = new TcpProxy(options)
  await proxy.accept()
  return proxy
}

/** A network that can be broken: every connection to its port goes to the target, until told otherwise. */
export class TcpProxy {
  readonly #target: { readonly host: string; readonly port: number }
  readonly #pairs = new Set<Pair>()
  #listener: Server | undefined
  #port: number
  #hanging = false
  #latencyMs = 0
  #resetAfter: number | undefined

  constructor({ target, port = 0 }: TcpProxyOptions) {
    this.#target = { host: '127.0.0.1', ...target }
    this.#port = port
  }

  readonly host: string = '127.0.0.1'

  /** Stays the same while connections are refused. */
  get port(): number {
    return this.#port
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#pairs.size
  }

  /** Resets the connections that are open; new ones are served. */
  cut(): void {
    for (const pair of this.#pairs) reset(pair)
  }

  /** Resets the connections that are open and closes the port, until `accept`. */
  async refuse(): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    if (listener === undefined) return
    const closed = once(listener, 'close')
    listener.close()
    this.cut()
    await closed
  }

  /** Undoes `refuse`. */
  async accept(): Promise<void> {
    if (this.#listener !== undefined) return
    const listener = createServer((client) => this.#serve(client))
    this.#listener = listener
    listener.listen(this.#port, this.host)
    await once(listener, 'listening')
    this.#port = (listener.address() as AddressInfo).port
  }

  /** Bytes stop in both directions and connections stay open, new ones too, until `resume`. */
  hang(): void {
    this.#hanging = true
    for (const pair of this.#pairs) for (const socket of [pair.client, pair.server]) socket.pause()
  }

  /** Undoes `hang`. */
  resume(): void {
    this.#hanging = false
    for (const pair of this.#pairs) for (const socket of [pair.client, pair.server]) socket.resume()
  }

  /**
   * Once: the next connection whose client has sent so many bytes in all is reset; the target gets exactly these and
   * the end.
   */
  resetMidway(afterBytes: number): void {
    this.#resetAfter = afterBytes
  }

  /** Delays every chunk of bytes by so many milliseconds in each direction; 0 ends it. */
  latency(ms: number): void {
    this.#latencyMs = ms
  }

  async stop(): Promise<void> {
    await this.refuse()
  }

  #serve(client: Socket): void {
    const server = connect(this.#target)
    const pair: Pair = { client, server, closed: new AbortController() }
    this.#pairs.add(pair)
    let sent = 0
    this.#join(pair, [client, server], (chunk) => {
      sent += chunk.length
      if (this.#resetAfter === undefined || sent < this.#resetAfter) return false
      server.end(chunk.subarray(0, chunk.length - (sent - this.#resetAfter)))
      client.resetAndDestroy()
      this.#resetAfter = undefined
      return true
    })
    this.#join(pair, [server, client], () => false)
    if (this.#hanging) for (const socket of [client, server]) socket.pause()
  }

  /** Passes on what `taken` leaves. */
  #join(pair: Pair, [from, to]: readonly [Socket, Socket], taken: (chunk: Buffer) => boolean): void {
    const lane: Lane = { waiting: 0, tail: Promise.resolve() }
    from.on('data', (chunk: Buffer) => {
      if (taken(chunk)) return
      this.#pass(pair, lane, () => {
        if (to.destroyed || to.write(chunk)) return
        from.pause()
        to.once('drain', () => this.#hanging || from.resume())
      })
    })
    from.on('end', () => this.#pass(pair, lane, () => to.end()))
    from.on('error', () => reset(pair))
    from.on('close', () => {
      if (from.destroyed && to.destroyed) this.#pairs.delete(pair)
    })
  }

  #pass(pair: Pair, lane: Lane, action: () => void): void {
    if (this.#latencyMs === 0 && lane.waiting === 0) {
      action()
      return
    }
    const due = performance.now() + this.#latencyMs
    const { signal } = pair.closed
    lane.waiting++
    lane.tail = lane.tail
      .then(() => sleep(Math.max(0, due - performance.now()), undefined, { signal }))
      .then(action, () => undefined)
      .finally(() => lane.waiting--)
  }
}

function reset(pair: Pair): void {
  pair.closed.abort()
  pair.client.resetAndDestroy()
  pair.server.resetAndDestroy()
}
