import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CnosdbServer, startCnosdbServer } from '@connect-run/testkit/embedded'
import { type RedisServer, service, startRedis } from '@connect-run/testkit/services'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { type WorkerProcess, type Workplace, expectExit, whileRunning, workplace } from './worker-process.ts'

const redis = await service('redis', { own: true })

redis.describe('workers with their state in Redis', () => {
  let place: Workplace
  let server: RedisServer
  let cnosdb: CnosdbServer

  beforeEach(async () => {
    place = await workplace()
    server = await startRedis()
    cnosdb = await startCnosdbServer()
  })
  afterEach(async () => {
    await place.close()
    await cnosdb.stop()
    await server.stop()
  })

  const start = (config: string, ...args: readonly string[]): WorkerProcess =>
    place.start([config, '--log-format', 'json', ...args])

  /** The stored offset of the only partition. */
  async function stored(): Promise<number> {
    const fields = (await server.command('HGETALL', 'connect-run:{shared-main}')) as string[]
    const at = fields.findIndex((field) => field.startsWith('p:'))
    return at < 0 ? 0 : (JSON.parse(fields[at + 1]!) as { offset: number }).offset
  }

  async function holder(): Promise<number> {
    const text = String(await server.command('HGET', 'connect-run:{shared-main}', 'holder'))
    return (JSON.parse(text) as { pid: number }).pid
  }

  it('one suspended past its lease and woken again: it is fenced, stops by itself, and nothing is lost or doubled', async () => {
    const count = 30_000
    const lines = Array.from({ length: count }, (_, n) => `{"n": ${n}, "t": ${1_700_000_000_000 + n}}\n`).join('')
    await place.write('in.jsonl', lines)
    const config = await place.write(
      'shared.yaml',
      `
name: shared
state: { url: ${server.url}, lease: 2s }
pipelines:
  main:
    source: { connector: file, path: in.jsonl, value: json }
    sink:
      connector: cnosdb
      url: ${cnosdb.url}
      database: public
      table: readings
      time: { field: t, unit: ms }
      batch: { maxRecords: 500 }
    limits: { maxRecords: 1000 }
`,
    )
    cnosdb.inject({ kind: 'delay', ms: 100, requests: 'writes' })
    const first = start(config)
    await whileRunning(first, async () => (await stored()) > 0, 'the first position')
    const second = start(config)
    await whileRunning(second, () => second.output().includes('STATE_LOCKED'), 'the second stands by')
    expect(second.output()).toContain(`is held by process ${first.pid} `)

    first.kill('SIGSTOP')
    const before = await stored()
    await whileRunning(second, async () => (await stored()) > before, 'the second takes over', 10_000)
    first.kill('SIGCONT')
    await whileRunning(first, () => first.output().includes('STATE_FENCED'), 'the first is fenced')
    await whileRunning(first, () => first.output().includes(`is held by process ${second.pid} `), 'it stands by')
    cnosdb.clearFaults()
    await whileRunning(second, async () => (await stored()) === lines.length, 'all positions')
    expect(cnosdb.count('readings')).toBe(count)

    second.kill('SIGTERM')
    await expectExit(second, 0)
    await whileRunning(first, async () => (await holder()) === first.pid, 'the first takes over again', 10_000)
    first.kill('SIGTERM')
    await expectExit(first, 0)
    expect(await stored()).toBe(lines.length)
  })

  it('are killed, and Redis restarts, with its data and without: the copy is the file', async () => {
    const count = 200_000
    const text = Array.from({ length: count }, (_, n) => `line ${String(n).padStart(7, '0')}\n`).join('')
    await place.write('in.txt', text)
    const config = await place.write('shared.yaml', copyConfig(`url: ${server.url}, lease: 30s`))
    for (let life = 1; life <= 6; life++) {
      const worker = start(config)
      const before = await stored()
      await whileRunning(worker, async () => (await stored()) > before, `progress in life ${life}`, 10_000)
      if (life === 2) await server.restart()
      if (life === 4) await server.restart('lost')
      worker.kill('SIGKILL')
      await worker.exited
    }
    await expectExit(start(config, '--once'), 0)
    expect((await readFile(join(place.folder, 'out.txt'), 'utf8')) === text).toBe(true)
    expect(await stored()).toBe(text.length)
  })

  it('wait while Redis is away, say so once, and go on', async () => {
    await place.write('in.txt', 'one\n')
    const config = await place.write('shared.yaml', copyConfig(`url: ${server.url}, lease: 1s`))
    const worker = start(config)
    await whileRunning(worker, async () => (await stored()) === 4, 'the first line')
    await server.kill()
    await whileRunning(worker, () => worker.output().includes("can't reach Redis"), 'it says so')
    await place.write('in.txt', 'one\ntwo\n')
    await server.start()
    await whileRunning(worker, async () => (await stored()) === 8, 'the second line')
    worker.kill('SIGTERM')
    await expectExit(worker, 0)
    expect(worker.output().match(/can't reach Redis/g)).toHaveLength(1)
    expect(worker.output()).not.toContain('the task failed')
    expect(await readFile(join(place.folder, 'out.txt'), 'utf8')).toBe('one\ntwo\n')
  })

  it('name a Redis that evicts or keeps nothing, and refuse it under strict', async () => {
    await place.write('in.txt', 'one\n')
    await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    await server.command('CONFIG', 'SET', 'appendonly', 'no')
    const text = (strict: boolean): string =>
      copyConfig(`url: "redis://:hush@127.0.0.1:${server.port}", strict: ${strict}`)
    await server.command('CONFIG', 'SET', 'requirepass', 'hush')
    const lax = start(await place.write('lax.yaml', text(false)), '--once')
    await expectExit(lax, 0)
    expect(lax.output()).toContain('maxmemory-policy allkeys-lru')
    expect(lax.output()).toContain('it keeps nothing on disk')
    const strict = start(await place.write('strict.yaml', text(true)), '--once')
    await expectExit(strict, 3)
    expect(strict.output()).toContain('STATE_UNSAFE')
    expect(strict.output()).toContain('noeviction')
    expect(lax.output() + strict.output()).not.toContain('hush')
  })
})

function copyConfig(state: string): string {
  return `
name: shared
state: { ${state} }
pipelines:
  main:
    source: { connector: file, path: in.txt }
    sink: { connector: file, path: out.txt }
    limits: { maxRecords: 2000 }
`
}
