import { describe, expect, it } from '@jest/globals'
import { type ErrorCode, RecordError } from '../../src/index.ts'
import { RejectionLog } from '../../src/delivery/rejection-log.ts'
import type { StageFailure } from '../../src/pipeline/stage.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { systemClock } from '../../src/worker/clock.ts'
import { recordingLogger, records } from '../support/pipeline.ts'

function rejecting() {
  let time = 0
  const timers: { at: number; wake: () => void }[] = []
  const clock = {
    ...systemClock,
    monotonic: () => time,
    sleep: (ms: number) => new Promise<void>((wake) => timers.push({ at: time + ms, wake })),
  }
  const logger = recordingLogger()
  const log = new RejectionLog('dead-lettered to x', logger, clock)
  const batch = packSourceRecords(records(0, 100), 't')
  let row = 0
  const note = (code: ErrorCode, count = 1): void => {
    const failures = Array.from({ length: count }, (): StageFailure => {
      return { batch, row: row++, stage: 'TASK_PUT', error: new RecordError(code, `${code} happened`) }
    })
    log.note(failures)
  }
  const advance = async (ms: number): Promise<void> => {
    time += ms
    for (const timer of timers.splice(0).filter(({ at }) => at <= time)) timer.wake()
    await new Promise(setImmediate)
  }
  return { log, note, advance, said: () => logger.lines.map(({ message }) => message), logger }
}

describe('RejectionLog', () => {
  it('says the first of each cause at once', () => {
    const { note, said, logger } = rejecting()
    note('CONVERSION_FAILED')
    note('COLUMN_TYPE_CONFLICT', 3)
    expect(said()).toEqual([
      '1 record dead-lettered to x, the last: CONVERSION_FAILED happened',
      '3 records dead-lettered to x, the last: COLUMN_TYPE_CONFLICT happened',
    ])
    expect(logger.lines[1]!.fields).toEqual({ count: 3, code: 'COLUMN_TYPE_CONFLICT', stage: 'TASK_PUT', at: 't/0/3' })
  })

  it('says the others together after a while, though no more come', async () => {
    const { note, advance, said } = rejecting()
    for (let i = 0; i < 50; i++) note('CONVERSION_FAILED')
    expect(said()).toHaveLength(1)
    await advance(10_000)
    expect(said()[1]).toBe('49 records dead-lettered to x, the last: CONVERSION_FAILED happened')
    await advance(10_000)
    expect(said()).toHaveLength(2)
  })

  it('says what is left at the end', () => {
    const { log, note, said } = rejecting()
    note('CONVERSION_FAILED')
    note('CONVERSION_FAILED', 2)
    log.close()
    log.close()
    expect(said()).toHaveLength(2)
    expect(said()[1]).toContain('2 records')
  })
})
