import { describe, expect, it } from '@jest/globals'
import type { SourceTraits } from '@connect-run/core'
import { validateOptions } from '@connect-run/core/runtime'
import { sinkClaims, sinkExactlyOnce, sourceTraits } from '../src/exactly-once.ts'
import { type KafkaSinkConfig, sinkSchema } from '../src/sink-config.ts'
import { sourceConfig } from './reader.ts'

function sink(options: object = {}): KafkaSinkConfig {
  return validateOptions(sinkSchema, { brokers: 'a:1, b:2', topic: 't', ...options }).config!
}

const source = (options: object = {}): SourceTraits =>
  sourceTraits(sourceConfig({ brokers: 'a:1', topics: ['t'], ...options }))

describe('exactly once', () => {
  it('is kept by a group of the same cluster, by positions in a topic, and not across clusters', () => {
    expect(sinkExactlyOnce(sink(), source({ brokers: ['z:9', 'B:2'] }))).toBe(true)
    expect(sinkExactlyOnce(sink(), { positions: 'state' })).toBe(true)
    expect(sinkExactlyOnce(sink(), source({ brokers: 'z:9' }))).toEqual({
      reason:
        'the source keeps its positions at kafka://z:9, and a transaction at kafka://a:1, kafka://b:2 can’t include them',
      hint: expect.stringContaining('same way at both ends'),
    })
  })

  it('needs a source that reads what is committed, as a member that the group can tell apart', () => {
    expect(source()).toMatchObject({ positions: 'source', keptAt: ['kafka://a:1'] })
    expect(source().notExactlyOnce).toBeUndefined()
    expect(source({ isolation: 'read_uncommitted' }).notExactlyOnce?.hint).toContain('isolation')
    expect(source({ instanceId: '' }).notExactlyOnce?.hint).toContain('instanceId')
    expect(source({ instanceId: 'me' }).notExactlyOnce).toBeUndefined()
  })

  it('needs transactions that last as long as a delivery may', () => {
    expect(sinkExactlyOnce(sink({ deliveryTimeout: '2m' }), source())).toMatchObject({ hint: expect.any(String) })
    expect(sinkExactlyOnce(sink({ deliveryTimeout: '2m', transactionTimeout: '2m' }), source())).toBe(true)
  })

  it('claims a positions topic that is named', () => {
    expect(sinkClaims(sink())).toEqual([])
    expect(sinkClaims(sink({ positionsTopic: 'p' }))).toEqual(['the positions topic p at a:1, b:2'])
  })
})
