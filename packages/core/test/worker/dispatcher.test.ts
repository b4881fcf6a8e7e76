import { describe, expect, it } from '@jest/globals'
import type { RecordBatch } from '../../src/index.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { Dispatcher } from '../../src/worker/dispatcher.ts'
import { records } from '../support/pipeline.ts'

/** A dispatcher whose deliveries end when the test says so. */
function dispatcher(ordered: boolean, concurrency: number) {
  const running: { offsets: string; end: () => void }[] = []
  const deliver = (batch: RecordBatch): Promise<void> =>
    new Promise((resolve) => {
      const offsets = Array.from(batch, (r) => `${r.partition}/${r.offset}`).join(' ')
      const end = (): void => {
        running.splice(running.indexOf(entry), 1)
        resolve()
      }
      const entry = { offsets, end }
      running.push(entry)
    })
  return { running, lanes: new Dispatcher({ ordered, concurrency, deliver }) }
}

const batch = (...parts: ReturnType<typeof records>[]): RecordBatch => packSourceRecords(parts.flat(), 't')

describe('Dispatcher', () => {
  it('gives several batches at a time where order does not matter, and no more than allowed', async () => {
    const { running, lanes } = dispatcher(false, 2)
    for (let offset = 0; offset < 3; offset++) lanes.dispatch(batch(records(offset, offset + 1)))
    expect(running.map(({ offsets }) => offsets)).toEqual(['0/0', '0/1'])
    running[1]!.end()
    await Promise.resolve().then(() => undefined)
    expect(running.map(({ offsets }) => offsets)).toEqual(['0/0', '0/2'])
  })

  it('splits a batch by partition for an ordered sink, and gives each partition one batch at a time', async () => {
    const { running, lanes } = dispatcher(true, 2)
    lanes.dispatch(batch(records(0, 2, 0), records(0, 2, 1)))
    lanes.dispatch(batch(records(2, 3, 0), records(2, 3, 1)))
    expect(running.map(({ offsets }) => offsets).sort()).toEqual(['0/0 0/1', '1/0 1/1'])
    running.find(({ offsets }) => offsets.startsWith('1'))!.end()
    await Promise.resolve().then(() => undefined)
    expect(running.map(({ offsets }) => offsets).sort()).toEqual(['0/0 0/1', '1/2'])
  })

  it('takes streams of any name', () => {
    const { running, lanes } = dispatcher(true, 3)
    for (const stream of ['', 'a', '海']) lanes.dispatch(batch(records(0, 1, 0, stream)))
    expect(running.length).toBeGreaterThan(0)
  })

  it('is idle when nothing is queued or under way', async () => {
    const { running, lanes } = dispatcher(false, 1)
    await lanes.idle()
    lanes.dispatch(batch(records(0, 1)))
    lanes.dispatch(batch(records(1, 2)))
    let isIdle = false
    const idle = lanes.idle().then(() => (isIdle = true))
    running[0]!.end()
    await new Promise(setImmediate)
    expect(isIdle).toBe(false)
    running[0]!.end()
    await idle
  })
})
