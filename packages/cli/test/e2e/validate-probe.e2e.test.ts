import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { type CnosdbServer, startCnosdbServer } from '@connect-run/testkit/embedded'
import { kafkaAt, searchAt, service } from '@connect-run/testkit/services'
import { type Workplace, workplace } from './worker-process.ts'

const kafka = await service('kafka')
const redis = await service('redis')
const search = await service('opensearch')

const scarcest = [kafka, redis, search].find(({ address }) => address === '') ?? kafka

scarcest.describe('validate --probe', () => {
  const topics = kafkaAt(kafka.address)
  let place: Workplace
  let cnosdb: CnosdbServer
  let topic: string

  beforeEach(async () => {
    place = await workplace()
    cnosdb = await startCnosdbServer({ password: 'right' })
    topic = `probe-${randomUUID()}`
    await topics.createTopic(topic, { partitions: 2 })
  })

  afterEach(async () => {
    await place.close()
    await cnosdb.stop()
    await topics.deleteTopic(topic)
  })

  function config(kafkaAddress: string): Promise<string> {
    const source = `{connector: kafka, brokers: '${kafkaAddress}', topics: [${topic}]}`
    return place.write(
      'app.yaml',
      `name: app
state: {url: '${redis.address}'}
pipelines:
  to-table:
    source: ${source}
    sink: {connector: cnosdb, url: ${cnosdb.url}, password: '\${PASSWORD}', table: t}
    errors: {tolerance: all, deadLetterQueue: {topic: ${topic}.dlq}}
  to-index:
    source: ${source}
    sink: {connector: elasticsearch, url: ${search.address}, index: ${topic}}
  to-file:
    source: ${source}
    sink: {connector: file, path: out.txt}
`,
    )
  }

  async function run(args: readonly string[], env: Record<string, string>): Promise<{ code: number; stdout: string }> {
    const command = place.start(['validate', ...args], env)
    const { code } = await command.exited
    return { code: code ?? -1, stdout: command.stdout() }
  }

  it('asks real servers, and leaves nothing behind', async () => {
    const file = await config(kafka.address)
    const { code, stdout } = await run([file, '--probe'], { PASSWORD: 'right' })
    const lines = stdout.replaceAll(file, 'app.yaml').trimEnd().split('\n')
    expect(lines).toEqual([
      'ok  app.yaml  to-table (kafka -> cnosdb), to-index (kafka -> elasticsearch), to-file (kafka -> file)',
      '',
      `ok          app.yaml:5:5  to-table source (kafka)  topic ${topic} (2 partitions)`,
      'ok          app.yaml:6:5  to-table sink (cnosdb)  CnosDB 2.4.3; database public',
      `ok          app.yaml:7:30  to-table dead letters (kafka)  topic ${topic}.dlq will be created; not checked: whether it may be written`,
      `ok          app.yaml:9:5  to-index source (kafka)  topic ${topic} (2 partitions)`,
      'ok          app.yaml:10:5  to-index sink (elasticsearch)  OpenSearch 2.19.1',
      `ok          app.yaml:12:5  to-file source (kafka)  topic ${topic} (2 partitions)`,
      `ok          app.yaml:13:5  to-file sink (file)  ${place.folder}/out.txt will be made`,
      expect.stringMatching(/^ok {10}app\.yaml:2:9 {2}state \(redis\) {2}Redis \d+\.\d+/),
    ])
    expect(code).toBe(0)
    expect(await readdir(place.folder)).toEqual(['app.yaml'])
    await expect(searchAt(search.address).count(topic)).rejects.toThrow(/index_not_found/)
    expect(cnosdb.count('t')).toBe(0)
  })

  it('finds what is wrong, and ends with 1', async () => {
    const file = await config(kafka.address)
    const { code, stdout } = await run([file, '--probe', '--format', 'github'], { PASSWORD: 'wrong-secret' })
    expect(stdout).toMatch(/^::error file=.*app\.yaml,line=6,col=5,.*title=AUTH_FAILED::.*Access denied/m)
    expect(stdout.match(/^::error/gm)).toHaveLength(1)
    expect(stdout).not.toContain('wrong-secret')
    expect(code).toBe(1)
  })

  it('says so at once when it is stopped while a server keeps it waiting', async () => {
    let connections = 0
    const mute = createServer(() => connections++).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const { port } = mute.address() as AddressInfo
    try {
      const command = place.start(['validate', await config(`127.0.0.1:${port}`), '--probe'], { PASSWORD: 'right' })
      await pollUntil(() => connections > 0, { timeoutMs: 20_000 })
      command.kill('SIGINT')
      const isSaid = (): boolean => command.stdout().includes('stopped before it had answered')
      await pollUntil(isSaid, { timeoutMs: 2000, what: 'the end of the probes' })
      // The client ends its own wait by `connectTimeout`.
      expect(await command.exited).toEqual({ code: 1, signal: null })
    } finally {
      mute.close()
    }
  })
})
