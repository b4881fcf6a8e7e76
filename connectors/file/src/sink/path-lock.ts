import { createHash } from 'node:crypto'
import { type Server, createServer } from 'node:net'
import { ConnectError } from '@connect-run/core'

export interface PathLock {
  release(): Promise<void>
}

const free: PathLock = { release: () => Promise.resolve() }

/**
 * Claims a file for this process, by a socket name that the kernel frees with the process, however it dies. Throws
 * `FILE_IN_USE` where another process of this host has it. Systems without such names have no lock.
 */
export async function lockPath(file: string, realPath: string): Promise<PathLock> {
  if (process.platform !== 'linux') return free
  const name = `\0connect-run-file-${createHash('sha256').update(realPath).digest('hex').slice(0, 32)}`
  const server = await listen(name)
  if (server === undefined) {
    throw new ConnectError('FILE_IN_USE', `another pipeline writes ${file}`, {
      hint: 'Give each pipeline a file of its own, or stop the other one.',
    })
  }
  return { release: () => new Promise((resolve) => server.close(() => resolve())) }
}

function listen(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.unref()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen({ path: name }, () => resolve(server))
  })
}
