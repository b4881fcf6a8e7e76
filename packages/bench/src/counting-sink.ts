import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { gunzip } from 'node:zlib'
import { addArrival, countLines, emptyTally } from './tally.ts'
import type { Tally } from './tally.ts'

export interface CountingSink {
  readonly server: Server
  /** What has arrived since the last reset. */
  tally(): Tally
  reset(): void
}

/**
 * An HTTP server that takes line protocol as CnosDB does and keeps only the count of lines, so that it costs little
 * beside what is measured. A request is counted when its body is there whole and inflated, before it is answered.
 */
export function createCountingSink(now: () => number): CountingSink {
  let tally = emptyTally
  const take = (body: Buffer, response: ServerResponse): void => {
    tally = addArrival(tally, countLines(body), now())
    response.writeHead(200, { 'content-length': 0 }).end()
  }
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0]
    if (path === '/api/v1/ping') answerPing(response)
    else if (path === '/api/v1/write' && request.method === 'POST') receive(request, response, take)
    else response.writeHead(404).end()
  })
  return { server, tally: () => tally, reset: () => (tally = emptyTally) }
}

function answerPing(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"version":"2.4","status":"healthy"}')
}

function receive(
  request: IncomingMessage,
  response: ServerResponse,
  take: (body: Buffer, response: ServerResponse) => void,
): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    if (request.headers['content-encoding'] !== 'gzip') {
      take(body, response)
      return
    }
    gunzip(body, (error, inflated) => {
      if (error) response.writeHead(400).end()
      else take(inflated, response)
    })
  })
}
