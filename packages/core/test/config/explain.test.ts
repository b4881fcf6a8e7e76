import { describe, expect, it } from '@jest/globals'
import type { SinkTraits, SourceTraits } from '../../src/index.ts'
import { type Explanation, explainPipeline } from '../../src/config/explain.ts'
import type { PipelineConfig } from '../../src/config/pipeline-config.ts'
import type { RedisStateConfig, StateConfig } from '../../src/config/state-config.ts'
import { pipelineConfig, testSink, testSource } from '../support/pipeline.ts'

const files: StateConfig = { kind: 'file', folder: '/state' }
const redis: RedisStateConfig = {
  kind: 'redis',
  mode: 'single',
  hosts: [{ host: 'r', port: 6379 }],
  primary: undefined,
  database: 0,
  username: undefined,
  password: undefined,
  tls: undefined,
  sentinel: undefined,
  strict: true,
  leaseMs: 15_000,
  keyPrefix: 'connect-run',
  durability: { disk: true, replicas: 0, timeoutMs: 2000 },
}

type Pair = { source?: SourceTraits; sink?: SinkTraits; pipeline?: Partial<Omit<PipelineConfig, 'sink'>> }

function explained({ source = {}, sink = {}, pipeline = {} }: Pair, state: StateConfig = files): Explanation {
  const { plugin } = testSource({ batches: [] })
  const stating = { ...plugin, source: { ...plugin.source!, traits: () => source } }
  const config = pipelineConfig(
    { ...testSource({ batches: [] }), plugin: stating },
    testSink({ traits: sink }),
    pipeline,
  )
  return explainPipeline(config, state)
}

function after(event: string, explanation: Explanation): string {
  return explanation.after.find((entry) => entry.event.includes(event))!.text
}

const settings = ({ weakenedBy }: Explanation): string[] => weakenedBy.map(({ setting }) => setting)

describe('explainPipeline', () => {
  it.each<[string, Pair]>([
    ['at-least-once', {}],
    ['effectively-once', { sink: { idempotent: true } }],
    ['effectively-once', { sink: { holdsPositions: true } }],
    ['exactly-once', { pipeline: { delivery: 'exactly-once' } }],
    ['best-effort', { source: { positions: 'none' }, sink: { idempotent: true } }],
  ])('names the guarantee %s, with its meaning and a reason for each end', (level, pair) => {
    const { guarantee, meaning, because, delivery } = explained(pair)
    expect(guarantee).toBe(level)
    expect(meaning).toMatch(/\.$/)
    expect(because.map(({ part }) => part)).toEqual(expect.arrayContaining(['source', 'sink']))
    expect(delivery).toBe(pair.pipeline?.delivery ?? 'at-least-once')
  })

  it('says what is doubled by a kill, and what is not', () => {
    expect(after('killed', explained({}))).toMatch(/written twice/)
    expect(after('killed', explained({ pipeline: { commitIntervalMs: 120_000 } }))).toContain(
      '`commitInterval` is 2 min',
    )
    expect(after('killed', explained({ sink: { idempotent: true } }))).toMatch(/over themselves/)
    expect(after('killed', explained({ sink: { holdsPositions: true } }))).toMatch(/cut them off/)
    expect(after('killed', explained({ pipeline: { delivery: 'exactly-once' } }))).toMatch(/aborted/)
    expect(after('killed', explained({ source: { positions: 'none' } }))).toMatch(/is gone/)
  })

  it('says what hangs on the state: nothing where source or sink keep the positions', () => {
    expect(after('state', explained({}))).toMatch(/written again\.$/)
    expect(after('state', explained({ sink: { idempotent: true } }))).toMatch(/changes nothing/)
    expect(after('state', explained({ source: { positions: 'source' } }))).toMatch(/source keeps/)
    expect(after('state', explained({ sink: { holdsPositions: true } }))).toMatch(/sink holds/)
    expect(after('machine', explained({}))).toContain('/state')
    expect(after('machine', explained({}, redis))).toContain('after 15 s, from redis://r:6379')
    expect(after('machine', explained({}, { kind: 'memory' }))).toMatch(/with the process/)
    expect(after('machine', explained({ source: { positions: 'source' } }))).toMatch(/source keeps/)
  })

  it('names the settings that weaken it', () => {
    const errors = { tolerance: 'all', deadLetterQueue: undefined } as const
    expect(settings(explained({ pipeline: { errors } }))).toEqual(['errors.tolerance: all'])
    expect(settings(explained({}, { kind: 'memory' }))).toEqual(['state.url: memory:'])
    const unsafe = { ...redis, strict: false, durability: { ...redis.durability, disk: false } }
    expect(settings(explained({}, redis))).toEqual([])
    expect(settings(explained({}, unsafe))).toEqual(['state.durability.disk: false', 'state.strict: false'])
    expect(settings(explained({ source: { positions: 'source' } }, unsafe))).toEqual([])
    const caveat = { option: 'onGap: skip', text: 'Gaps are skipped.' }
    expect(settings(explained({ source: { caveats: [caveat] } }))).toEqual(['source.onGap: skip'])
    expect(settings(explained({ sink: { caveats: [caveat] } }))).toEqual(['sink.onGap: skip'])
  })

  it('says what stops the pipeline instead of losing records', () => {
    const queue = { kind: 'file', path: 'dead.jsonl', maxFileBytes: 0 } as const
    const limits = {
      maxRate: { records: 10, windowMs: 60_000 },
      maxShare: { share: 0.05, windowMs: 1000 },
    }
    const errors = { tolerance: 'all', deadLetterQueue: queue, deadLetterLimits: limits } as const
    const { stopsWhen } = explained({ pipeline: { errors } })
    expect(stopsWhen).toEqual([
      expect.stringContaining('dead.jsonl'),
      'More than 10 records in 1 min fail.',
      'More than 5 % of the records of 1 s fail.',
      expect.stringContaining('maxRestarts: 0'),
    ])
    expect(explained({}).stopsWhen[0]).toMatch(/errors.tolerance: none/)
  })

  it('says what would make it stronger, and why exactly once can’t be had', () => {
    expect(explained({}).stronger).toEqual([
      expect.stringMatching(/`delivery: exactly-once` can’t be had: .*transactions\.$/),
      expect.stringContaining('redis://'),
    ])
    expect(explained({ source: { positions: 'source' }, sink: { idempotent: true } }).stronger).toEqual([])
    expect(explained({ sink: { idempotent: true } }, { kind: 'memory' }).stronger).toEqual([
      expect.stringContaining('state.url: file:'),
    ])
    expect(explained({ sink: { idempotent: true } }, { ...redis, strict: false }).stronger).toEqual([
      expect.stringContaining('state.strict: true'),
    ])
    const errors = { tolerance: 'all', deadLetterQueue: undefined } as const
    const dropping = explained({ source: { positions: 'source' }, sink: { idempotent: true }, pipeline: { errors } })
    expect(dropping.stronger).toEqual([expect.stringContaining('errors.deadLetterQueue')])
  })

  it('says in which order records are written', () => {
    expect(explained({ sink: { ordered: true, concurrency: 4 } }).order).toMatch(/^Records of one partition/)
    expect(explained({ sink: { concurrency: 4 } }).order).toMatch(/^Up to 4 batches/)
    expect(explained({}).order).toMatch(/one after another/)
  })
})
