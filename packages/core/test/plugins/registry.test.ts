import { fileURLToPath } from 'node:url'

import { describe, expect, it } from '@jest/globals'

import { createRegistry, registryOf } from '../../src/plugins/registry.ts'
import { fake } from '../config/fixtures.ts'

const entry = fileURLToPath(import.meta.url)

const scan = {
  manifests: [
    { name: 'x', description: '', version: '1', package: 'x', folder: '/', entry, origin: 'dependency' as const },
  ],
  problems: [],
}

const load = (exported: unknown): Promise<unknown> => createRegistry(scan, async () => exported).load('x')

describe('a plugin', () => {
  const good = { ...fake, name: 'x' }
  const side = { description: 'd', config: { type: 'object', properties: {} }, create: () => ({}) }

  it('is loaded once', async () => {
    let imports = 0
    const registry = createRegistry(scan, async () => {
      imports++
      return { default: good }
    })
    expect(await registry.load('x')).toBe(good)
    expect(await registry.load('x')).toBe(good)
    expect(imports).toBe(1)
  })

  it.each<[string, unknown, RegExp]>([
    ['nothing', {}, /no default export/],
    ['a function', { default: () => good }, /no default export/],
    ['another name', { default: { ...good, name: 'y' } }, /`name` must be "x"/],
    ['no side', { default: { name: 'x', description: 'd' } }, /neither `source` nor `sink`/],
    ['no create', { default: { ...good, sink: { ...side, create: 1 } } }, /`sink.create` is not a function/],
    ['no schema', { default: { ...good, source: { ...side, config: {} } } }, /`source.config` is not the schema/],
    ['a wrong probe', { default: { ...good, source: { ...side, probe: [] } } }, /`source.probe` is not a function/],
    ['a wrong check', { default: { ...good, source: { ...side, check: [] } } }, /`source.check` is not a function/],
    [
      'an option of the runtime',
      { default: { ...good, sink: { ...side, config: { type: 'object', properties: { batch: {}, key: {} } } } } },
      /`sink.config` describes batch and key, which the runtime owns/,
    ],
    [
      'a schema that is none',
      { default: { ...good, sink: { ...side, config: { type: 'object', properties: { a: { type: 'txt' } } } } } },
      /`sink.config` is not a valid schema/,
    ],
  ])('that exports %s is refused with the reason', async (_, exported, reason) => {
    await expect(load(exported)).rejects.toMatchObject({
      code: 'PLUGIN_INVALID',
      message: expect.stringMatching(reason),
    })
  })

  it('whose import fails is refused with the reason', async () => {
    const registry = createRegistry(scan, () => Promise.reject(new Error('no binding')))
    await expect(registry.load('x')).rejects.toMatchObject({
      code: 'PLUGIN_INVALID',
      message: 'connector x cannot be loaded: no binding',
    })
  })
})

function raise(error: Error): never {
  throw error
}

describe('a plugin with a mistake in its code', () => {
  const failing = (error: Error): Promise<unknown> => createRegistry(scan, async () => raise(error)).load('x')

  it('is refused with the line', async () => {
    const error = new ReferenceError('foo is not defined')
    error.stack = 'ReferenceError: foo is not defined\n    at file:///x/plugin.js:2:1\n    at file:///y.js:3:4'
    await expect(failing(error)).rejects.toMatchObject({
      message: 'connector x cannot be loaded: ReferenceError: foo is not defined, at /x/plugin.js:2:1',
      hint: 'Correct the code there.',
    })
  })

  it('is refused with the file and how to see the line, where it cannot be parsed', async () => {
    const error = new SyntaxError("Unexpected token '{'")
    error.stack = `${String(error)}\n    at compileSourceTextModule (node:internal/modules/esm/utils:346:16)`
    await expect(failing(error)).rejects.toMatchObject({
      message: `connector x cannot be loaded: SyntaxError: Unexpected token '{', at ${entry}`,
      hint: `\`node ${entry}\` shows the line.`,
    })
  })
})

it('a registry of loaded plugins knows them by name', async () => {
  const registry = registryOf([fake])
  expect(registry.names).toEqual(['fake'])
  expect(await registry.load('fake')).toBe(fake)
  expect(await registry.load('x')).toBeUndefined()
})
