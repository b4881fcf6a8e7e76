import { once } from 'node:events'
import { type IncomingMessage, type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CnosdbServer } from './cnosdb-server.ts'
import type { Fault } from './fault-plan.ts'
import { readBody } from './http-exchange.ts'

/** A second port through which another process looks into a stand-in and breaks it; works while it refuses. */
export interface CnosdbAdmin {
  readonly url: string
  stop(): Promise<void>
}

/**
 * | request                     | does                                               |
 * | --------------------------- | -------------------------------------------------- |
 * | `GET /stats`                | `CnosdbStats` as JSON                              |
 * | `GET /count?table=T[&db=D]` | `{"count": N}`                                     |
 * | `POST /faults`              | plans the `Fault` in the JSON body                 |
 * | `DELETE /faults`            | forgets all of them                                |
 * | `POST /refuse[?forMs=N]`    | closes the port; opens it again after N ms         |
 * | `POST /accept`              | opens it again                                     |
 */
export async function startCnosdbAdmin(server: CnosdbServer): Promise<CnosdbAdmin> {
  const listener = createServer((request, response) => {
    void handle(server, request).then(
      (body) => response.end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(400).end(String(error)),
    )
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, stop: () => stop(listener) }
}

async function stop(listener: Server): Promise<void> {
  const closed = once(listener, 'close')
  listener.close()
  listener.closeAllConnections()
  await closed
}

async function handle(server: CnosdbServer, request: IncomingMessage): Promise<object> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1')
  switch (`${request.method} ${pathname}`) {
    case 'GET /stats':
      return server.stats()
    case 'GET /count':
      return { count: server.count(searchParams.get('table') ?? '', searchParams.get('db') ?? 'public') }
    case 'POST /faults':
      server.inject(JSON.parse((await readBody(request)).toString()) as Fault)
      return {}
    case 'DELETE /faults':
      server.clearFaults()
      return {}
    case 'POST /refuse': {
      const forMs = searchParams.get('forMs')
      await server.refuse(forMs === null ? undefined : Number(forMs))
      return {}
    }
    case 'POST /accept':
      await server.accept()
      return {}
    default:
      throw new Error(`no such path: ${request.method} ${pathname}`)
  }
}
