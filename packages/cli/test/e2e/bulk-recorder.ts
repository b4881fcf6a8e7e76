import { once } from 'node:events'
import { Agent, type IncomingMessage, type ServerResponse, createServer, request as requestTo } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** A bulk request that has been answered. */
export interface BulkSeen {
  readonly bytes: number
  /** Of the request. */
  readonly status: number
  readonly items: readonly ItemSeen[]
}

export interface ItemSeen {
  readonly id: string
  /** Of the item; undefined where the request was refused as a whole. */
  readonly status: number | undefined
}

/** A proxy in front of a search server that notes what goes to it by bulk, and what it answers. */
export interface BulkRecorder {
  readonly url: string
  readonly seen: readonly BulkSeen[]
  /** The answers that each id has had, in order. */
  answersById(): Map<string, (number | undefined)[]>
  stop(): Promise<void>
}

export async function startBulkRecorder(target: string): Promise<BulkRecorder> {
  const { hostname, port } = new URL(target)
  const agent = new Agent({ keepAlive: true })
  const seen: BulkSeen[] = []
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request)
    const { method, url: path = '', headers } = request
    const upstream = requestTo({ agent, hostname, port, method, path, headers })
    upstream.end(body)
    const [answer] = (await once(upstream, 'response')) as [IncomingMessage]
    const said = await buffer(answer)
    const status = answer.statusCode!
    if (path.includes('_bulk')) seen.push({ bytes: body.length, status, items: itemsOf(body, status, said) })
    response.writeHead(status, answer.rawHeaders).end(said)
  }
  const server = createServer((request, response) => {
    serve(request, response).catch(() => request.socket.resetAndDestroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    answersById: () => {
      const answers = new Map<string, (number | undefined)[]>()
      for (const { id, status } of seen.flatMap(({ items }) => items)) {
        const had = answers.get(id)
        if (had === undefined) answers.set(id, [status])
        else had.push(status)
      }
      return answers
    },
    stop: async () => {
      server.close()
      server.closeAllConnections()
      agent.destroy()
      await once(server, 'close')
    },
  }
}

type Entry = Readonly<Record<string, { readonly _id?: string; readonly status?: number }>>

/** Every operation but `delete` has a line for its document. */
function itemsOf(body: Buffer, status: number, said: Buffer): ItemSeen[] {
  const lines = body.toString().split('\n').slice(0, -1)
  const answers = status === 200 ? (JSON.parse(said.toString()) as { readonly items: readonly Entry[] }).items : []
  const items: ItemSeen[] = []
  for (let line = 0; line < lines.length; line++) {
    const [[action, { _id: id = '' }]] = Object.entries(JSON.parse(lines[line]!) as Entry) as [[string, Entry[string]]]
    items.push({ id, status: Object.values(answers[items.length] ?? {})[0]?.status })
    if (action !== 'delete') line++
  }
  return items
}
