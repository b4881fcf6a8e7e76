import { pollUntil } from '@connect-run/testkit'
import { freePort, ServiceProcess } from '@connect-run/testkit/services'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SERVER = `
const server = require('node:http').createServer((request, response) => response.end(process.pid.toString()))
server.listen(Number(process.argv[1]), '127.0.0.1', () => console.log('ready'))`

describe('ServiceProcess', () => {
  let dir: string
  let port: number
  let server: ServiceProcess

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'connect-run-process-'))
    port = await freePort()
    server = new ServiceProcess({
      name: 'the server',
      command: [process.execPath, '-e', SERVER, `${port}`],
      logFile: join(dir, 'log'),
      ready: (log) => log.includes('ready'),
    })
  })
  afterEach(async () => {
    await server.kill()
    rmSync(dir, { recursive: true, force: true })
  })

  const ask = async (): Promise<number> => Number(await (await fetch(`http://127.0.0.1:${port}/`)).text())

  it('starts when ready, stops, and starts again on its port', async () => {
    await server.start()
    expect(await ask()).toBe(server.pid)
    await server.start() // runs already
    await server.stop()
    expect(server.pid).toBeUndefined()
    await expect(ask()).rejects.toThrow()
    await server.start()
    expect(await ask()).toBe(server.pid)
  })

  it('signals every process of a server that has several, and waits for all of them to end', async () => {
    const parent = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(SERVER)}, process.argv[1]], { stdio: 'inherit' })`
    const group = new ServiceProcess({
      name: 'the group',
      command: [process.execPath, '-e', parent, `${port}`],
      logFile: join(dir, 'group'),
      ready: (log) => log.includes('ready'),
      isGroup: true,
    })
    await group.start()
    const child = await ask()
    expect(child).not.toBe(group.pid)
    await group.pause()
    await expect(fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(200) })).rejects.toThrow('timeout')
    await group.resume()
    expect(await ask()).toBe(child)
    await group.kill()
    expect(isAlive(child)).toBe(false)
    await group.start()
    await group.stop()
    await expect(ask()).rejects.toThrow()
  })

  it('shows what a server printed that ended at once', async () => {
    const broken = new ServiceProcess({
      name: 'the broken one',
      command: ['/bin/sh', '-c', 'echo bad option; exit 1'],
      logFile: join(dir, 'broken'),
      ready: () => false,
    })
    await expect(broken.start()).rejects.toThrow(/the broken one ended at once; it printed:\nbad option/)
  })

  it('says so when the program does not exist', async () => {
    const absent = new ServiceProcess({
      name: 'the absent one',
      command: [join(dir, 'nothing')],
      logFile: join(dir, 'absent'),
      ready: () => false,
    })
    await expect(absent.start()).rejects.toThrow(/the absent one/)
  })

  it.each([false, true])('dies with its owner, and its scratch folder goes too (group: %p)', async (isGroup) => {
    const scratch = join(dir, 'scratch')
    mkdirSync(scratch)
    const owner = spawn(
      process.execPath,
      [fileURLToPath(new URL('fixtures/owner.mjs', import.meta.url)), `${port}`, scratch, SERVER, String(isGroup)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    await once(owner.stdout, 'data')
    const pid = await ask()
    owner.kill('SIGKILL')
    await pollUntil(() => !isAlive(pid), { what: 'the server is gone', timeoutMs: 5_000 })
    await pollUntil(() => !existsSync(scratch), { what: 'the scratch folder is gone', timeoutMs: 5_000 })
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) // a dead child of a container's first process
  } catch {
    return false
  }
}
