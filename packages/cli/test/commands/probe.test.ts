import { describe, expect, it } from '@jest/globals'

import {
  ConnectError,
  type ConnectorPlugin,
  type ObjectSchema,
  type ProbeContext,
  RetriableError,
  sinkConnector,
  sourceConnector,
} from '@connect-run/core'
import { type LoadedConfig, loadWorkerConfig, registryOf } from '@connect-run/core/runtime'

import { probeEnds } from '../../src/commands/probe-ends.ts'
import type { Host } from '../../src/host.ts'
import { runProgram } from '../../src/program.ts'
import { type FakeHost, fakeHost, until } from '../fake-host.ts'

interface FakeConfig {
  readonly url?: string
  readonly password?: string
}
type Probe = (config: FakeConfig, context: ProbeContext) => Promise<readonly string[]>

const never = (): never => {
  throw new Error('no task is made for a probe')
}
const config: ObjectSchema<FakeConfig> = {
  type: 'object',
  properties: {
    url: { type: 'string', description: 'Where.' },
    password: { type: 'string', secret: true, description: 'A secret.' },
  },
}

/** A connector `fake` with such a probe at both ends, and `mute`, which has none. */
function connectors(probe: Probe): ConnectorPlugin[] {
  const fake: ConnectorPlugin = {
    name: 'fake',
    description: 'For tests.',
    source: sourceConnector<FakeConfig>({ description: 'Reads.', config, create: never, streams: () => ['t'], probe }),
    sink: sinkConnector<FakeConfig>({ description: 'Writes.', config, create: never, probe }),
    deadLetterSink: (end, topic) => ({ ...end, url: topic }),
  }
  const mute: ConnectorPlugin = {
    name: 'mute',
    description: 'For tests.',
    source: sourceConnector<FakeConfig>({ description: 'Reads.', config, create: never }),
  }
  return [fake, mute]
}

const file = `name: app
state: {url: 'memory:'}
pipelines:
  main:
    source: {connector: fake, url: in}
    sink:
      connector: fake
      url: out
      password: \${SECRET:-hunter2}
`

/** A host whose files `*.yaml` all have this text, and connectors this probe. */
function probing(probe: Probe, text = file, changes: Partial<Host> = {}): FakeHost {
  const findConnectors = (): object => ({ registry: registryOf(connectors(probe)), problems: [] })
  return fakeHost({
    loadConfig: (name) =>
      loadWorkerConfig(name, { env: {}, readFile: () => text, findConnectors: findConnectors as never }),
    ...changes,
  })
}

const start = (host: FakeHost, line: string): Promise<number> => runProgram(line.split(' '), '0.0.0', host)

const fine: Probe = async ({ url }) => [`Server 1.2 at ${String(url)}`, 'topic t']
const broken: Probe = async ({ url, password }) => {
  if (url === 'in') return ['Server 1.2']
  throw new RetriableError('AUTH_FAILED', `${String(url)} refuses ${String(password)}`, { hint: 'Check `password`.' })
}

describe('validate --probe', () => {
  it('says of each end what answers', async () => {
    const host = probing(fine)
    expect(await start(host, 'validate a.yaml --probe')).toBe(0)
    expect(host.stdout.text).toBe(
      [
        'ok  a.yaml  main (fake -> fake)',
        '',
        'ok          a.yaml:5:5  main source (fake)  Server 1.2 at in; topic t',
        'ok          a.yaml:6:5  main sink (fake)  Server 1.2 at out; topic t',
        '',
      ].join('\n'),
    )
  })

  it('says what is wrong, and where in the file, without secrets', async () => {
    const host = probing(broken)
    expect(await start(host, 'validate a.yaml --probe')).toBe(1)
    expect(host.stdout.text).toContain('ok          a.yaml:5:5  main source (fake)  Server 1.2\n')
    expect(host.stdout.text).toContain(
      'a.yaml:6:5  out refuses ****** at pipelines.main.sink [AUTH_FAILED]\n' +
        '    5 |     source: {connector: fake, url: in}\n' +
        '  > 6 |     sink:\n',
    )
    expect(host.stdout.text).toMatch(/Check `password`\.\n\nOne error in one file\.\n$/)
    expect(host.stdout.text).not.toContain('hunter2')
  })

  it('annotates for GitHub', async () => {
    const host = probing(broken)
    expect(await start(host, 'validate a.yaml --probe --format github')).toBe(1)
    expect(host.stdout.text).toBe(
      'ok          a.yaml:5:5  main source (fake)  Server 1.2\n' +
        '::error file=a.yaml,line=6,col=5,endColumn=9,title=AUTH_FAILED::out refuses ******. Check `password`.\n',
    )
  })

  it('tells a program both', async () => {
    const host = probing(broken)
    expect(await start(host, 'validate a.yaml --probe --format json')).toBe(1)
    const end = { worker: 'app', pipeline: 'main', connector: 'fake', file: 'a.yaml', column: 5 }
    expect(JSON.parse(host.stdout.text)).toEqual({
      diagnostics: [
        {
          file: 'a.yaml',
          line: 6,
          column: 5,
          endColumn: 9,
          code: 'AUTH_FAILED',
          path: 'pipelines.main.sink',
          message: 'out refuses ******',
          hint: 'Check `password`.',
        },
      ],
      ends: [
        { ...end, end: 'source', outcome: 'ok', learned: ['Server 1.2'], line: 5 },
        { ...end, end: 'sink', outcome: 'failed', learned: [], line: 6 },
      ],
    })
  })

  it.each([
    ['text', /a\.yaml:5:/],
    ['json', /^\{\n {2}"diagnostics": \[\n[^]*"ends": \[\]\n\}\n$/],
  ])('asks nobody where a config is wrong (%s)', async (format, said) => {
    let asked = 0
    const probe: Probe = async () => [String(asked++)]
    const host = probing(probe, file.replace('url: in', 'urk: in'))
    expect(await start(host, `validate a.yaml --probe --format ${format}`)).toBe(2)
    expect(host.stdout.text).toMatch(said)
    expect(asked).toBe(0)
  })

  it('asks nobody without --probe', async () => {
    const host = probing(never)
    expect(await start(host, 'validate a.yaml')).toBe(0)
    expect(await start(host, 'validate a.yaml --format json')).toBe(0)
    expect(host.stdout.text).toBe('ok  a.yaml  main (fake -> fake)\n[]\n')
  })

  it('says which ends nobody can ask', async () => {
    const host = probing(fine, file.replace('connector: fake, url: in', 'connector: mute'))
    expect(await start(host, 'validate a.yaml --probe')).toBe(0)
    expect(host.stdout.text).toContain('not probed  a.yaml:5:5  main source (mute)  the connector has no probe\n')
  })

  it('asks for the dead letter queue and the state as well', async () => {
    const text = `${file}    errors: {tolerance: all, deadLetterQueue: {topic: dlq}}\n`.replace('memory:', 'file:./s')
    const state: unknown[] = []
    const host = probing(fine, text, {
      probeState: async (place, tasks) => {
        state.push([place.kind, tasks])
        throw new ConnectError('STATE_UNWRITABLE', 'it is read-only')
      },
    })
    expect(await start(host, 'validate a.yaml --probe')).toBe(1)
    expect(host.stdout.text).toContain(
      'ok          a.yaml:10:30  main dead letters (fake)  Server 1.2 at dlq; topic t\n',
    )
    expect(host.stdout.text).toContain('a.yaml:2:9  it is read-only at state.url [STATE_UNWRITABLE]\n')
    expect(state).toEqual([['file', ['app-main']]])
  })

  it('shows a probe that breaks its contract', async () => {
    const host = probing(() => {
      throw new TypeError('x is not a function')
    })
    expect(await start(host, 'validate a.yaml --probe --format github')).toBe(1)
    expect(host.stdout.text).toContain('title=PLUGIN_INVALID::the probe of fake broke: TypeError: x is not a function')
  })

  it('does not let a server write on the terminal', async () => {
    const host = probing(async () => ['1.2\u001B[2J\n::error::no'])
    await start(host, 'validate a.yaml --probe --format github')
    expect(host.stdout.text).toContain('main source (fake)  1.2\\u001b[2J\\n::error::no\n')
  })

  it('lends names, streams to a sink, and a signal', async () => {
    const lent: ProbeContext[] = []
    const host = probing(async (_config, context) => {
      lent.push(context)
      return []
    })
    await start(host, 'validate a.yaml --probe')
    expect(lent.map(({ worker, pipeline, streams }) => [worker, pipeline, streams])).toEqual([
      ['app', 'main', undefined],
      ['app', 'main', ['t']],
    ])
    expect(lent.every(({ signal }) => !signal.aborted)).toBe(true)
  })

  it('ends at once on Ctrl-C, whatever a probe does', async () => {
    let asked = 0
    const host = probing(() => {
      asked++
      return new Promise(() => undefined)
    })
    const ended = start(host, 'validate a.yaml b.yaml c.yaml d.yaml e.yaml f.yaml --probe --format github')
    await until(() => asked > 0)
    host.signal()
    expect(await ended).toBe(1)
    expect(host.stdout.text.match(/title=STOPPED::stopped before it had answered/g)).toHaveLength(12)
    // Those whose turn had not come are not asked any more.
    expect(asked).toBe(8)
  })
})

describe('probing', () => {
  async function probed(probe: Probe, limitMs: number): Promise<{ outcomes: string[]; said: string[] }> {
    const host = probing(probe)
    const loaded = (await host.loadConfig('a.yaml', { env: {} })) as LoadedConfig
    const { signal } = new AbortController()
    const results = await Promise.all(probeEnds([loaded], { limitMs, signal, host }))
    return { outcomes: results.map(({ outcome }) => outcome), said: results.map(({ place }) => place.message) }
  }

  it('gives each end its time, and tells it when that is over', async () => {
    const aborted: unknown[] = []
    const { outcomes, said } = await probed(({ url }, { signal }) => {
      if (url === 'in') return Promise.resolve([])
      signal.addEventListener('abort', () => aborted.push((signal.reason as ConnectError).code))
      return new Promise(() => undefined)
    }, 30)
    expect(outcomes).toEqual(['ok', 'failed'])
    expect(said).toEqual(['', 'no answer within 0.03 s'])
    expect(aborted).toEqual(['TIMEOUT'])
  })

  it('asks several ends at a time', async () => {
    let asked = 0
    const { outcomes } = await probed(async () => {
      asked++
      await until(() => asked === 2)
      return []
    }, 5000)
    expect(outcomes).toEqual(['ok', 'ok'])
  })
})
