import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { request as httpRequest } from 'node:http'
import { type CnosdbAdmin, startCnosdbAdmin } from '../../src/embedded/cnosdb-admin.ts'
import { type CnosdbServer, startCnosdbServer } from '../../src/embedded/cnosdb-server.ts'
import { FaultPlan } from '../../src/embedded/fault-plan.ts'

let server: CnosdbServer

beforeEach(async () => {
  server = await startCnosdbServer()
})

afterEach(() => server.stop())

interface Answer {
  readonly status: number
  readonly text: string
}

/** A write of one point, or the code of the broken connection. */
function write(time = 1, signal?: AbortSignal): Promise<Answer | string> {
  return new Promise((resolve) => {
    const options = { method: 'POST', agent: false, auth: 'root:', ...(signal && { signal }) }
    const request = httpRequest(`${server.url}/api/v1/write`, options, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name))
    })
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.name))
    request.end(`m f=1 ${time}`)
  })
}

const ok = { status: 200, text: '' }

describe('faults', () => {
  it('answers a status for the next requests, with a body where there is a code', async () => {
    server.inject({ kind: 'status', status: 503, times: 2 })
    server.inject({ kind: 'status', status: 422, errorCode: '030024', message: 'rate limit reached', times: 1 })
    expect([await write(), await write()]).toEqual([
      { status: 503, text: '' },
      { status: 503, text: '' },
    ])
    expect(await write()).toEqual({
      status: 422,
      text: '{"error_code":"030024","error_message":"rate limit reached"}',
    })
    expect(server.count('m')).toBe(0)
    expect(await write()).toEqual(ok)
  })

  it('hangs until the client gives up', async () => {
    server.inject({ kind: 'hang', times: 1 })
    const client = new AbortController()
    const answer = write(1, client.signal)
    await until(() => server.stats().writes === 1)
    client.abort()
    expect(await answer).toBe('ABORT_ERR')
    expect(server.count('m')).toBe(0)
  })

  it('resets in the middle of a body', async () => {
    server.inject({ kind: 'reset-mid-body', times: 1 })
    expect(await write()).toBe('ECONNRESET')
    expect([server.count('m'), await write()]).toEqual([0, ok])
  })

  it('does the work and loses the answer', async () => {
    server.inject({ kind: 'lose-answer', times: 1 })
    expect(await write()).toBe('ECONNRESET')
    expect([server.count('m'), await write()]).toEqual([1, ok])
  })

  it('resets before it has taken anything of the body', async () => {
    server.inject({ kind: 'reset', times: 1 })
    expect(await write()).toBe('ECONNRESET')
    expect([server.count('m'), await write()]).toEqual([0, ok])
  })

  it('does the work and cuts the answer short', async () => {
    server.inject({ kind: 'cut-answer', times: 1 })
    expect(await write()).toBe('ECONNRESET')
    expect([server.count('m'), await write()]).toEqual([1, ok])
  })

  it('is slow', async () => {
    server.inject({ kind: 'delay', ms: 60 })
    const begin = performance.now()
    expect(await write()).toEqual(ok)
    expect(performance.now() - begin).toBeGreaterThan(50)
    server.clearFaults()
  })

  it('refuses connections and opens the same port again', async () => {
    const { url } = server
    await server.refuse()
    expect(await write()).toBe('ECONNREFUSED')
    await server.accept()
    expect([await write(), server.url]).toEqual([ok, url])
  })

  it('opens again by itself', async () => {
    await server.refuse(20)
    await until(async () => (await write()) !== 'ECONNREFUSED')
    expect(await write()).toEqual(ok)
  })

  it('stops while a request hangs', async () => {
    server.inject({ kind: 'hang' })
    const answer = write()
    await until(() => server.stats().writes === 1)
    await server.stop()
    expect(await answer).toBe('ECONNRESET')
  })
})

describe('a plan', () => {
  it('ends faults after their time', () => {
    let now = 0
    const plan = new FaultPlan(() => now)
    plan.add({ kind: 'hang', forMs: 100 })
    now = 99
    expect(plan.take('write')?.kind).toBe('hang')
    now = 100
    expect(plan.take('write')).toBeUndefined()
  })

  it('breaks writes only, unless told otherwise', () => {
    const plan = new FaultPlan(() => 0)
    plan.add({ kind: 'hang' })
    expect(plan.take('other')).toBeUndefined()
    plan.add({ kind: 'delay', ms: 1, requests: 'all' })
    expect([plan.take('other')?.kind, plan.take('write')?.kind]).toEqual(['delay', 'hang'])
    plan.clear()
    plan.add({ kind: 'reset', requests: 'others' })
    expect([plan.take('other')?.kind, plan.take('write')?.kind]).toEqual(['reset', undefined])
    plan.clear()
    expect(plan.take('write')).toBeUndefined()
  })
})

describe('control from another process', () => {
  let admin: CnosdbAdmin

  beforeEach(async () => {
    admin = await startCnosdbAdmin(server)
  })

  afterEach(() => admin.stop())

  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(admin.url + path, { method, ...(body && { body: JSON.stringify(body) }) })
    if (!response.ok) throw new Error(await response.text())
    return response.json()
  }

  it('plans and forgets faults', async () => {
    await ask('POST', '/faults', { kind: 'status', status: 500 })
    expect(await write()).toEqual({ status: 500, text: '' })
    await ask('DELETE', '/faults')
    expect(await write()).toEqual(ok)
  })

  it('closes and opens the port', async () => {
    await ask('POST', '/refuse')
    expect(await write()).toBe('ECONNREFUSED')
    await ask('POST', '/accept')
    expect(await write()).toEqual(ok)
  })

  it('counts', async () => {
    await write()
    expect(await ask('GET', '/count?table=m')).toEqual({ count: 1 })
    expect(await ask('GET', '/stats')).toEqual({ writes: 1, points: 1, answers: { 200: 1 } })
  })

  it('says what it does not know', async () => {
    await expect(ask('GET', '/nope')).rejects.toThrow('no such path: GET /nope')
    await expect(ask('POST', '/faults')).rejects.toThrow('SyntaxError')
  })
})

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('it did not come to pass within 5 s')
    await new Promise((resolve) => setImmediate(resolve))
  }
}
