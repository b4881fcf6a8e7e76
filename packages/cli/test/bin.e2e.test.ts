import { execFile, spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const bin = join(root, 'packages/cli/bin/connect-run.cjs')

interface Exit {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command as built. */
function connectRun(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Exit> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env }
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { cwd: options.cwd ?? root, env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr }),
    )
  })
}

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'connect-run-cli-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

function put(name: string, text: string): string {
  mkdirSync(join(folder, name, '..'), { recursive: true })
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

const counter = `export default {
  name: 'counter',
  description: 'Counts to a number, with ' + process.env.UV_THREADPOOL_SIZE + ' threads.',
  source: {
    description: 'Yields whole numbers from 1.',
    config: {
      type: 'object',
      required: ['to'],
      properties: { to: { type: 'integer', minimum: 1, description: 'The last number.', examples: [10] } },
    },
    create: () => ({ start: async () => {}, poll: async () => { throw new Error('polled') }, stop: async () => {} }),
  },
  notes: async () => ['Counts by hand here.'],
}
`

function putCounter(): void {
  put('pnpm-workspace.yaml', '')
  const manifest = {
    name: 'connector-counter',
    version: '1.0.0',
    type: 'module',
    'connect-run': { plugin: './plugin.js' },
  }
  put('connectors/counter/package.json', JSON.stringify(manifest))
  put('connectors/counter/plugin.js', counter)
}

describe('the command', () => {
  it('validates every file in configs/', async () => {
    const { code, stdout } = await connectRun(['validate', 'configs'])
    expect({ code, stdout }).toMatchObject({ code: 0 })
    const files = readdirSync(join(root, 'configs')).filter((name) => name.endsWith('.yaml'))
    for (const file of files) expect(stdout).toContain(`configs/${file}`)
  })

  it('lists the connectors of the workspace, none of them broken', async () => {
    const { code, stdout } = await connectRun(['connectors', '--format', 'json'])
    expect(code).toBe(0)
    const listed = JSON.parse(stdout) as { name: string; problem?: string }[]
    expect(listed.map(({ name }) => name)).toEqual(
      readdirSync(join(root, 'connectors')).filter((name) =>
        existsSync(join(root, 'connectors', name, 'package.json')),
      ),
    )
    expect(listed.filter(({ problem }) => problem !== undefined)).toEqual([])
  })

  it('lists, documents and uses a new connector that was put into an empty folder', async () => {
    putCounter()
    const list = await connectRun(['connectors'], { cwd: folder })
    expect(list.stdout).toMatch(/counter +source +1\.0\.0 +Counts to a number, with 16 threads\./)
    const one = await connectRun(['connectors', 'counter'], { cwd: folder })
    expect(one.stdout).toMatch(/^counter .*\n.*\nCounts by hand here\.\n/)
    expect(one.stdout).toMatch(/to {2}whole number, required\n +The last number\./)
    const asJson = await connectRun(['connectors', 'counter', '--format', 'json'], { cwd: folder })
    expect(JSON.parse(asJson.stdout)).toMatchObject([{ name: 'counter', notes: ['Counts by hand here.'] }])
    const file = put(
      'configs/a.yaml',
      'name: a\npipelines:\n  p:\n    source: {connector: counter, to: 0}\n    sink: {connector: conter}\n',
    )
    const { code, stdout } = await connectRun(['validate', file])
    expect(code).toBe(2)
    expect(stdout).toContain('4:38  must be 1 or more')
    expect(stdout).toContain('5:23  no connector is named "conter"')
    expect(stdout).toContain('Did you mean "counter"?')
  })

  it('reports a broken package and keeps the others', async () => {
    putCounter()
    put('connectors/broken/package.json', '{"name": "broken", "connect-run": {"plugin": "./plugin.js"}}')
    put('connectors/broken/plugin.js', 'module.exports = 5')
    const { code, stdout } = await connectRun(['connectors'], { cwd: folder })
    expect(code).toBe(0)
    expect(stdout).toMatch(/broken +broken .*no default export|broken +broken .*not an object/)
    expect(stdout).toMatch(/counter +source/)
  })

  it('ends with 2 for an invalid config, before anything is started, and never shows a secret', async () => {
    const text =
      'name: a\npipelines:\n  p:\n    source: {connector: kafka, brokrs: x, auth: {password: hunter2}}\n    sink: {}\n'
    const { code, stdout, stderr } = await connectRun([put('a.yaml', text)])
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('unknown key "brokrs"')
    expect(stderr).toContain('Nothing was started.')
    expect(stderr).not.toContain('hunter2')
  })

  it('ends with 2 for a file that is not there and for bad usage', async () => {
    expect(await connectRun(['nope.yaml'])).toMatchObject({ code: 2, stderr: expect.stringContaining('no such file') })
    expect(await connectRun(['--nope'])).toMatchObject({ code: 2 })
    expect(await connectRun(['connectors', 'kafak'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Did you mean "kafka"?'),
    })
  })

  it('takes values from the environment', async () => {
    const file = put(
      'a.yaml',
      'name: a\npipelines:\n  p:\n    source: {connector: kafka, brokers: "${BROKERS:?where Kafka is}", topics: [t]}\n    sink: {connector: kafka, brokers: b:1, topic: u}\n',
    )
    expect(await connectRun(['validate', file])).toMatchObject({
      code: 2,
      stdout: expect.stringContaining('4:42  the variable BROKERS is not set: where Kafka is'),
    })
    expect(await connectRun(['validate', file], { env: { BROKERS: 'a:1' } })).toMatchObject({ code: 0 })
  })
})

describe('a running pipeline', () => {
  const hole = `export default {
  name: 'hole',
  description: 'Takes everything.',
  sink: {
    description: 'Takes everything.',
    config: { type: 'object', properties: {} },
    create: () => ({ start: async () => {}, put: async () => {}, stop: async () => {} }),
  },
}
`

  function putPipeline(options: string): string {
    put('connectors/hole/package.json', '{"name": "hole", "type": "module", "connect-run": {"plugin": "./plugin.js"}}')
    put('connectors/hole/plugin.js', hole)
    put('pnpm-workspace.yaml', '')
    const source = `{connector: generator, fields: {a: {type: sequence}}, ${options}}`
    return put(
      'a.yaml',
      `name: a\nstate: {url: 'memory:'}\npipelines:\n  p: {source: ${source}, sink: {connector: hole}}\n`,
    )
  }

  it('ends with 0 and its ledger when everything has been moved', async () => {
    const { code, stdout, stderr } = await connectRun([putPipeline('count: 250'), '--once'])
    expect(code).toBe(0)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^p +250 +250 +0 +0 +0 {2}adds up$/m)
    expect(stderr).toMatch(/^p: ended, 250 of 250 read, 250 written$/m)
  })

  it.each(['SIGINT', 'SIGTERM'] as const)('ends with 0 and its ledger after %s', async (signal) => {
    const args = [bin, putPipeline('rate: 200'), '--log-format', 'pretty']
    const limit = { timeout: 8000, killSignal: 'SIGKILL' } as const
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], ...limit })
    const output = { stdout: '', stderr: '' }
    const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
    child.stdout.on('data', (chunk) => (output.stdout += String(chunk)))
    child.stderr.on('data', (chunk) => {
      output.stderr += String(chunk)
      if (output.stderr.includes('running') && !output.stderr.includes('Stopping')) child.kill(signal)
    })
    expect(await exited).toBe(0)
    expect(output.stderr).toMatch(/^p .*adds up$/m)
    expect(output.stderr).toContain('Stopping')
  })
})

describe('the entry', () => {
  it('leaves a thread pool alone that somebody has sized', async () => {
    putCounter()
    const { stdout } = await connectRun(['connectors'], { cwd: folder, env: { UV_THREADPOOL_SIZE: '7' } })
    expect(stdout).toContain('with 7 threads')
  })

  it('ends well when its reader has seen enough', () => {
    const command = '{ sleep 1; "$0" "$1" connectors kafka --all; echo "ended with $?" >&2; } | true'
    const { stderr } = spawnSync('sh', ['-c', command, process.execPath, bin], { encoding: 'utf8', cwd: root })
    expect(stderr).toBe('ended with 0\n')
  })

  it('says so where nothing is built', async () => {
    const copy = put('bin/connect-run.cjs', '')
    copyFileSync(bin, copy)
    const { status, stderr } = spawnSync(process.execPath, [copy], { encoding: 'utf8' })
    expect(stderr).toContain('not built yet')
    expect(status).toBe(3)
  })
})

it('the schema for editors is up to date', async () => {
  const { stdout } = await connectRun(['connectors', '--schema'])
  const file = 'packages/core/schema/connect-run.schema.json'
  const kept: unknown = JSON.parse(readFileSync(join(root, file), 'utf8'))
  // After a change: npx connect-run connectors --schema > packages/core/schema/connect-run.schema.json, and prettier.
  expect(kept).toEqual(JSON.parse(stdout))
})
