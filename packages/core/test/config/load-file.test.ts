import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it } from '@jest/globals'

import { type LoadedConfig, loadWorkerConfig } from '../../src/config/load-file.ts'
import { diagnosticsOf, type FakeConfig, load, loadConfig, loadPipeline, pipelineOf } from './fixtures.ts'

async function sourceOf(lines: string, env: Record<string, string> = {}, files = {}): Promise<FakeConfig> {
  return (await loadPipeline(pipelineOf(lines, ''), env, files)).source.config as FakeConfig
}

/** `line:column message | hint` of everything wrong. */
async function said(text: string, env: Record<string, string> = {}): Promise<string[]> {
  const diagnostics = await diagnosticsOf(text, env)
  return diagnostics.map(({ line, column, message, hint }) =>
    [`${line}:${column} ${message}`, ...(hint === undefined ? [] : [hint])].join(' | '),
  )
}

describe('a good file', () => {
  it('gets every default', async () => {
    const config = await loadConfig(pipelineOf('brokers: a:9092'))
    expect(config).toMatchObject({
      name: 'app',
      file: '/etc/app/app.yaml',
      state: { kind: 'file', folder: '/etc/app/.connect-run' },
      shutdownTimeoutMs: 30_000,
      embedded: undefined,
    })
    expect(config.pipelines).toHaveLength(1)
    const { source, sink, ...rest } = config.pipelines[0]!
    expect(rest).toEqual({
      name: 'main',
      transforms: [],
      errors: { tolerance: 'none', deadLetterQueue: undefined },
      limits: { maxRecords: 25_000, maxBytes: 33_554_432 },
      restart: { maxRestarts: 10, initialDelayMs: 1000, maxDelayMs: 60_000, resetAfterMs: 600_000 },
      latency: 'balanced',
      delivery: 'at-least-once',
      commitIntervalMs: undefined,
    })
    expect(source.config).toEqual({
      brokers: 'a:9092',
      topics: [],
      timeout: 5000,
      size: 1_048_576,
      count: 10,
      check: false,
    })
    expect([source.key.format, source.value.format]).toEqual([sink.key.format, sink.value.format])
    expect(sink).toMatchObject({
      batch: {},
      concurrency: undefined,
      retry: { initialDelayMs: 100, maxDelayMs: 30_000, maxAttempts: 0, maxElapsedMs: 0, attemptTimeoutMs: 0 },
    })
  })

  it('keeps what the runtime owns from the connector', async () => {
    const text = pipelineOf(
      'brokers: a:9092',
      `      key: bytes
      value: {converter: json-envelope}
      batch: {maxRecords: 5, maxBytes: 2KiB, linger: 1s}
      concurrency: 3
      retry: {maxAttempts: 4, attemptTimeout: 2s}
`,
    )
    const { sink } = await loadPipeline(text)
    expect(Object.keys(sink.config as object)).not.toEqual(expect.arrayContaining(['batch']))
    expect(sink).toMatchObject({
      batch: { maxRecords: 5, maxBytes: 2048, lingerMs: 1000 },
      concurrency: 3,
      retry: { maxAttempts: 4, attemptTimeoutMs: 2000 },
    })
    expect(sink.key.format).toContain('bytes')
    expect(sink.value.format).toContain('envelope')
  })

  it('fills defaults inside groups and alternatives', async () => {
    expect(await sourceOf('brokers: a\ntls: {}\nstart: 5')).toMatchObject({ tls: { verify: true }, start: 5 })
    expect(await sourceOf('brokers: a\nstart: latest')).toMatchObject({ start: 'latest' })
  })

  it('follows anchors', async () => {
    expect(await sourceOf('brokers: &b host:1\ntopics: [*b]')).toMatchObject({ topics: ['host:1'] })
  })

  it('makes paths absolute, from the folder of the file', async () => {
    const text = `${pipelineOf('brokers: a')}state: {url: 'file:../state'}\nembedded: {files: [x/y.yaml], query: select 1}\n`
    expect(await loadConfig(text)).toMatchObject({
      state: { kind: 'file', folder: '/etc/state' },
      embedded: { files: ['/etc/app/x/y.yaml'], query: 'select 1' },
    })
    expect(await loadConfig(`${pipelineOf('brokers: a')}state: {url: 'memory:'}\n`)).toMatchObject({
      state: { kind: 'memory' },
    })
  })
})

describe('variables', () => {
  it('become what the schema wants, where they are the whole value', async () => {
    const lines = 'brokers: ${B}\ncount: ${N}\ncheck: "${C}"\ntimeout: ${T:-7s}\nstart: ${S}'
    const env = { B: '12', N: '34', C: 'true', S: '9' }
    expect(await sourceOf(lines, env)).toMatchObject({ brokers: '12', count: 34, check: true, timeout: 7000, start: 9 })
  })

  it('never become structure, whatever they hold', async () => {
    const evil = 'a"\n      password: stolen\n    sink: {connector: other} # ${HOME} *x'
    const { source, sink } = await loadPipeline(pipelineOf('brokers: ${B}\ntopics: ["${B}", "x ${B}"]'), { B: evil })
    expect(source.config).toMatchObject({ brokers: evil, topics: [evil, `x ${evil}`] })
    expect(source.config).not.toHaveProperty('password')
    expect(sink.plugin.name).toBe('fake')
  })

  it('never become a list, a number in a list, a null or a key', async () => {
    expect(await sourceOf('brokers: ${B}\ntopics: ["${N}"]', { B: 'null', N: '5' })).toMatchObject({
      brokers: 'null',
      topics: ['5'],
    })
    const [first] = await said(pipelineOf('brokers: b\ntopics: ${T}'), { T: '[a, b]' })
    expect(first).toBe('7:15 must be a list | Write it as a list: [ … ]. Its value comes from ${T}.')
    expect(await said(pipelineOf('brokers: b\n"${K}": 1'), { K: 'count' })).toEqual([
      expect.stringContaining('unknown key "${K}"'),
    ])
  })

  it('of files are trimmed and relative to the config', async () => {
    const files = { '/etc/app/secrets/b': 'host:9092\n' }
    expect(await sourceOf('brokers: ${file:secrets/b}', {}, files)).toMatchObject({ brokers: 'host:9092' })
  })

  it('that are missing are all named, at their places, and nothing else is said of those values', async () => {
    const text = pipelineOf('brokers: ${A}\ncount: "${B:?how many}"\ntopics:\n  - x\n  - pre-${C}', '')
    expect(await said(text)).toEqual([
      '6:16 the variable A is not set | Set it in the environment, or give it a default: ${A:-…}.',
      '7:15 the variable B is not set: how many | Set it in the environment, or give it a default: ${B:-…}.',
      '10:15 the variable C is not set | Set it in the environment, or give it a default: ${C:-…}.',
    ])
    const codes = (await diagnosticsOf(text)).map(({ code }) => code)
    expect(new Set(codes)).toEqual(new Set(['CONFIG_VARIABLE']))
  })
})

describe('a secret', () => {
  it('that stands in the file is warned of, without it', async () => {
    const text = pipelineOf('brokers: a\npassword: hunter2\ntls: {keyPassword: "${P}"}', '      password: ""\n')
    expect(await load(text, { P: 'x' })).toMatchObject({
      warnings: [
        {
          file: '/etc/app/app.yaml',
          line: 7,
          column: 17,
          path: 'pipelines.main.source.password',
          message: 'a secret stands in the file: use ${VAR} or ${file:path}',
        },
      ],
    })
  })

  it.each(['${P:-}', '${file:p}', '""', '/etc/key.pem', './key.pem'])('given as %s is fine', async (password) => {
    const { warnings } = (await load(pipelineOf(`brokers: a\npassword: ${password}`), {}, { '/etc/app/p': 'x' })) as {
      warnings: unknown
    }
    expect(warnings).toEqual([])
  })
})

describe('what comes to light later', () => {
  it('is shown where it stands, without secrets and with addresses', async () => {
    const { diagnose } = (await load(pipelineOf('brokers: ${B}\npassword: ${P}'), {
      B: 'broker:9092',
      P: 'hunter2',
    })) as LoadedConfig
    const at = ['pipelines', 'main', 'source']
    const found = { message: 'broker:9092 refuses hunter2', hint: 'Is it hunter2?' }
    expect(diagnose({ path: at, at: 'key', code: 'AUTH_FAILED', ...found })).toMatchObject({
      file: '/etc/app/app.yaml',
      line: 4,
      column: 5,
      code: 'AUTH_FAILED',
      path: 'pipelines.main.source',
      message: 'broker:9092 refuses ******',
      hint: 'Is it ******?',
    })
  })
})

describe('what is wrong', () => {
  it('is said all at once, in order, with place and hint', async () => {
    const text = `name: my app
state: {url: redis://local host}
shutdwn: {timeout: 5s}
pipelines:
  p q:
    source:
      connector: fake
      topcs: [a]
      brokers: ""
      timeout: 5
      size: 64
      count: 500
      check: yes
      mode: fats
      password: 12
      value: jsn
    transforms:
      - filtr: {}
      - filter: {field: a}
        rename: {}
    sink:
      connector: fak
    errors:
      tolerance: al
    restart:
`
    expect(await said(text)).toEqual([
      '1:7 must be letters, digits, ".", "_" and "-", beginning with a letter or digit',
      '2:14 has no host and port | Write it as redis://user:password@host:6379/0.',
      '3:1 unknown key "shutdwn" | Did you mean "shutdown"?',
      '5:3 the name of a pipeline must be letters, digits, ".", "_" and "-", beginning with a letter or digit',
      '8:7 unknown key "topcs" | Did you mean "topics"?',
      '9:16 must not be empty | Give it a value, or remove the line.',
      '10:16 a duration needs a unit | Write 5s or 5ms.',
      '11:13 a size needs a unit | Write 64B, 64KiB or 64MiB.',
      '12:14 must be 100 or less',
      '13:14 must be true or false',
      '14:13 must be fast or safe | Did you mean "fast"?',
      '15:17 must be a text | Put it in quotes.',
      '16:14 no converter is named "jsn" | Did you mean "json"?',
      '18:9 no transform is named "filtr" | Did you mean "filter"?',
      expect.stringMatching(/^19:9 a step is one transform/),
      '22:18 no connector is named "fak" | Did you mean "fake"? Installed: fake, reader and store.',
      '24:18 must be none or all | Did you mean "all"?',
      '25:5 has no value | Give it a value, or remove the line.',
    ])
  })

  it('says what is missing, at the section that lacks it', async () => {
    expect(await said('pipelines: {}\n')).toEqual([
      expect.stringMatching(/^1:1 "name" is missing \| Add `name: orders`/),
      expect.stringMatching(/^1:1 there is no pipeline/),
    ])
    expect(await said('name: a\npipelines:\n  p:\n    source: {connector: fake}\n    sink: {}\n')).toEqual([
      expect.stringMatching(/^4:5 "brokers" is missing \| Add `brokers: 127.0.0.1:9092`. Where to connect/),
      '5:5 "connector" is missing | Installed: fake, reader and store.',
    ])
  })

  it('says to leave the quotes away only where that helps', async () => {
    expect(await said(pipelineOf('brokers: a\ncount: "5"\ncheck: \'true\''))).toEqual([
      '7:14 must be a whole number | Write it without quotes.',
      '8:14 must be true or false | Write it without quotes.',
    ])
    expect(await said(pipelineOf('brokers: a\ncount: three\ncheck: "5"'))).toEqual([
      '7:14 must be a whole number',
      '8:14 must be true or false',
    ])
  })

  it('names the variables that a value comes from, without what they hold', async () => {
    const text = pipelineOf('brokers: a\ncount: ${CNT:-abc}\nmode: ${A}${file:m}\ntimeout: ${T}')
    const found = await load(text, { A: 'fa', T: '5' }, { '/etc/app/m': 'ts' })
    expect(found.diagnostics!.map(({ message, hint }) => `${message} | ${hint}`)).toEqual([
      'must be a whole number | Its value comes from ${CNT}.',
      'must be fast or safe | Did you mean "fast"? Its value comes from ${A} and ${file:m}.',
      'a duration needs a unit | Such as 5s or 5ms. Its value comes from ${T}.',
    ])
    expect(await said(pipelineOf('brokers: a\ncount: ${N}0'), { N: '5' })).toEqual([
      '7:14 must be a whole number | Its value comes from ${N}.',
    ])
  })

  it('is shown without control characters', async () => {
    const text = pipelineOf('brokers: a\n"b\\x1b[2J": 1 # \u009b2J \u202e')
    const [first] = await diagnosticsOf(text)
    expect(first!.message).toBe('unknown key "b␛[2J"')
    expect(first!.frame!.lines.find(({ number }) => number === 7)!.text).toMatch(/# \uFFFD2J \uFFFD$/)
  })

  it('says of a blank that it is blank', async () => {
    expect(await said(pipelineOf('brokers:\npassword:\ntls:'))).toEqual([
      '6:7 has no value | Give it a value, or remove the line.',
      '7:7 has no value | Give it a value, or remove the line.',
      '8:7 has no value | Give it a value, or remove the line.',
    ])
    expect(await said('name:\npipelines:\n')).toEqual([expect.stringContaining('1:1 has no value'), expect.anything()])
  })

  it('explains rules and alternatives as one mistake each', async () => {
    expect(await said(pipelineOf('brokers: a\nmode: safe'))).toEqual(['4:5 `mode: safe` needs a password'])
    expect(await said(pipelineOf('brokers: a\nstart: never'))).toHaveLength(1)
    expect(await said(pipelineOf('brokers: a\nstart: [1]'))).toEqual([
      '7:7 must be earliest or latest or a whole number',
    ])
    expect(await said(pipelineOf('brokers: a\nvalue: [json]'))).toEqual([expect.stringMatching(/^7:7 must be a text/)])
  })

  it('is asked of the connector as well', async () => {
    expect(await said(pipelineOf('brokers: "a,,b"'))).toEqual(['6:16 empty broker in a,,b | Password: undefined.'])
  })

  it('is a side that the connector does not have', async () => {
    const text = 'name: a\npipelines:\n  p:\n    source: {connector: store}\n    sink: {connector: store, url: nope}\n'
    expect(await said(text)).toEqual([
      '4:25 connector "store" has no source | It can only be a sink.',
      '5:35 must be an absolute http or https URL',
    ])
  })

  it('is a file that is not there', async () => {
    expect((await diagnosticsOf(pipelineOf('brokers: ${file:nope}')))[0]).toMatchObject({
      code: 'CONFIG_VARIABLE',
      message: '${file:nope}: there is no such file',
    })
  })
})

describe('a text that is no YAML', () => {
  it.each([
    ['name: a\nname: b\n', '2:1 the key is there twice'],
    ['pipelines:\n  a: {}\n  a: {}\n', '3:3 the key is there twice'],
    ['name: a\npipelines:\n\tp: 1\n', '3:1 a tab is used as indentation'],
    ['name: "a\n', '2:1 missing closing "quote'],
    ['', '1:1 the file is empty'],
    ['# only a comment\n', '1:1 the file is empty'],
    ['name: a\n---\nname: b\n', '2:1 a second document starts here (`---`)'],
    ['name: !env X\n', '1:7 unknown YAML tag'],
    ['name: *nope\n', '1:7 there is no anchor &nope'],
    ['a: &x [*x]\n', '1:8 the aliases hold too much'],
    ['topics: [${X}, b]\n', '1:11 a `${…}` inside [ ] or { } is not in quotes'],
    ['a: {b: ${X:-y}}\n', '1:9 a `${…}` inside [ ] or { } is not in quotes'],
    ['a: b: c\n', '1:4 a second `key: value` on the same line'],
    ['? [a]\n: 1\n', '1:3 a key must be a plain text'],
    ['a: &a {b: 1}\nc:\n  <<: *a\n', '3:3 merge keys (`<<`) are not supported'],
  ])('%j: %s', async (text, expected) => {
    const [first] = await said(text)
    expect(first).toContain(expected)
    expect((await diagnosticsOf(text))[0]).toMatchObject({ code: 'CONFIG_SYNTAX', path: '' })
  })

  it('has all its errors said, one for each line', async () => {
    expect(await said('name: a\nname: b\nx:\n\t- y\nz: "open\n')).toHaveLength(3)
  })
})

it('a file that is not UTF-8 is refused, and so is one that a reference names', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'connect-run-load-'))
  try {
    const file = join(folder, 'a.yaml')
    writeFileSync(file, Buffer.from('name: caf\xe9\n', 'latin1'))
    expect(await loadWorkerConfig(file, { env: {} })).toMatchObject({
      diagnostics: [{ code: 'CONFIG_UNREADABLE', message: 'is not UTF-8' }],
    })
    writeFileSync(join(folder, 'secret'), Buffer.from([0xff, 0xfe]))
    writeFileSync(file, 'name: ${file:secret}\npipelines: {}\n')
    const { diagnostics } = await loadWorkerConfig(file, { env: {} })
    expect(diagnostics![0]).toMatchObject({ code: 'CONFIG_VARIABLE', message: '${file:secret}: it is not UTF-8' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

it.each([
  ['EISDIR', 'is a folder, not a file', 'Name the config file in it.'],
  ['EACCES', 'may not be read by this user', expect.stringContaining('Let this user read it')],
])('a file that can’t be read (%s) is said, with what to do', async (code, message, hint) => {
  const readFile = (): never => {
    throw Object.assign(new Error('no'), { code })
  }
  const { diagnostics } = await loadWorkerConfig('a.yaml', { env: {}, readFile })
  expect(diagnostics).toMatchObject([{ code: 'CONFIG_UNREADABLE', message, hint }])
})

describe('two pipelines', () => {
  const both = (first: string, second: string): string => `name: app
pipelines:
  one: { source: { connector: reader }, sink: { connector: store, url: '${first}' } }
  two: { source: { connector: reader }, sink: { connector: store, url: '${second}' } }
`
  it('may not write what only one can have', async () => {
    expect(await said(both('http://a/only/1', 'http://a/only/1'))).toEqual([
      '4:41 the pipeline one writes http://a/only/1 as well | Give each pipeline its own.',
    ])
    await expect(loadConfig(both('http://a/only/1', 'http://a/only/2'))).resolves.toBeDefined()
    await expect(loadConfig(both('http://a/1', 'http://a/1'))).resolves.toBeDefined()
  })
})
