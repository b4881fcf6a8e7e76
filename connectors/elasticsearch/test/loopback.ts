import { once } from 'node:events'
import { type IncomingHttpHeaders, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Clock, Logger } from '@connect-run/core'

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** An answer, or how there is none: the connection is cut. */
export type LoopbackAnswer =
  | 'cut'
  | {
      readonly status?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: object | string
    }

type Answering = (request: SeenRequest) => LoopbackAnswer | Promise<LoopbackAnswer>

/** A server on loopback that answers as it is told to, and keeps what it was asked. */
export interface Loopback {
  readonly url: string
  readonly requests: SeenRequest[]
  /** Method and path of each request. */
  readonly asked: readonly string[]
  answer: Answering
  /** Refuses connections, until `up`. */
  down(): Promise<void>
  up(): Promise<void>
}

const closing: (() => Promise<void>)[] = []

/** For `afterEach`: closes what the test has opened, last first. */
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).toReversed()) await close()
}

/** Closes it after the test. */
export function closes<T extends { close(): Promise<void> }>(opened: T): T {
  closing.push(() => opened.close())
  return opened
}

export async function loopback(answer: Answering = () => ({})): Promise<Loopback> {
  const requests: SeenRequest[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('error', () => undefined)
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const seen = { method, path, headers, body: Buffer.concat(chunks).toString() }
      requests.push(seen)
      void Promise.resolve(made.answer(seen)).then((said) => {
        if (said === 'cut') return response.destroy()
        const { status = 200, headers: own = {}, body = '' } = said
        return response.writeHead(status, own).end(typeof body === 'string' ? body : JSON.stringify(body))
      })
    })
  })
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  const down = async (): Promise<void> => {
    if (!server.listening) return
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const made: Loopback = {
    url: `http://127.0.0.1:${port}`,
    requests,
    get asked() {
      return requests.map(({ method, path }) => `${method} ${path}`)
    },
    answer,
    down,
    up: () => listen(port),
  }
  closing.push(down)
  return made
}

/** A clock that goes on when it is told to. */
export function handClock(): Clock & { ms: number } {
  const clock = {
    ms: 1000,
    now: () => 1_700_000_000_000 + clock.ms,
    monotonic: () => clock.ms,
    sleep: () => Promise.resolve(),
  }
  return clock
}

/** A log that is kept: level, message and fields. */
export function keptLog(): Logger & { readonly lines: readonly string[] } {
  const lines: string[] = []
  const at =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
