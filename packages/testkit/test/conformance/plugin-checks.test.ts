import { describe, expect, it } from '@jest/globals'
import type { ConnectorPlugin } from '@connect-run/core'
import { type PluginDriver, describePlugin, pluginChecks } from '../../src/conformance/index.ts'
import { memorySinkPlugin } from './memory-sink.ts'
import { memorySourcePlugin } from './memory-source.ts'
import { failures } from './outcomes.ts'

const good: ConnectorPlugin = { ...memorySinkPlugin(), ...memorySourcePlugin() }
const valid = { source: { queue: 'orders' }, sink: { table: 'orders' } }

describePlugin(good, { valid })

/** The good plugin with another source. */
function withSource(changes: object, options: PluginDriver['valid'] = valid): PluginDriver {
  return { plugin: { ...good, source: { ...good.source, ...changes } as never }, valid: options }
}

/** … with one more option. */
function withOption(name: string, schema: object): PluginDriver {
  const config = {
    ...good.source!.config,
    properties: { ...(good.source!.config.properties as object), [name]: schema },
  }
  return withSource({ config })
}

const done = (): Promise<void> => Promise.resolve()
const bareSink = () => ({ start: done, put: done, stop: done })

const described = { type: 'string', description: 'Something to set.' }
const task = good.source!.create({ queue: 'orders' } as never)

const defects: readonly [what: string, driver: PluginDriver, check: string][] = [
  ['has a name with capitals', { plugin: { ...good, name: 'Memory' }, valid }, 'has a name, a description and a side'],
  ['has no description', { plugin: { ...good, description: '' }, valid }, 'has a name, a description and a side'],
  [
    'has no side',
    { plugin: { name: 'memory', description: 'Nothing at all.' }, valid },
    'has a name, a description and a side',
  ],
  ['has a side without a description', withSource({ description: '' }), 'describes its sides and their schema'],
  [
    'requires what it does not describe',
    withSource({ config: { ...good.source!.config, required: ['queue', 'other'] } }),
    'describes its sides and their schema',
  ],
  ['does not document an option', withOption('other', { type: 'string', description: '' }), 'documents every option'],
  [
    'does not document an option inside another',
    withOption('group', { type: 'object', description: 'Some of them.', properties: { inner: { type: 'string' } } }),
    'documents every option',
  ],
  ['uses a synonym', withOption('hosts', described), 'uses the names that all connectors use'],
  ['uses snake case', withOption('group_id', described), 'uses the names that all connectors use'],
  [
    'takes an option of the runtime',
    withOption('value', described),
    'leaves the options of the runtime to the runtime',
  ],
  ['shows a password', withOption('password', described), 'marks secrets, and gives them no default'],
  [
    'presets a password',
    withOption('password', { ...described, secret: true, default: 'admin' }),
    'marks secrets, and gives them no default',
  ],
  ['refuses right options', withSource({}, { ...valid, source: { queue: '' } }), 'takes its valid options'],
  [
    'complains about right options',
    withSource({ check: () => [{ path: [], message: 'no' }] }),
    'takes its valid options',
  ],
  [
    'gives a wrong example',
    withOption('size', { ...described, format: 'size', examples: ['big'] }),
    'gives examples that are valid',
  ],
  [
    'does without a required option',
    withSource({ config: { ...good.source!.config, properties: { queue: { ...described, default: 'orders' } } } }),
    'asks for each required option',
  ],
  [
    'takes any option',
    withSource({ config: { ...good.source!.config, additionalProperties: {} } }),
    'refuses options that it does not know',
  ],
  ['shares its task', withSource({ create: () => task }), 'makes a new task each time'],
  [
    'makes half a task',
    withSource({ create: () => ({ start: () => Promise.resolve() }) }),
    'makes a new task each time',
  ],
  [
    'keeps positions as it says, and does not',
    withSource({ traits: () => ({ positions: 'source' }) }),
    'says of its positions what its tasks do',
  ],
  [
    'holds positions beside its data as it says, and does not',
    {
      plugin: { ...good, sink: { ...good.sink!, create: bareSink, traits: () => ({ holdsPositions: true }) } },
      valid,
    },
    'says of its positions what its tasks do',
  ],
  ['changes its mind', withSource({ streams: () => [String(Math.random())] }), 'answers the same for the same config'],
]

describe('a plugin that', () => {
  it.each(defects)('%s is caught', async (_, driver, name) => {
    expect([...(await failures(pluginChecks, driver)).keys()]).toContain(name)
  })

  it('is right fails nothing', async () => {
    expect(await failures(pluginChecks, { plugin: good, valid })).toEqual(new Map())
  })

  it('may have an allowed name that looks like others', async () => {
    const driver = withOption('username', described)
    expect(await failures(pluginChecks, driver)).toEqual(new Map())
  })
})

it('has a defect for every check', () => {
  const caught = new Set(defects.map(([, , check]) => check))
  expect(pluginChecks.map((check) => check.name).filter((name) => !caught.has(name))).toEqual([])
})
