import assert from 'node:assert/strict'
import type { ConnectorPlugin, ObjectSchema, PropertySchema, SinkConnector, SourceConnector } from '@connect-run/core'
import { type Check, type Skipped, registerChecks } from './check.ts'
import { canonicalNames, runtimeNames, secretName } from './option-names.ts'
import { type Options, complaints, configOf } from './validated.ts'

export interface PluginDriver {
  readonly plugin: ConnectorPlugin
  /** Options that a user may write, for each side that there is; the more of them, the more is checked. */
  readonly valid: { readonly source?: Options; readonly sink?: Options }
  readonly skip?: Skipped
}

type SideName = 'source' | 'sink'

interface Side {
  readonly name: SideName
  readonly connector: SourceConnector<unknown> | SinkConnector<unknown>
  readonly schema: ObjectSchema<never>
  readonly valid: Options
}

/** A documented option and where it stands. */
interface Option {
  readonly path: readonly string[]
  readonly schema: PropertySchema
}

/** What every connector package promises, as functions; {@link describePlugin} runs them as tests. */
export const pluginChecks: readonly Check<PluginDriver>[] = [
  {
    name: 'has a name, a description and a side',
    run: ({ plugin }) =>
      sync(() => {
        assert.match(plugin.name, /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, 'a name is lower case, with dashes')
        assertSentence(plugin.description, plugin.name)
        assert.ok(plugin.source !== undefined || plugin.sink !== undefined, 'it is neither a source nor a sink')
      }),
  },
  eachSide('describes its sides and their schema', ({ name, connector, schema }) => {
    assertSentence(connector.description, name)
    assert.equal(schema.type, 'object')
    for (const key of schema.required ?? []) {
      assert.ok(Object.hasOwn(schema.properties, key), `required option ${key} is not described`)
    }
  }),
  eachOption('documents every option', ({ path, schema }) => {
    const { description } = schema as { description?: string }
    assert.ok((description ?? '').trim().length >= 10, `${path.join('.')} has no description`)
  }),
  eachOption('uses the names that all connectors use', ({ path }) => {
    const name = path.at(-1)!
    const canonical = canonicalNames.get(name)
    assert.equal(canonical, undefined, `${path.join('.')} is called ${canonical} in all connectors`)
    assert.match(name, /^[a-z][a-zA-Z0-9]*$/, `${path.join('.')} is not camelCase`)
  }),
  eachSide('leaves the options of the runtime to the runtime', ({ name, schema }) => {
    for (const key of runtimeNames[name]) {
      assert.ok(!Object.hasOwn(schema.properties, key), `option ${key} belongs to the runtime`)
    }
  }),
  eachOption('marks secrets, and gives them no default', ({ path, schema }) => {
    const isText = 'type' in schema && schema.type === 'string'
    if (isText && secretName.test(path.at(-1)!)) assert.equal(schema.secret, true, `${path.join('.')} is not secret`)
    if (schema.secret !== true) return
    assert.ok([undefined, ''].includes(schema.default as string), `${path.join('.')} is secret and has a default`)
  }),
  eachSide('takes its valid options', (side) => {
    const config = configOf(side.schema, side.valid)
    assert.deepEqual(side.connector.check?.(config) ?? [], [], 'check complains about valid options')
  }),
  eachSide('gives examples that are valid', (side) => {
    for (const [key, property] of Object.entries<PropertySchema>(side.schema.properties)) {
      for (const example of property.examples ?? []) {
        const found = complaints(side.schema, { ...side.valid, [key]: example })
        assert.deepEqual(
          found.filter((complaint) => complaint.startsWith(key)),
          [],
          `example of ${key}`,
        )
      }
    }
  }),
  eachSide('asks for each required option', ({ schema, valid }) => {
    for (const key of schema.required ?? []) {
      const { [key]: removed, ...rest } = valid as Record<string, unknown>
      assert.ok(removed !== undefined, `the valid options lack the required ${key}`)
      assert.notDeepEqual(complaints(schema, rest), [], `no complaint without the required option ${key}`)
    }
  }),
  eachSide('refuses options that it does not know', ({ schema, valid }) => {
    const found = complaints(schema, { ...valid, optionThatIsUnknown: 1 })
    assert.notDeepEqual(found, [], 'no complaint about an unknown option')
  }),
  eachSide('makes a new task each time', ({ name, connector, schema, valid }) => {
    const config = configOf(schema, valid)
    const [first, second] = [connector.create(config), connector.create(config)]
    assert.notEqual(first, second, 'create returned the same task twice')
    for (const method of ['start', name === 'source' ? 'poll' : 'put', 'stop']) {
      assert.equal(typeof first[method as 'start'], 'function', `a task has ${method}`)
    }
  }),
  eachSide('says of its positions what its tasks do', ({ name, connector, schema, valid }) => {
    const config = configOf(schema, valid)
    if (name === 'source') {
      const { positions = 'state' } = (connector as SourceConnector<unknown>).traits?.(config) ?? {}
      const keeps = (connector as SourceConnector<unknown>).create(config).commit !== undefined
      assert.equal(
        positions === 'source',
        keeps,
        `traits say \`${positions}\`, and a task has ${keeps ? 'a' : 'no'} commit`,
      )
      return
    }
    const sink = connector as SinkConnector<unknown>
    if (sink.traits?.(config).holdsPositions !== true) return
    const task = sink.create(config)
    assert.ok(task.recover !== undefined && task.commit !== undefined, 'traits say `holdsPositions`, and a task can’t')
  }),
  eachSide('answers the same for the same config', ({ connector, schema, valid }) => {
    const answers = (): unknown => {
      const config = configOf(schema, valid)
      return [connector.traits?.(config), (connector as SourceConnector<unknown>).streams?.(config)]
    }
    assert.deepEqual(answers(), answers())
  }),
]

/** Registers all checks of a connector's manifest object as tests. */
export function describePlugin(plugin: ConnectorPlugin, { valid, skip = {} }: Omit<PluginDriver, 'plugin'>): void {
  registerChecks(`${plugin.name} plugin conforms`, pluginChecks, { plugin, valid, skip })
}

function eachSide(name: string, check: (side: Side) => void): Check<PluginDriver> {
  return { name, run: (driver) => sync(() => sidesOf(driver).forEach(check)) }
}

function eachOption(name: string, check: (option: Option) => void): Check<PluginDriver> {
  return eachSide(name, ({ schema }) => optionsOf(schema.properties, []).forEach(check))
}

function sidesOf({ plugin, valid }: PluginDriver): Side[] {
  return (['source', 'sink'] as const).flatMap((name) => {
    const connector = plugin[name] as Side['connector'] | undefined
    if (connector === undefined) return []
    const options = valid[name]
    assert.ok(options !== undefined, `no valid options are given for the ${name}`)
    return [{ name, connector, schema: connector.config as unknown as ObjectSchema<never>, valid: options }]
  })
}

/** Options of objects inside options too, but not the keys of maps, which are the user's. */
function optionsOf(properties: Readonly<Record<string, PropertySchema>>, above: readonly string[]): Option[] {
  const options: Option[] = []
  for (const [key, schema] of Object.entries(properties)) {
    const path = [...above, key]
    options.push({ path, schema })
    for (const inner of insideOf(schema)) options.push(...optionsOf(inner, path))
  }
  return options
}

function insideOf(schema: PropertySchema): Readonly<Record<string, PropertySchema>>[] {
  const { properties, items, anyOf } = schema as {
    properties?: Readonly<Record<string, PropertySchema>>
    items?: PropertySchema
    anyOf?: readonly PropertySchema[]
  }
  const inner = [...(items === undefined ? [] : [items]), ...(anyOf ?? [])].flatMap(insideOf)
  return properties === undefined ? inner : [properties, ...inner]
}

function assertSentence(text: unknown, of: string): void {
  assert.ok(typeof text === 'string' && text.trim().length >= 10, `${of} has no description`)
}

async function sync(action: () => void): Promise<void> {
  await Promise.resolve()
  action()
}
