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
import { elasticsearchSinkSchema } from '../src/sink-config.ts'

const folder = new URL('../', import.meta.url)
const readme = readFileSync(new URL('README.md', folder), 'utf8')
const sections = new Map(readme.split(/^## /m).map((text) => [text.slice(0, text.indexOf('\n')), text]))

/** Paths and defaults of all options; `tls` is one line, as its keys are those of every connector. */
function optionsOf(properties: Readonly<Record<string, PropertySchema>>, prefix = ''): [string, unknown][] {
  return Object.entries(properties).flatMap(([name, schema]): [string, unknown][] => {
    const below = 'properties' in schema && name !== 'tls' ? schema.properties : undefined
    return below === undefined ? [[prefix + name, schema.default]] : optionsOf(below, `${prefix}${name}.`)
  })
}

describe('the README', () => {
  const rows = new Map(
    [...sections.get('Options')!.matchAll(/^\| `([a-zA-Z.]+)` +\| ([^|]*)\|/gm)].map((match) => [
      match[1]!,
      match[2]!.trim(),
    ]),
  )
  const options = optionsOf(elasticsearchSinkSchema.properties)

  it.each(options)('has %s, default %p', (name, value) => {
    expect([...rows.keys()]).toContain(name)
    if (value !== undefined) expect(rows.get(name)).toBe(`\`${value as string | number | boolean}\``)
  })

  it('has no option that there is not', () => {
    expect([...rows.keys()].toSorted()).toEqual(options.map(([name]) => name).toSorted())
  })

  it('says in the tables for those who move over nothing but options that there are', () => {
    const runtime = ['batch', 'concurrency', 'retry', 'errors', 'limits', 'latency']
    const known = new Set([...options.map(([name]) => name.split('.')[0]!), ...runtime])
    const cells = [...sections.get('Moving over')!.matchAll(/^\| [^|]+ \| ([^|]+) \|/gm)].map((match) => match[1]!)
    const named = cells.flatMap((cell) => [...cell.matchAll(/`([a-zA-Z]+)[^`]*`/g)].map((match) => match[1]!))
    expect(named.length).toBeGreaterThan(80)
    for (const name of named) expect([...known, 'https', 'prefix']).toContain(name)
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
    const result = await loadWorkerConfig(path, { env: { ELASTICSEARCH_API_KEY: 'a2V5OnNlY3JldA==' }, findConnectors })
    expect(result.diagnostics).toBeUndefined()
  })
})
