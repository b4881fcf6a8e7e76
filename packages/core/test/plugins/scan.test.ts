import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'

import { loadWorkerConfig } from '../../src/config/load-file.ts'
import { createRegistry } from '../../src/plugins/registry.ts'
import { scanConnectors, type ScanResult } from '../../src/plugins/scan.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'connect-run-scan-'))
})

afterEach(() => rmSync(root, { recursive: true }))

function put(path: string, content: string | object): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content))
}

function scan(folder = '.', plugins: readonly string[] = []): ScanResult {
  // The running package is this workspace otherwise.
  return scanConnectors({ folder: join(root, folder), plugins, packageFolder: root })
}

const names = ({ manifests }: ScanResult): string[] => manifests.map(({ name }) => name)

/** A whole connector in plain JavaScript, as a stranger would write it into an empty folder. */
function putConnector(folder: string, name: string): void {
  put(`${folder}/package.json`, {
    name: `@someone/connector-${name}`,
    version: '3.2.1',
    description: 'Counts',
    type: 'module',
    'connect-run': { plugin: './plugin.js' },
  })
  put(
    `${folder}/plugin.js`,
    `const options = { type: 'object', properties: { step: { type: 'integer', default: 2, description: 'How far.' } } }
const task = () => ({ start: async () => {}, stop: async () => {}, put: async () => {} })
export default {
  name: '${name}',
  description: 'Counts',
  source: { description: 'Counts up.', config: options, create: task },
  sink: { description: 'Counts what comes.', config: options, create: task },
}
`,
  )
}

describe('discovery', () => {
  it('finds a new connector in an empty folder of the workspace, and a config can use it', async () => {
    put('pnpm-workspace.yaml', '')
    putConnector('connectors/counter', 'counter')
    put(
      'configs/a.yaml',
      'name: a\npipelines:\n  p:\n    source: {connector: counter, step: 5}\n    sink: {connector: counter}\n',
    )
    const found = scan('configs')
    expect(found).toEqual({
      manifests: [
        {
          name: 'counter',
          description: 'Counts',
          version: '3.2.1',
          package: '@someone/connector-counter',
          folder: join(root, 'connectors/counter'),
          entry: join(root, 'connectors/counter/plugin.js'),
          origin: 'workspace',
        },
      ],
      problems: [],
    })
    const { config, diagnostics } = await loadWorkerConfig(join(root, 'configs/a.yaml'), { env: {} })
    expect(diagnostics).toBeUndefined()
    expect(config!.pipelines[0]).toMatchObject({ source: { config: { step: 5 } }, sink: { config: { step: 2 } } })
  })

  it('finds dependencies of the nearest package.json, and only connectors among them', () => {
    put('package.json', {
      dependencies: { 'connector-a': '1', plain: '1', absent: '1' },
      devDependencies: { '@x/b': '1' },
    })
    putConnector('node_modules/connector-a', 'a')
    putConnector('node_modules/@x/b', 'b')
    putConnector('node_modules/connector-unlisted', 'unlisted')
    put('node_modules/plain/package.json', { name: 'plain' })
    expect(names(scan('deep/er'))).toEqual(['a', 'b'])
  })

  it('finds what the config names: a package, a folder, a file', async () => {
    putConnector('node_modules/connector-a', 'a')
    putConnector('elsewhere/b', 'b')
    putConnector('elsewhere/c', 'c')
    const found = scan('configs', ['connector-a', '../elsewhere/b', '../elsewhere/c/plugin.js', '/nowhere', 'nothing'])
    expect(names(found)).toEqual(['a', 'b', 'plugin'])
    expect(found.problems).toMatchObject([
      { request: 3, message: 'the plugin /nowhere is not there' },
      { request: 4, message: 'the plugin nothing is not there', hint: 'Install it: npm install nothing' },
    ])
  })

  it('takes the name that the package gives, else the one of the package', () => {
    put('pnpm-workspace.yaml', '')
    put('connectors/x/package.json', { name: '@s/connector-x', 'connect-run': { plugin: 'p.js', name: 'ex' } })
    put('connectors/y/package.json', { name: '@s/wye', 'connect-run': { plugin: 'p.js' } })
    expect(names(scan())).toEqual(['ex', 'wye'])
  })

  it('does not let a broken package break the others', async () => {
    put('pnpm-workspace.yaml', '')
    putConnector('connectors/good', 'good')
    put('connectors/bad-json/package.json', '{')
    put('connectors/no-plugin/package.json', { name: 'connector-no-plugin', 'connect-run': {} })
    put('connectors/unbuilt/package.json', { name: 'connector-unbuilt', 'connect-run': { plugin: './dist/plugin.js' } })
    put('connectors/no-package/readme', '')
    const found = scan()
    expect(names(found)).toEqual(['good', 'unbuilt'])
    expect(found.problems.map(({ name }) => name).toSorted()).toEqual(['bad-json', 'no-plugin'])
    const registry = createRegistry(found)
    expect((await registry.load('good'))!.name).toBe('good')
    await expect(registry.load('unbuilt')).rejects.toMatchObject({
      code: 'PLUGIN_INVALID',
      hint: 'Build it: npm run build',
    })
    await expect(registry.load('bad-json')).rejects.toMatchObject({ code: 'PLUGIN_INVALID' })
    expect(await registry.load('unheard-of')).toBeUndefined()
  })

  it('says when two packages have one name, and when one package is found twice says nothing', () => {
    put('pnpm-workspace.yaml', '')
    putConnector('connectors/a', 'a')
    putConnector('other', 'a')
    expect(scan('.', ['./other']).manifests).toMatchObject([{ folder: join(root, 'other') }])
    expect(scan('.', ['./other']).problems).toMatchObject([
      { name: 'a', message: expect.stringContaining('hidden by') },
    ])
    put('package.json', { dependencies: { '@someone/connector-a': 'workspace:*' } })
    mkdirSync(join(root, 'node_modules/@someone'), { recursive: true })
    symlinkSync(join(root, 'connectors/a'), join(root, 'node_modules/@someone/connector-a'))
    expect(scan().problems).toEqual([])
  })

  it('reports plugins that the config names wrongly at their place', async () => {
    put('a.yaml', 'name: a\nplugins: [./nope]\npipelines:\n  p: {source: {connector: x}, sink: {connector: x}}\n')
    const { diagnostics } = await loadWorkerConfig(join(root, 'a.yaml'), { env: {} })
    expect(diagnostics![0]).toMatchObject({ line: 2, column: 11, code: 'PLUGIN_INVALID', path: 'plugins[0]' })
  })
})
