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
  /** When the bytes before have passed a narrow line, by the clock of `performance`. */
  freeAt: number
}

/** How much time a piece of bytes takes on a narrow line. */
const DRIP_MS = 50
const MOST_WAITING = 64
/** A reset right behind bytes can look like an end to who reads them. */
const SEEN_MS = 20

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
  #bytesPerSecond = Infinity
  /** Lets what waits on narrow lines go at once. */
  #widened = new AbortController()
  #resetAfter: number | undefined
  #cutAnswerAfter: number | undefined
  #garbleAfter: number | undefined
  #garbleAnswerAfter: number | undefined

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
   * the end. 0 is a reset before anything.
   */
  resetMidway(afterBytes: number): void {
    this.#resetAfter = afterBytes
  }

  /** Once: the next connection that the target answers on is reset when the client has so many bytes of the answer. */
  resetAnswer(afterBytes = 0): void {
    this.#cutAnswerAfter = afterBytes
  }

  /** Once: of the next connection whose client sends more than so many bytes in all, the byte behind these is changed. */
  garble(afterBytes: number): void {
    this.#garbleAfter = afterBytes
  }

  /** Once: the same for what the target answers. */
  garbleAnswer(afterBytes: number): void {
    this.#garbleAnswerAfter = afterBytes
  }

  /** Lets so many bytes through in a second, of each connection and direction, drop by drop; Infinity ends it. */
  bandwidth(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond
    this.#widened.abort()
    this.#widened = new AbortController()
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
      if (garbled(chunk, this.#garbleAfter, sent)) this.#garbleAfter = undefined
      sent += chunk.length
      if (this.#resetAfter === undefined || sent < this.#resetAfter) return false
      server.end(chunk.subarray(0, chunk.length - (sent - this.#resetAfter)))
      client.resetAndDestroy()
      this.#resetAfter = undefined
      return true
    })
    let answered = 0
    this.#join(pair, [server, client], (chunk) => {
      if (garbled(chunk, this.#garbleAnswerAfter, answered)) this.#garbleAnswerAfter = undefined
      answered += chunk.length
      if (this.#cutAnswerAfter === undefined || answered < this.#cutAnswerAfter) return false
      const part = chunk.subarray(0, chunk.length - (answered - this.#cutAnswerAfter))
      this.#cutAnswerAfter = undefined
      client.write(part, () => setTimeout(reset, SEEN_MS, pair))
      return true
    })
    if (this.#hanging) for (const socket of [client, server]) socket.pause()
  }

  /** Passes on what `taken` leaves. */
  #join(pair: Pair, [from, to]: readonly [Socket, Socket], taken: (chunk: Buffer) => boolean): void {
    const lane: Lane = { waiting: 0, tail: Promise.resolve(), freeAt: 0 }
    const goOn = (): void => void (this.#hanging || from.resume())
    from.on('data', (chunk: Buffer) => {
      if (taken(chunk)) return
      for (const piece of this.#pieces(chunk)) {
        this.#pass(pair, lane, piece.length, () => {
          if (lane.waiting <= 1) goOn()
          if (to.destroyed || to.write(piece)) return
          from.pause()
          to.once('drain', goOn)
        })
      }
      if (lane.waiting > MOST_WAITING) from.pause()
    })
    from.on('end', () => this.#pass(pair, lane, 0, () => to.end()))
    from.on('error', () => reset(pair))
    from.on('close', () => {
      if (from.destroyed && to.destroyed) this.#pairs.delete(pair)
    })
  }

  /** What passes at once. */
  #pieces(chunk: Buffer): readonly Buffer[] {
    const size = Math.max(1, Math.floor((this.#bytesPerSecond * DRIP_MS) / 1000))
    if (size >= chunk.length) return [chunk]
    const count = Math.ceil(chunk.length / size)
    return Array.from({ length: count }, (_, index) => chunk.subarray(index * size, (index + 1) * size))
  }

  #pass(pair: Pair, lane: Lane, bytes: number, action: () => void): void {
    const isNarrow = this.#bytesPerSecond !== Infinity
    if (this.#latencyMs === 0 && !isNarrow && lane.waiting === 0) {
      action()
      return
    }
    if (isNarrow) lane.freeAt = Math.max(performance.now(), lane.freeAt) + (bytes * 1000) / this.#bytesPerSecond
    const due = (isNarrow ? lane.freeAt : performance.now()) + this.#latencyMs
    const signal = AbortSignal.any([pair.closed.signal, this.#widened.signal])
    lane.waiting++
    lane.tail = lane.tail
      .then(() => sleep(Math.max(0, due - performance.now()), undefined, { signal }))
      .catch(() => undefined)
      .then(() => (pair.closed.signal.aborted ? undefined : action()))
      .finally(() => lane.waiting--)
  }
}

/** Changes the byte at a place of the connection, if the chunk has it, to one that no text in ASCII has. */
function garbled(chunk: Buffer, place: number | undefined, passed: number): boolean {
  if (place === undefined || place < passed || place >= passed + chunk.length) return false
  chunk[place - passed]! ^= 0x80
  return true
}

function reset(pair: Pair): void {
  pair.closed.abort()
  pair.client.resetAndDestroy()
  pair.server.resetAndDestroy()
}
