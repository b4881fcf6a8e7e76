import { createHash } from 'node:crypto'
import { type Server, createServer } from 'node:net'

/** A number that no other living worker of the same group on this host has. */
export interface InstanceSlot {
  readonly slot: number
  release(): Promise<void>
}

const MAX_SLOTS = 1000

/**
 * Takes the lowest free slot of a group on this host, or undefined where the system has no such locks.
 * The lock is a socket name that the kernel frees with its process, however it dies: a worker started again gets
 * the slot of the one that crashed, and two that live never share one. It holds across containers that share the
 * host's network, and so its name.
 */
export async function takeInstanceSlot(
  groupId: string,
  platform: NodeJS.Platform = process.platform,
): Promise<InstanceSlot | undefined> {
  if (platform !== 'linux' && platform !== 'win32') return undefined
  const group = createHash('sha256').update(groupId).digest('hex').slice(0, 32)
  for (let slot = 0; slot < MAX_SLOTS; slot++) {
    const name = `connect-run-kafka-${group}-${slot}`
    const server = await listen(platform === 'linux' ? `\0${name}` : `\\\\.\\pipe\\${name}`)
    if (server !== undefined) return { slot, release: () => close(server) }
  }
  return undefined
}

function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.unref()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined)
      else reject(error)
    })
    server.listen({ path }, () => resolve(server))
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
  })
}
