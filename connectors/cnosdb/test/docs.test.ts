import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import {
  type ConnectorPlugin,
  type ObjectSchema,
  type PropertySchema,
  sinkConnector,
  sourceConnector,
} from '@connect-run/core'
import { type LoadOptions, loadWorkerConfig, registryOf } from '@connect-run/core/runtime'
import plugin from '../src/plugin.ts'
import { cnosdbSinkSchema } from '../src/sink-config.ts'

const folder = new URL('../', import.meta.url)
const readme = readFileSync(new URL('README.md', folder), 'utf8')

/** Paths and defaults of all options; `tls` is one line, as its keys are those of every connector. */
function optionsOf(properties: Readonly<Record<string, PropertySchema>>, prefix = ''): [string, unknown][] {
  return Object.entries(properties).flatMap(([name, schema]): [string, unknown][] => {
    const below = 'properties' in schema && name !== 'tls' ? schema.properties : undefined
    return below === undefined ? [[prefix + name, schema.default]] : optionsOf(below, `${prefix}${name}.`)
  })
}

describe('the README', () => {
  const rows = new Map(
    [...readme.matchAll(/^\| `([a-zA-Z.]+)` +\| ([^|]*)\|/gm)].map((match) => [match[1]!, match[2]!.trim()]),
  )
  const options = optionsOf(cnosdbSinkSchema.properties)

  it.each(options)('has %s, default %p', (name, value) => {
    expect([...rows.keys()]).toContain(name)
    if (value !== undefined) expect(rows.get(name)).toBe(`\`${value as string | boolean}\``)
  })
})

describe('every example', () => {
  /** Stands in for the other end: what matters here is the sink. */
  interface KafkaConfig {
    readonly brokers?: string
    readonly topics?: readonly string[]
    readonly topic?: string
  }
  const description = 'The other end.'
  const config: ObjectSchema<KafkaConfig> = {
    type: 'object',
    properties: {
      brokers: { type: 'string', description },
      topics: { type: 'array', items: { type: 'string' }, description },
      topic: { type: 'string', description },
    },
  }
  const create = (): never => {
    throw new Error('it is never started')
  }
  const kafka: ConnectorPlugin = {
    name: 'kafka',
    description,
    source: sourceConnector<KafkaConfig>({ description, config, create }),
    sink: sinkConnector<KafkaConfig>({ description, config, create }),
    deadLetterSink: ({ brokers }, topic) => ({ brokers, topic }),
  }

  it.each(readdirSync(new URL('examples', folder)))('%s is valid', async (name) => {
    const path = new URL(`examples/${name}`, folder).pathname
    const findConnectors: LoadOptions['findConnectors'] = () => ({
      registry: registryOf([plugin, kafka]),
      problems: [],
    })
    const result = await loadWorkerConfig(path, { env: {}, findConnectors })
    expect(result.diagnostics).toBeUndefined()
  })
})
