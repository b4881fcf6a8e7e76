import { describe, expect, it } from '@jest/globals'
import type { SinkConnector, SinkTraits, SourceConnector, SourceTraits } from '../../src/index.ts'
import { sinkConnector, sourceConnector } from '../../src/index.ts'
import { guaranteeOf, whyNotExactlyOnce } from '../../src/config/guarantee.ts'
import { loadWorkerConfig } from '../../src/config/load-file.ts'
import type { PipelineConfig } from '../../src/config/pipeline-config.ts'
import { registryOf } from '../../src/plugins/registry.ts'

const schema = { type: 'object', properties: {} } as const
const never = (): never => {
  throw new Error('nothing is created while a config is checked')
}

interface Facts {
  readonly source?: SourceTraits
  readonly sink?: SinkTraits
  readonly exactlyOnce?: SinkConnector<object>['exactlyOnce']
}

function registry({ source, sink, exactlyOnce }: Facts) {
  const from: SourceConnector<object> = {
    description: 'Reads.',
    config: schema,
    create: never,
    traits: () => source ?? {},
  }
  const to: SinkConnector<object> = { description: 'Writes.', config: schema, create: never, traits: () => sink ?? {} }
  return registryOf([
    { name: 'from', description: 'a test', source: sourceConnector(from) },
    { name: 'to', description: 'a test', sink: sinkConnector({ ...to, ...(exactlyOnce && { exactlyOnce }) }) },
  ])
}

async function load(facts: Facts, pipeline: string) {
  const text = `name: app\npipelines:\n  main:\n    source: {connector: from}\n    sink: {connector: to}\n${pipeline}`
  const result = await loadWorkerConfig('/etc/app/app.yaml', {
    env: {},
    findConnectors: () => ({ registry: registry(facts), problems: [] }),
    readFile: () => text,
  })
  return { pipeline: result.config?.pipelines[0], diagnostics: result.diagnostics ?? [] }
}

async function pipelineOf(facts: Facts, options = ''): Promise<PipelineConfig> {
  const { pipeline, diagnostics } = await load(facts, options)
  if (pipeline === undefined) throw new Error(JSON.stringify(diagnostics))
  return pipeline
}

const once = '    delivery: exactly-once\n'
const can = { exactlyOnce: (): true => true }

describe('the guarantee of a pipeline', () => {
  it.each([
    ['at-least-once', {}, ''],
    ['effectively-once', { sink: { idempotent: true } }, ''],
    ['effectively-once', { sink: { holdsPositions: true } }, ''],
    ['best-effort', { source: { positions: 'none' }, sink: { idempotent: true } }, ''],
    ['exactly-once', can, once],
    ['exactly-once', { ...can, source: { positions: 'source' } }, once],
  ] satisfies [string, Facts, string][])('is %s with %j', async (level, facts, options) => {
    expect(guaranteeOf(await pipelineOf(facts, options), 'file:./state').level).toBe(level)
  })

  it('says what each part has to do with it', async () => {
    const { because } = guaranteeOf(await pipelineOf({}, '    errors: {tolerance: all}\n'), 'memory:')
    expect(because).toEqual([
      { part: 'source', text: 'The from source goes on from a stored position.' },
      { part: 'sink', text: 'The to sink writes again after a crash what was not committed.' },
      { part: 'state', text: 'Positions are kept in memory: a restart reads everything again.' },
      {
        part: 'settings',
        text: 'Records that can’t be handled are dropped and counted: `errors` names no dead letter queue.',
      },
    ])
  })
})

describe('`delivery: exactly-once`', () => {
  it.each([
    ['the to sink does not write in transactions', {}],
    ['what the from source has read can’t be read again after a crash', { ...can, source: { positions: 'none' } }],
    ['they are elsewhere', { exactlyOnce: () => ({ reason: 'they are elsewhere' }) }],
    ['it reads too much', { ...can, source: { notExactlyOnce: { reason: 'it reads too much' } } }],
  ] satisfies [string, Facts][])('is refused with the reason: %s', async (reason, facts) => {
    const { diagnostics } = await load(facts, once)
    expect(diagnostics).toMatchObject([
      {
        code: 'CONFIG_INVALID',
        path: 'pipelines.main.delivery',
        line: 6,
        message: `\`exactly-once\` can’t be kept: ${reason}`,
      },
    ])
  })

  it('is refused with what to do, and the strongest guarantee that there is instead', async () => {
    const obstacle = { reason: 'no', hint: 'Do this.' }
    const { diagnostics } = await load({ sink: { idempotent: true }, exactlyOnce: () => obstacle }, once)
    expect(diagnostics[0]!.hint).toBe(
      'Do this. The strongest guarantee here is effectively-once: the to sink writes again after a crash what was not committed, and that changes nothing.',
    )
  })

  it('blames the source where it is the source', async () => {
    const { diagnostics } = await load({ source: { positions: 'none' } }, once)
    expect(diagnostics[0]!.hint).toBe(
      'The strongest guarantee here is best-effort: the from source can’t be asked again for what was read and not written.',
    )
  })

  it('asks the sink with what the source states', async () => {
    const source: SourceTraits = { positions: 'source', keptAt: ['x://a:1'] }
    const asked: SourceTraits[] = []
    const exactlyOnce = (_: object, traits: SourceTraits): true => {
      asked.push(traits)
      return true
    }
    expect(whyNotExactlyOnce(await pipelineOf({ source, exactlyOnce }))).toBeUndefined()
    expect(asked[0]).toEqual(source)
  })

  it('keeps no transaction open for long', async () => {
    const { diagnostics } = await load(can, `${once}    commitInterval: 11s\n`)
    expect(diagnostics).toMatchObject([
      { path: 'pipelines.main.commitInterval', hint: expect.stringContaining('100ms') },
    ])
    expect((await load(can, `${once}    commitInterval: 10s\n`)).diagnostics).toEqual([])
    expect((await load(can, '    commitInterval: 11s\n')).diagnostics).toEqual([])
  })
})
