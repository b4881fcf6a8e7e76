import { expect, it } from '@jest/globals'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { watchResources } from '../../src/conformance/index.ts'

it('finds a timer that runs', async () => {
  const resources = watchResources(50)
  const timer = setInterval(() => undefined, 60_000)
  await expect(resources.assertAllClosed()).rejects.toThrow('left open: Timeout')
  clearInterval(timer)
})

it('finds a socket and a server', async () => {
  const resources = watchResources(50)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  await expect(resources.assertAllClosed()).rejects.toThrow(/left open: .*TCPSERVERWRAP.*TCPWRAP/)
  socket.destroy()
  server.close()
  await once(server, 'close')
})

it('waits for what is closing, and leaves alone what was open before or keeps nothing alive', async () => {
  const before = setInterval(() => undefined, 60_000)
  const resources = watchResources()
  setInterval(() => undefined, 60_000).unref()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.close()
  await resources.assertAllClosed()
  clearInterval(before)
})
