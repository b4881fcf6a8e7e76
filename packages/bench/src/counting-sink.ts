import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { gunzip } from 'node:zlib'
import type { Histogram } from './latency/histogram.ts'
import { addLatency, emptyHistogram } from './latency/histogram.ts'
import { eachProducedAt } from './latency/timed-value.ts'
import { addArrival, countLines, emptyTally } from './tally.ts'
import type { Tally } from './tally.ts'

export interface SinkSettings {
  /** How long a request waits for its answer after it was counted. */
  readonly answerMs: number
}

export interface CountingSink {
  readonly server: Server
  /** What has arrived since the last reset. */
  tally(): Tally
  /** How long after they were produced records arrived, where `watchLatency` asks for it. */
  latencies(): Histogram
  /** From now on, records that say that they were produced at `from` or later are timed. */
  watchLatency(from: number): void
  reset(settings: SinkSettings): void
}

/**
 * An HTTP server that takes line protocol as CnosDB does and keeps only the count of lines, so that it costs little
 * beside what is measured. A request is counted when its body is there whole and inflated, before it is answered.
 */
export function createCountingSink(now: () => number): CountingSink {
  let tally = emptyTally
  let latencies = emptyHistogram()
  let timedFrom = Infinity
  let answerMs = 0
  const take = (body: Buffer, response: ServerResponse): void => {
    const arrivedAt = now()
    tally = addArrival(tally, countLines(body), arrivedAt)
    if (timedFrom < Infinity) {
      eachProducedAt(body, (at) => at >= timedFrom && addLatency(latencies, arrivedAt - at))
    }
    if (answerMs === 0) answer(response)
    else setTimeout(answer, answerMs, response)
  }
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0]
    if (path === '/api/v1/ping') answerPing(response)
    else if (path === '/api/v1/write' && request.method === 'POST') receive(request, response, take)
    else response.writeHead(404).end()
  })
  return {
    server,
    tally: () => tally,
    latencies: () => latencies,
    watchLatency: (from) => (timedFrom = from),
    reset: (settings) => {
      tally = emptyTally
      latencies = emptyHistogram()
      timedFrom = Infinity
      answerMs = settings.answerMs
    },
  }
}

function answer(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': 0 }).end()
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
