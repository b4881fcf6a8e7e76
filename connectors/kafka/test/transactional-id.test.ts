import { describe, expect, it } from '@jest/globals'
import type { SinkContext } from '@connect-run/core'
import type { KafkaSinkConfig } from '../src/sink-config.ts'
import { takeTransactionalId } from '../src/transactional-end.ts'

function contextOf(
  config: Partial<KafkaSinkConfig>,
  exactlyOnce: NonNullable<SinkContext<KafkaSinkConfig>['exactlyOnce']>,
): SinkContext<KafkaSinkConfig> {
  return { config, worker: 'w', pipeline: 'p', exactlyOnce } as SinkContext<KafkaSinkConfig>
}

describe('the transactional id', () => {
  it('of a replay is not that of the pipeline, which it must not shut out', async () => {
    const member = undefined
    const own = await takeTransactionalId(contextOf({ transactionalId: 'mine' }, { member }))
    const replay = await takeTransactionalId(contextOf({ transactionalId: 'mine' }, { member, isReplay: true }))
    expect([own.id, replay.id]).toEqual(['mine', 'mine-replay'])
  })
})
