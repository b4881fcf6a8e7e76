import { describe, expect, it } from '@jest/globals'
import { RecordError } from '../../src/index.ts'
import type { DeadLetterWriter } from '../../src/delivery/dead-letter-writer.ts'
import { Tolerance } from '../../src/delivery/tolerance.ts'
import { AckTracker } from '../../src/offsets/ack-tracker.ts'
import type { StageFailure } from '../../src/pipeline/stage.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { LedgerBook } from '../../src/worker/ledger.ts'
import { executing, recordingLogger, records } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

function tolerating(allow: 'none' | 'all', write?: () => Promise<boolean>) {
  const tracker = new AckTracker()
  const ledger = new LedgerBook({ count() {}, gauge() {}, observe() {} }, 'p')
  const batch = tracker.register(packSourceRecords(records(0, 3), 't'))
  ledger.begin(tracker)
  ledger.read(3)
  const failures: StageFailure[] = [0, 2].map((row) => {
    return { batch, row, stage: 'VALUE_CONVERTER', error: new RecordError('CONVERSION_FAILED', `no JSON ${row}`) }
  })
  const logger = recordingLogger()
  const tolerance = new Tolerance({
    errors: { tolerance: allow, deadLetterQueue: undefined },
    deadLetters: write === undefined ? undefined : ({ write } as unknown as DeadLetterWriter),
    tracker,
    ledger,
    clock: new VirtualClock(),
    logger,
    context: { worker: 'w', pipeline: 'p', executing },
    limit: undefined,
  })
  return {
    reject: () => tolerance.reject(failures, { attempts: 1, firstFailureMs: undefined }),
    ledger: () => ledger.snapshot(),
    tracker,
    logger,
  }
}

describe('Tolerance', () => {
  it('fails before the first record where nothing is tolerated, and names it', async () => {
    const { reject, tracker } = tolerating('none')
    await expect(reject()).rejects.toMatchObject({
      code: 'CONVERSION_FAILED',
      message: 'record t/0/0 failed (VALUE_CONVERTER): no JSON 0',
    })
    expect(tracker.records).toBe(3)
  })

  it('drops and counts records that have nowhere to go, and says so', async () => {
    const { reject, ledger, logger } = tolerating('all')
    await expect(reject()).resolves.toBe(true)
    expect(ledger()).toMatchObject({ dropped: 2, inFlight: 1 })
    expect(logger.lines.map(({ message }) => message)).toEqual(['2 records dropped, the last: no JSON 2'])
  })

  it('takes records for done only when they are safe in the dead letter queue', async () => {
    let pass: (written: boolean) => void = () => undefined
    const { reject, ledger } = tolerating('all', () => new Promise((resolve) => (pass = resolve)))
    const done = reject()
    await new Promise(setImmediate)
    expect(ledger()).toMatchObject({ deadLettered: 0, inFlight: 3 })
    pass(true)
    await expect(done).resolves.toBe(true)
    expect(ledger()).toMatchObject({ deadLettered: 2, inFlight: 1 })
  })

  it('leaves records undone when a stop cut the dead letter queue short, or it failed', async () => {
    const stopped = tolerating('all', () => Promise.resolve(false))
    await expect(stopped.reject()).resolves.toBe(false)
    expect(stopped.ledger()).toMatchObject({ deadLettered: 0, inFlight: 3 })
    const failed = tolerating('all', () => Promise.reject(new Error('full')))
    await expect(failed.reject()).rejects.toThrow('full')
    expect(failed.ledger()).toMatchObject({ deadLettered: 0, inFlight: 3 })
  })
})
