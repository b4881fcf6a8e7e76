import { createServer } from 'node:net'

const FIRST = 20_000
const COUNT = 8_000

/**
 * A loopback port that nothing listens on, to be bound by somebody else.
 * Taken from below the range that systems use for outgoing connections: a port of that range can be lost while its
 * server restarts, and a client that keeps dialling it can even reach itself.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    if (await canListen(port)) return port
  }
  throw new Error(`no free port between ${FIRST} and ${FIRST + COUNT}`)
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
