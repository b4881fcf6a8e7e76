import { describe, expect, it } from '@jest/globals'
import { type ConnectorPlugin, sinkConnector } from '../../src/api/connector.ts'
import { type LoadResult, loadWorkerConfig } from '../../src/config/load-file.ts'
import { registryOf } from '../../src/plugins/registry.ts'
import { sourceOnly } from './fixtures.ts'

const table: ConnectorPlugin = {
  name: 'table',
  description: 'For tests.',
  sink: sinkConnector<{ readonly ordered: boolean; readonly idempotent: boolean }>({
    description: 'Writes.',
    config: {
      type: 'object',
      properties: {
        ordered: { type: 'boolean', default: false, description: 'Whether order matters.' },
        idempotent: { type: 'boolean', default: true, description: 'Whether a record may come twice.' },
      },
    },
    create: () => {
      throw new Error('nothing is created while a config is checked')
    },
    traits: (config) => config,
  }),
}

function load(sink: string, { state = 'redis://r:6379', errors = '{tolerance: all}' } = {}): Promise<LoadResult> {
  const text = `name: app
state: {url: "${state}"}
pipelines:
  main:
    source: {connector: reader}
    sink: {connector: table, ${sink}}
    errors: ${errors}
`
  const findConnectors = () => ({ registry: registryOf([table, sourceOnly]), problems: [] })
  return loadWorkerConfig('/etc/app/app.yaml', { env: {}, findConnectors, readFile: () => text })
}

async function messages(...given: Parameters<typeof load>): Promise<string[]> {
  return ((await load(...given)).diagnostics ?? []).map(({ message }) => message)
}

describe('parking', () => {
  it('has bounds and pauses unless told, and is off unless asked for', async () => {
    const { config } = await load('parking: {}')
    expect(config?.pipelines[0]?.sink.parking).toEqual({
      maxRecords: 10_000,
      maxBytes: 64 * 1024 * 1024,
      maxAttempts: 20,
      initialDelayMs: 1000,
      maxDelayMs: 300_000,
    })
    const given = await load('parking: {maxRecords: 5, maxBytes: 1KiB, maxAttempts: 0, initialDelay: 2s, maxDelay: 3s}')
    expect(given.config?.pipelines[0]?.sink.parking).toEqual({
      maxRecords: 5,
      maxBytes: 1024,
      maxAttempts: 0,
      initialDelayMs: 2000,
      maxDelayMs: 3000,
    })
    expect((await load('ordered: true')).config?.pipelines[0]?.sink.parking).toBeUndefined()
  })

  it('is refused where records may not overtake each other, or not come twice', async () => {
    expect(await messages('parking: {}, ordered: true')).toEqual([
      "records of this table sink can't be set aside: the order of writes matters to it",
    ])
    expect(await messages('parking: {}, idempotent: false')).toEqual([
      "records of this table sink can't be set aside: it would show a record twice",
    ])
  })

  it('is refused without a Redis, and where what is out of attempts has nowhere to go', async () => {
    expect(await messages('parking: {}', { state: 'memory:' })).toEqual(['needs a state in Redis'])
    expect(await messages('parking: {}', { errors: '{tolerance: none}' })).toEqual([
      'leaves records that are out of attempts nowhere to go',
    ])
  })
})
