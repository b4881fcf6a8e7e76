import { describe, expect, it } from '@jest/globals'
import { RecordError } from '../../src/index.ts'
import { DeadLetterLimit } from '../../src/delivery/dead-letter-limit.ts'
import type { StageFailure } from '../../src/pipeline/stage.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { records } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function failing(count: number): StageFailure[] {
  const batch = packSourceRecords(records(0, count), 't')
  const error = new RecordError('CONVERSION_FAILED', 'not JSON')
  return Array.from({ length: count }, (_, row) => ({ batch, row, stage: 'VALUE_CONVERTER' as const, error }))
}

const pass = (clock: VirtualClock, ms: number): Promise<void> => clock.runUntil(clock.sleep(ms))

describe('DeadLetterLimit', () => {
  it('takes all or none of those that come together, and says which was too many', () => {
    const limit = new DeadLetterLimit({ maxRate: { records: 10, windowMs: 60_000 } }, new VirtualClock())
    limit.admit(failing(8))
    expect(() => limit.admit(failing(3))).toThrow(
      'too many dead letters: 11 records failed within 60 s, `maxRate` is 10; the last is t/0/2 (VALUE_CONVERTER): not JSON',
    )
    limit.admit(failing(2))
    expect(() => limit.admit(failing(1))).toThrow(expect.objectContaining({ code: 'DEAD_LETTER_LIMIT' }))
  })

  it('forgets what is longer ago than its time', async () => {
    const clock = new VirtualClock()
    const limit = new DeadLetterLimit({ maxRate: { records: 10, windowMs: 60_000 } }, clock)
    limit.admit(failing(6))
    await pass(clock, 30_000)
    limit.admit(failing(4))
    await pass(clock, 29_000)
    expect(() => limit.admit(failing(1))).toThrow('11 records failed')
    await pass(clock, 1000)
    limit.admit(failing(6))
    expect(() => limit.admit(failing(1))).toThrow('11 records failed')
    await pass(clock, 3_600_000)
    limit.admit(failing(10))
  })

  it('knows the share of what was read, once that is enough to tell', async () => {
    const clock = new VirtualClock()
    const limit = new DeadLetterLimit({ maxShare: { share: 0.05, windowMs: 10_000 } }, clock)
    limit.read(99)
    limit.admit(failing(50))
    limit.read(901)
    expect(() => limit.admit(failing(1))).toThrow('51 of 1000 records failed within 10 s, `maxShare` is 5 %')
    await pass(clock, 11_000)
    limit.read(1000)
    limit.admit(failing(50))
    expect(() => limit.admit(failing(1))).toThrow('51 of 1000')
  })
})
