import { once } from 'node:events'
import { type RequestListener, type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An HTTP server on a loopback port that can be closed and opened again. */
export class LoopbackListener {
  readonly #answer: RequestListener
  #server: Server | undefined
  #port: number
  #reopening: NodeJS.Timeout | undefined

  /** Port 0: any free one. */
  constructor(answer: RequestListener, port = 0) {
    this.#answer = answer
    this.#port = port
  }

  /** Stays the same while connections are refused. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Closes the port and every connection; `accept`, or the end of `forMs`, opens the same port again. */
  async refuse(forMs?: number): Promise<void> {
    clearTimeout(this.#reopening)
    const server = this.#server
    this.#server = undefined
    if (server !== undefined) {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
    if (forMs === undefined) return
    this.#reopening = setTimeout(() => void this.accept(), forMs)
    this.#reopening.unref()
  }

  async accept(): Promise<void> {
    clearTimeout(this.#reopening)
    if (this.#server !== undefined) return
    const server = createServer({ keepAliveTimeout: 60_000 }, this.#answer)
    this.#server = server
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }
}
