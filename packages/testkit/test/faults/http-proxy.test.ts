import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { once } from 'node:events'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type FaultSwitch, type HttpProxy, during, httpProxy, serverFaults } from '../../src/faults/index.ts'

let target: Server
let proxy: HttpProxy
/** The bodies that the server has got whole. */
let applied: string[]

beforeEach(async () => {
  applied = []
  target = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      applied.push(body)
      response.writeHead(201, { 'x-from': 'target' }).end(`took ${body.length}`)
    })
  })
  target.listen(0, '127.0.0.1')
  await once(target, 'listening')
  proxy = await httpProxy({ target: `http://127.0.0.1:${(target.address() as AddressInfo).port}` })
})

afterEach(async () => {
  await proxy.stop()
  target.close()
  target.closeAllConnections()
  await once(target, 'close')
})

const post = (body = 'abc', signal?: AbortSignal): Promise<Response> =>
  fetch(`${proxy.url}/path`, { method: 'POST', body, ...(signal === undefined ? {} : { signal }) })

function fault(name: string): FaultSwitch {
  return serverFaults(proxy).find((each) => each.name === name)!
}

async function worksAgain(): Promise<void> {
  const answer = await post('again')
  expect([answer.status, answer.headers.get('x-from'), await answer.text()]).toEqual([201, 'target', 'took 5'])
}

afterEach(() => expect(new Set(serverFaults(proxy).map(({ name }) => name)).size).toBe(11))

it('passes requests and answers', worksAgain)

it.each([
  ['server-429', 429, null],
  ['server-429-after', 429, '1'],
  ['server-503', 503, null],
  ['server-503-after', 503, '1'],
])('%s refuses without asking the server', async (name, status, retryAfter) => {
  const answer = await during(fault(name), () => post())
  expect([answer.status, answer.headers.get('retry-after'), applied]).toEqual([status, retryAfter, []])
  await worksAgain()
})

it('server-hang never answers and never asks the server', async () => {
  await during(fault('server-hang'), () => expect(post('abc', AbortSignal.timeout(200))).rejects.toThrow('timeout'))
  expect(applied).toEqual([])
  await worksAgain()
})

it('server-slow answers rightly, a second late', async () => {
  const begin = performance.now()
  expect(await during(fault('server-slow'), async () => (await post()).status)).toBe(201)
  expect(performance.now() - begin).toBeGreaterThan(990)
})

it.each(['server-reset', 'server-reset-midway'])('%s breaks the connection and applies nothing', async (name) => {
  await during(fault(name), () => expect(post('x'.repeat(1_000_000))).rejects.toThrow('fetch failed'))
  await worksAgain()
  expect(applied).toEqual(['again'])
})

it.each(['server-lose-answer', 'server-cut-answer'])('%s applies the write and breaks the connection', async (name) => {
  const ask = async (): Promise<string> => (await post()).text()
  await during(fault(name), () => expect(ask()).rejects.toThrow())
  expect(applied).toEqual(['abc'])
  await worksAgain()
})

it('server-cut-answer lets the head of the answer through', async () => {
  const answer = await during(fault('server-cut-answer'), () => post())
  expect(answer.status).toBe(201)
  await expect(answer.text()).rejects.toThrow()
})

it('server-refuse closes the port, and opens the same one again', async () => {
  const { url } = proxy
  await during(fault('server-refuse'), () => expect(post()).rejects.toThrow('fetch failed'))
  expect(proxy.url).toBe(url)
  await worksAgain()
})
