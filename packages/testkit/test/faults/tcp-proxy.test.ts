import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { once } from 'node:events'
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net'
import { type TcpProxy, tcpProxy } from '../../src/faults/index.ts'

let target: Server
let proxy: TcpProxy
let received: string

beforeEach(async () => {
  received = ''
  target = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString()
      socket.write(chunk)
    })
  })
  target.listen(0, '127.0.0.1')
  await once(target, 'listening')
  proxy = await tcpProxy({ target: { port: (target.address() as AddressInfo).port } })
})

afterEach(async () => {
  await proxy.stop()
  target.close()
  await once(target, 'close')
})

class Client {
  readonly socket: Socket
  echoed = ''
  error: string | undefined

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' })
    this.socket.on('data', (chunk: Buffer) => (this.echoed += chunk.toString()))
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code))
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it did not come to pass within 5 s')
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function connected(): Promise<Client> {
  const client = new Client(proxy.port)
  client.socket.write('a')
  await until(() => client.echoed === 'a')
  return client
}

it('passes bytes both ways and the end', async () => {
  const client = await connected()
  const large = 'x'.repeat(3_000_000)
  client.socket.write(large)
  await until(() => client.echoed.length === 3_000_001)
  client.socket.end()
  await until(() => proxy.connections === 0)
  expect(client.error).toBeUndefined()
})

it('cuts what is open and serves what comes', async () => {
  const client = await connected()
  proxy.cut()
  await until(() => client.error === 'ECONNRESET')
  await connected()
})

it('refuses until it accepts, on the same port', async () => {
  const { port } = proxy
  const client = await connected()
  await proxy.refuse()
  await until(() => client.error === 'ECONNRESET')
  const refused = new Client(port)
  await until(() => refused.error === 'ECONNREFUSED')
  await proxy.accept()
  await connected()
  expect(proxy.port).toBe(port)
})

it('hangs with open connections until it resumes', async () => {
  const client = await connected()
  proxy.hang()
  const late = new Client(proxy.port)
  client.socket.write('b')
  late.socket.write('c')
  await until(() => proxy.connections === 2)
  const probe = new Client((target.address() as AddressInfo).port)
  probe.socket.write('d')
  await until(() => probe.echoed === 'd')
  expect([client.echoed, late.echoed]).toEqual(['a', ''])
  proxy.resume()
  await until(() => client.echoed === 'ab' && late.echoed === 'c')
  probe.socket.destroy()
})

it('resets after so many bytes, once', async () => {
  proxy.resetMidway(5)
  const client = new Client(proxy.port)
  client.socket.write('0123456789')
  await until(() => client.error === 'ECONNRESET')
  await until(() => received === '01234')
  await connected()
})

it('is slow and keeps the order', async () => {
  const client = await connected()
  proxy.latency(30)
  const begin = performance.now()
  client.socket.write('1')
  await until(() => received === 'a1')
  // Timers may fire up to a millisecond early.
  expect(performance.now() - begin).toBeGreaterThanOrEqual(28)
  client.socket.write('2')
  proxy.latency(0)
  client.socket.write('3')
  await until(() => client.echoed === 'a123')
})

it('resets before anything is sent', async () => {
  proxy.resetMidway(0)
  const client = new Client(proxy.port)
  client.socket.write('0123456789')
  await until(() => client.error === 'ECONNRESET')
  expect(received).toBe('')
})

it('resets in the middle of an answer, when the target has everything', async () => {
  proxy.resetAnswer(3)
  const client = new Client(proxy.port)
  client.socket.write('0123456789')
  await until(() => client.error === 'ECONNRESET')
  expect(received).toBe('0123456789')
  expect(client.echoed).toBe('012')
  await connected()
})

it('changes one byte on its way, there or back', async () => {
  proxy.garble(4)
  const client = await connected()
  client.socket.write('123456789')
  await until(() => client.echoed.length === 10)
  expect(received).toBe('a123\ufffd56789')
  proxy.garbleAnswer(12)
  client.socket.write('12345')
  await until(() => client.echoed.length === 15)
  expect(client.echoed.slice(10)).toBe('12\ufffd45')
  expect(received.slice(10)).toBe('12345')
})

it('drips, and lets everything go in order once the line is wide again', async () => {
  const client = await connected()
  proxy.bandwidth(100)
  const begin = performance.now()
  client.socket.write('b'.repeat(10))
  await until(() => received.length === 11)
  // The last of two pieces of five bytes waits for the time that ten bytes take.
  expect(performance.now() - begin).toBeGreaterThanOrEqual(98)
  client.socket.write(`${'c'.repeat(100_000)}d`)
  proxy.bandwidth(Infinity)
  await until(() => client.echoed.length === 100_012)
  expect(client.echoed).toBe(`a${'b'.repeat(10)}${'c'.repeat(100_000)}d`)
})
