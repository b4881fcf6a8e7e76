import { createServer, type Server } from 'node:net'

const FIRST = 20_000
const COUNT = 8_000
/** An address of the loopback interface that no server takes: whoever gives a port out listens on it there. */
const RESERVATIONS = '127.0.0.77'

/**
 * A loopback port that nothing listens on, to be bound by somebody else. It is this process's for as long as it lives:
 * others that ask at the same time, before that somebody has bound it, get another.
 * Taken from below the range that systems use for outgoing connections: a port of that range can be lost while its
 * server restarts, and a client that keeps dialling it can even reach itself.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    if ((await reserve(port)) && (await canListen(port))) return port
  }
  throw new Error(`no free port between ${FIRST} and ${FIRST + COUNT}`)
}

async function reserve(port: number): Promise<boolean> {
  const result = await listen(port, RESERVATIONS)
  if (result !== 'EADDRNOTAVAIL') return typeof result !== 'string'
  return true // a system with one loopback address only
}

async function canListen(port: number): Promise<boolean> {
  const server = await listen(port, '127.0.0.1')
  if (typeof server === 'string') return false
  await new Promise((resolve) => server.close(resolve))
  return true
}

/** The server, which does not keep the process alive, or the code of the error. */
function listen(port: number, host: string): Promise<Server | string> {
  return new Promise((resolve) => {
    const server = createServer().unref()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'))
    server.listen(port, host, () => resolve(server))
  })
}
