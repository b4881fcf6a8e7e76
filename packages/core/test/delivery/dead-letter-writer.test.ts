import { describe, expect, it } from '@jest/globals'
import { PartialBatchError, RecordError, RetriableError } from '../../src/index.ts'
import type { SinkTask } from '../../src/api/sink-task.ts'
import { DeadLetterWriter } from '../../src/delivery/dead-letter-writer.ts'
import type { StageFailure } from '../../src/pipeline/stage.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { Health } from '../../src/worker/health.ts'
import { executing, recordingLogger, records } from '../support/pipeline.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const down = (): RetriableError => new RetriableError('UNREACHABLE', 'down')
const context = { worker: 'w', pipeline: 'p', executing }
const givenUp = { attempts: 1, firstFailureMs: 0 }

function failuresOf(offset: number): StageFailure[] {
  const batch = packSourceRecords(records(offset, offset + 1), 't')
  return [{ batch, row: 0, stage: 'TASK_PUT', error: new RecordError('RECORD_REJECTED', `bad ${offset}`) }]
}

function writing(sink: Partial<SinkTask>) {
  const clock = new VirtualClock()
  const stopping = new AbortController()
  const hard = new AbortController()
  const logger = recordingLogger()
  const writer = new DeadLetterWriter({
    sink: { start: async () => undefined, put: async () => undefined, stop: async () => undefined, ...sink },
    target: 'topic x',
    health: new Health('dead letter queue', logger, clock),
    clock,
    random: () => 1,
    stopping: stopping.signal,
    signal: hard.signal,
  })
  return { writer, clock, stopping, hard, logger }
}

describe('DeadLetterWriter', () => {
  it('writes one batch at a time, and makes it durable before it counts', async () => {
    const steps: string[] = []
    const { writer, clock } = writing({
      put: async (batch) => {
        steps.push(`put ${batch.offset(0)}`)
        await clock.sleep(10)
        steps.push(`taken ${batch.offset(0)}`)
      },
      flush: async () => void steps.push('flush'),
    })
    const both = Promise.all([
      writer.write(failuresOf(0), context, givenUp),
      writer.write(failuresOf(1), context, givenUp),
    ])
    await expect(clock.runUntil(both)).resolves.toEqual([true, true])
    expect(steps).toEqual(['put 0', 'taken 0', 'flush', 'put 1', 'taken 1', 'flush'])
  })

  it('waits for a queue that is down, writing all of the batch again', async () => {
    const sizes: number[] = []
    const { writer, clock } = writing({
      put: async (batch) => {
        sizes.push(batch.length)
        if (sizes.length === 1) throw down()
        if (sizes.length === 2) throw new PartialBatchError([{ row: 0, error: down() }])
      },
    })
    const failures = [...failuresOf(0), ...failuresOf(1)]
    await expect(clock.runUntil(writer.write(failures, context, givenUp))).resolves.toBe(true)
    expect(sizes).toEqual([2, 2, 2])
  })

  it('says once a minute that the queue does not answer', async () => {
    const { writer, clock, logger } = writing({ flush: () => clock.sleep(150_000) })
    await expect(clock.runUntil(writer.write(failuresOf(0), context, givenUp))).resolves.toBe(true)
    expect(logger.lines.map(({ message }) => message)).toEqual([
      'dead letter queue: still waiting after 60 s',
      'dead letter queue: still waiting after 120 s',
    ])
    expect(clock.sleeping).toBe(0)
  })

  it('fails when a dead letter is refused, also during a stop; the next one is written all the same', async () => {
    const { writer, stopping } = writing({
      put: async (batch) => {
        if (batch.offset(0) === 0) throw new RecordError('RECORD_REJECTED', 'too large')
      },
    })
    stopping.abort(new Error('stop'))
    await expect(writer.write(failuresOf(0), context, givenUp)).rejects.toMatchObject({ code: 'DEAD_LETTER_FAILED' })
    await expect(writer.write(failuresOf(1), context, givenUp)).resolves.toBe(true)
  })

  it('writes one letter for a record of which several pieces failed', async () => {
    const offsets: number[] = []
    const { writer } = writing({
      put: async (batch) => void offsets.push(...Array.from(batch, ({ offset }) => offset)),
    })
    const batch = packSourceRecords(records(5, 7), 't').expand([0, 0, 0, 1], ['a', 'b', 'c', 'd'])
    const error = new RecordError('RECORD_REJECTED', 'bad')
    const failures = [0, 2, 3].map((row): StageFailure => ({ batch, row, stage: 'TASK_PUT', error }))
    await expect(writer.write(failures, context, givenUp)).resolves.toBe(true)
    expect(offsets).toEqual([5, 6])
  })

  it('fails where a record can not be put into words, before anything is written', async () => {
    const puts: number[] = []
    const { writer } = writing({ put: async (batch) => void puts.push(batch.length) })
    const batch = packSourceRecords([{ offset: 1, value: { n: Number.NaN } }], 't')
    const error = new RecordError('RECORD_REJECTED', 'bad')
    await expect(writer.write([{ batch, row: 0, stage: 'TASK_PUT', error }], context, givenUp)).rejects.toMatchObject({
      code: 'DEAD_LETTER_FAILED',
      message: expect.stringContaining('NaN') as unknown,
    })
    expect(puts).toEqual([])
  })

  it('gives up its wait when a stop is asked for, or when the task has failed', async () => {
    for (const which of ['stopping', 'hard'] as const) {
      const setting = writing({ put: () => Promise.reject(down()) })
      const written = setting.writer.write(failuresOf(0), context, givenUp)
      await new Promise(setImmediate)
      setting[which].abort(new Error('end'))
      await expect(written).resolves.toBe(false)
      expect(setting.clock.sleeping).toBe(0)
    }
  })
})
