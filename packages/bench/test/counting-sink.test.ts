import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { pollUntil } from '@connect-run/testkit'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { CountingSink } from '../src/counting-sink.ts'
import { createCountingSink } from '../src/counting-sink.ts'

describe('the counting sink', () => {
  let sink: CountingSink
  let address: string
  let now: number

  beforeEach(async () => {
    now = 1000
    sink = createCountingSink(() => now)
    sink.server.listen(0, '127.0.0.1')
    await once(sink.server, 'listening')
    address = `http://127.0.0.1:${(sink.server.address() as AddressInfo).port}`
  })

  afterEach(async () => {
    sink.server.closeAllConnections()
    sink.server.close()
    await once(sink.server, 'close')
  })

  const write = (body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${address}/api/v1/write?db=public`, { method: 'POST', body: Buffer.from(body), headers })

  it('counts the lines of plain and of compressed bodies, and keeps the times', async () => {
    const lines = 'm f=1 1\nm f=2 2\n'
    expect((await write(lines)).status).toBe(200)
    now = 3000
    expect((await write(gzipSync(lines.repeat(1000)), { 'content-encoding': 'gzip' })).status).toBe(200)
    expect(sink.tally()).toEqual({ records: 2002, firstRecords: 2, firstAt: 1000, lastAt: 3000 })
  })

  it('counts nothing of what it refuses', async () => {
    expect((await write('not gzip', { 'content-encoding': 'gzip' })).status).toBe(400)
    expect((await fetch(`${address}/elsewhere`, { method: 'POST', body: 'm f=1 1\n' })).status).toBe(404)
    expect(sink.tally().records).toBe(0)
  })

  it('begins anew after a reset', async () => {
    await write('m f=1 1\n')
    sink.reset({ answerMs: 0 })
    now = 5000
    await write('m f=1 1\n')
    expect(sink.tally()).toEqual({ records: 1, firstRecords: 1, firstAt: 5000, lastAt: 5000 })
  })

  it('times what says when it was produced, from a time on', async () => {
    now = 5000
    await write('m produced=4000 1\n')
    sink.watchLatency(4500)
    await write('m,partition=0 produced=4499,f=1 1\nm,partition=0 produced=4997,f=1 1\nm produced=4990\n')
    const latencies = sink.latencies()
    expect(latencies.flatMap((count, at) => (count > 0 ? [[at, count]] : []))).toEqual([
      [3, 1],
      [10, 1],
    ])
    expect(sink.tally().records).toBe(4)
  })

  it('counts before it answers, and answers when it is told to', async () => {
    sink.reset({ answerMs: 30 })
    const startedAt = performance.now()
    const answered = write('m f=1 1\n')
    await pollUntil(() => sink.tally().records === 1, { intervalMs: 1 })
    await answered
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(29)
  })

  it('answers a ping', async () => {
    const answer = await fetch(`${address}/api/v1/ping`)
    expect(await answer.json()).toMatchObject({ status: 'healthy' })
  })
})
