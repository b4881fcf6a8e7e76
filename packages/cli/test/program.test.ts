import { describe, expect, it } from '@jest/globals'

import { runProgram } from '../src/program.ts'
import {
  diagnostic,
  type FakeHost,
  fakeHost,
  FakeStream,
  FakeWorker,
  snapshot,
  until,
  workerConfig,
  loaded,
} from './fake-host.ts'

const a = workerConfig('a')

function start(host: FakeHost, line: string): Promise<number> {
  return runProgram(
    line.split(' ').filter((word) => word !== ''),
    '1.2.3',
    host,
  )
}

describe('usage', () => {
  it.each([
    ['--help', 0, /connect-run connectors kafka/],
    ['--help', 0, /--only <pipeline>[^]*--once [^]*--embedded [^]*--log-format <format>[^]*--log-level <level>/],
    ['run --help', 0, /--embedded/],
    ['validate --help', 0, /github/],
    ['status --help', 0, /--partitions[^]*1 a ledger does not add up[^]*3 the state can't be read/],
    ['explain --help', 0, /effectively-once[^]*Exit codes: 0 explained, 2/],
    ['--version', 0, /^1\.2\.3\n$/],
  ])('%s ends with %d and helps', async (line, code, text) => {
    const host = fakeHost()
    expect(await start(host, line)).toBe(code)
    expect(host.stdout.text).toMatch(text)
    expect(host.stderr.text).toBe('')
  })

  it.each([
    ['', /Usage: connect-run/],
    ['a.yaml --onec', /unknown option '--onec'\n\(Did you mean --once\?\)/],
    ['run', /missing required argument/],
    ['statsu x', /There is no command and no file "statsu"\. Did you mean "status"\?/],
    ['status', /missing required argument 'file'\n\(connect-run status --help shows how\)/],
    ['a.yaml --wrong', /\n\(connect-run --help shows how\)/],
    ['dlq replay a.yaml --limit x', /\n\(connect-run dlq replay --help shows how\)/],
    ['explain b.yaml', /b\.yaml:7:3 {2}unknown key "topcs"/],
    ['status b.yaml', /b\.yaml:7:3 {2}unknown key "topcs"/],
    ['valdate x', /There is no command and no file "valdate"\. Did you mean "validate"\?/],
    ['a.yaml --log-format xml', /Allowed choices are pretty, json/],
    ['a.yaml --only mian', /No pipeline is named "mian". Did you mean "main"\?/],
  ])('"%s" ends with 2 and says why', async (line, text) => {
    const host = fakeHost({ configs: { 'a.yaml': a } })
    expect(await start(host, line)).toBe(2)
    expect(host.stderr.text).toMatch(text)
    expect(host.workers).toEqual([])
  })
})

describe('run', () => {
  it('starts nothing when any file is wrong, and shows the errors of all', async () => {
    const host = fakeHost({ configs: { 'a.yaml': a } })
    expect(await start(host, 'b.yaml a.yaml c.yaml')).toBe(2)
    expect(host.workers).toEqual([])
    expect(host.stderr.text).toContain('b.yaml:7:3  unknown key "topcs"')
    expect(host.stderr.text).toContain('c.yaml:7:3  unknown key "topcs"')
    expect(host.stderr.text).toContain('2 errors in 2 files.\nNothing was started.')
  })

  it.each(['a.yaml', 'run a.yaml'])(
    '%s runs until stopped, gracefully the first time and at once the second',
    async (line) => {
      const host = fakeHost({ configs: { 'a.yaml': a } })
      const ended = start(host, line)
      await until(() => host.workers.length === 1)
      expect(host.workers[0]!.options.once).toBe(false)
      host.signal()
      expect(host.forced).toEqual([])
      host.signal()
      expect(host.workers[0]!.stops).toBe(2)
      expect(host.forced).toEqual([1])
      expect(await ended).toBe(0)
      expect(host.logs.filter((entry) => JSON.stringify(entry).includes('Stopping'))).toHaveLength(1)
      expect(host.stderr.text).toBe('')
      host.signal()
      expect(host.workers[0]!.stops).toBe(2)
    },
  )

  it('ends with 1 and the reason when a pipeline failed', async () => {
    const host = fakeHost({ configs: { 'a.yaml': a } })
    const ended = start(host, 'a.yaml --log-format pretty')
    await until(() => host.workers.length === 1)
    host.workers[0]!.state = [
      snapshot({ state: 'failed', problem: 'no such database' }, { read: 3, written: 1, inFlight: 2 }),
    ]
    host.workers[0]!.end()
    expect(await ended).toBe(1)
    expect(host.stderr.text).toContain('main failed: no such database')
    expect(host.stderr.text).toMatch(/main +3 +1 .* 2 +adds up/)
  })

  it('says for people that it is stopping', async () => {
    const host = fakeHost({ configs: { 'a.yaml': a } })
    const ended = start(host, 'a.yaml --log-format pretty')
    await until(() => host.workers.length === 1)
    host.signal()
    expect(await ended).toBe(0)
    expect(host.stderr.text).toContain('\nStopping: finishing and committing')
  })

  it('ends with 1 and the problem when a pipeline was stopped before it had done its work', async () => {
    const host = fakeHost({ configs: { 'a.yaml': a } })
    const ended = start(host, 'a.yaml --log-format pretty')
    await until(() => host.workers.length === 1)
    host.workers[0]!.state = [snapshot({ state: 'stopped', problem: 'cannot reach 127.0.0.1:1' })]
    host.signal()
    expect(await ended).toBe(1)
    expect(host.stderr.text).toContain('main: stopped; cannot reach 127.0.0.1:1\n')
    expect(host.stderr.text).toContain('\nmain was stopped: cannot reach 127.0.0.1:1\n')
  })

  it('ends with 3 when what stopped it is the machine', async () => {
    const host = fakeHost({ configs: { 'a.yaml': a } })
    const ended = start(host, 'a.yaml')
    await until(() => host.workers.length === 1)
    const failure = { code: 'STATE_LOCKED' as const, message: 'locked', hint: undefined }
    host.workers[0]!.state = [snapshot({ state: 'stopped', failure })]
    host.signal()
    expect(await ended).toBe(3)
  })

  it('ends with 3 when a pipeline lacks something of the machine', async () => {
    const host = fakeHost({ configs: { 'a.yaml': a } })
    const ended = start(host, 'a.yaml --log-format pretty')
    await until(() => host.workers.length === 1)
    const failure = { code: 'STATE_UNWRITABLE' as const, message: '/state is read-only', hint: 'Set `state.url`.' }
    host.workers[0]!.state = [snapshot({ state: 'failed', failure })]
    host.workers[0]!.end()
    expect(await ended).toBe(3)
    expect(host.stderr.text).toContain('main failed: /state is read-only\nSet `state.url`.\n')
  })

  it('ends with 3 when the machine lacks something', async () => {
    const host = fakeHost({
      configs: { 'a.yaml': a },
      createWorker: () => {
        throw Object.assign(new Error('no SASL in this build'), { code: 'FEATURE_MISSING', hint: 'Rebuild.' })
      },
    })
    expect(await start(host, 'a.yaml')).toBe(3)
    expect(host.stderr.text).toBe('no SASL in this build\nRebuild.\n')
  })

  it('runs only the pipelines asked for', async () => {
    const pipelines = ['x', 'y', 'z'].map((name) => ({ name })) as unknown as typeof a.pipelines
    const host = fakeHost({ configs: { 'a.yaml': { ...a, pipelines } } })
    expect(await start(host, 'a.yaml --once --only x --only z')).toBe(0)
    expect(host.workers[0]!.config.pipelines.map(({ name }) => name)).toEqual(['x', 'z'])
  })

  it('logs the ledger instead of printing it where logs are for machines', async () => {
    const host = fakeHost({ configs: { 'a.yaml': a } })
    expect(await start(host, 'a.yaml --once --log-format json')).toBe(0)
    expect(host.stdout.text + host.stderr.text).toBe('')
    expect(host.logs).toEqual([expect.objectContaining({ message: 'ledger', pipeline: 'main', read: 0 })])
  })

  it('refuses two workers of one name', async () => {
    const host = fakeHost({ configs: { 'a.yaml': a, 'b.yaml': workerConfig('a') } })
    expect(await start(host, 'a.yaml b.yaml --once')).toBe(2)
    expect(host.stderr.text).toContain('have the same name "a"')
    expect(host.workers).toEqual([])
  })

  it('tells pipelines of one name apart by their workers', async () => {
    const host = fakeHost({ configs: { 'a.yaml': a, 'b.yaml': workerConfig('b') } })
    expect(await start(host, 'a.yaml b.yaml --once')).toBe(0)
    expect(host.stderr.text).toMatch(/a\/main.*\n.*b\/main/)
  })
})

describe('run --embedded', () => {
  const main = workerConfig('main', { embedded: { files: ['/p.yaml'], query: 'select * from t' } })
  const companion = workerConfig('producer', { pipelines: [{ name: 'produce' }] as unknown as typeof main.pipelines })

  function embeddedHost(changes: object = {}): { host: FakeHost; seen: { stopped: number; envs: unknown[] } } {
    const seen = { stopped: 0, envs: [] as unknown[] }
    const configs: Record<string, typeof main> = { 'm.yaml': main, '/p.yaml': companion }
    const host = fakeHost({
      env: { KAFKA_BROKERS: 'real:9092', OTHER: 'x' },
      loadConfig: async (file, { env }) => {
        seen.envs.push(env)
        return loaded(configs[file]!)
      },
      startEmbedded: async () => ({
        env: { KAFKA_BROKERS: 'mock:1' },
        query: async (sql) => ({
          columns: ['time', sql],
          rows: Array.from({ length: 7 }, (_, i) => [`t${i}`, `${i}.5`]),
        }),
        stop: async () => void seen.stopped++,
      }),
      ...changes,
    })
    return { host, seen }
  }

  it('runs what belongs to it beside, with the addresses of the stand-ins, and shows the rows', async () => {
    const { host, seen } = embeddedHost()
    const ended = start(host, 'm.yaml --embedded')
    await until(() => host.workers.length === 2)
    expect(await ended).toBe(0)
    expect(seen.envs.at(-1)).toMatchObject({ KAFKA_BROKERS: 'mock:1', OTHER: 'x' })
    const [beside, own] = host.workers
    expect(beside!.config).toMatchObject({ name: 'producer', state: { kind: 'memory' } })
    expect(beside!.options).toMatchObject({ once: true })
    expect(beside!.options.endAfter).toBeUndefined()
    expect(own!.config).toMatchObject({ name: 'main', state: { kind: 'memory' } })
    expect(own!.options).toMatchObject({ once: true, endAfter: expect.any(Promise) })
    expect(host.stdout.text).toContain('select * from t  7 rows')
    expect(host.stdout.text.match(/^t\d/gm)).toHaveLength(5)
    expect(host.stderr.text).toMatch(/produce .*adds up\nmain .*adds up/)
    expect(seen.stopped).toBe(1)
  })

  it('stops the stand-ins also when a pipeline fails', async () => {
    const createWorker: FakeHost['createWorker'] = (config, options) => {
      const worker = new FakeWorker(config, options)
      if (config.name === 'producer') worker.state = [snapshot({ state: 'failed' })]
      return worker
    }
    const { host, seen } = embeddedHost({ createWorker })
    expect(await start(host, 'm.yaml --embedded')).toBe(1)
    expect(seen.stopped).toBe(1)
  })

  it('ends with 3 and the cure where the stand-ins are not installed', async () => {
    const { host } = embeddedHost({
      startEmbedded: () =>
        Promise.reject(Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })),
    })
    expect(await start(host, 'm.yaml --embedded')).toBe(3)
    expect(host.stderr.text).toContain('npm install --save-dev @connect-run/testkit')
    expect(host.workers).toEqual([])
  })

  it('starts no stand-ins for a wrong config', async () => {
    let started = 0
    const { host } = embeddedHost({
      loadConfig: async () => ({ diagnostics: [diagnostic()] }),
      startEmbedded: async () => void started++,
    })
    expect(await start(host, 'm.yaml --embedded')).toBe(2)
    expect(started).toBe(0)
  })
})

describe('validate', () => {
  it('prints for a reader, for GitHub and for programs', async () => {
    const text = fakeHost()
    expect(await start(text, 'validate a.yaml')).toBe(2)
    expect(text.stdout.text).toBe(`a.yaml:7:3  unknown key "topcs" at pipelines.main.source.topcs [CONFIG_INVALID]
    6 |   connector: kafka
  > 7 |   topcs: [oceanic]
      |   ^^^^^
  Did you mean "topics"?

One error in one file.
`)
    const github = fakeHost()
    expect(await start(github, 'validate a.yaml --format github')).toBe(2)
    expect(github.stdout.text).toBe(
      '::error file=a.yaml,line=7,col=3,endColumn=8,title=CONFIG_INVALID::unknown key "topcs". Did you mean "topics"?\n',
    )
    const json = fakeHost()
    expect(await start(json, 'validate a.yaml --format json')).toBe(2)
    const { frame: _frame, ...rest } = diagnostic()
    expect(JSON.parse(json.stdout.text)).toEqual([rest])
  })

  it('ends with 2 where a folder has no config', async () => {
    const host = fakeHost()
    expect(await start(host, `validate ${new URL('../bin', import.meta.url).pathname}`)).toBe(2)
    expect(host.stderr.text).toContain('No config (.yaml or .yml)')
  })

  it('colours on a terminal and not with NO_COLOR', async () => {
    const terminal = fakeHost({ stdout: new FakeStream(true) })
    await start(terminal, 'validate a.yaml')
    expect(terminal.stdout.text).toContain('\u001B[31m')
    const plain = fakeHost({ stdout: new FakeStream(true), env: { NO_COLOR: '1' } })
    await start(plain, 'validate a.yaml')
    expect(plain.stdout.text).not.toContain('\u001B[')
  })
})
