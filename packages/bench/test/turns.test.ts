import { describe, expect, it } from '@jest/globals'
import { runOf } from '../src/run.ts'
import type { Subject } from '../src/subject.ts'
import { addArrival, emptyTally } from '../src/tally.ts'
import type { Bed, Course } from '../src/turns.ts'
import { runInTurns, runOnce } from '../src/turns.ts'

const cost = { startedAt: 1, endedAt: 2, userSeconds: 1, systemSeconds: 0, peakRssBytes: 1 }

function subject(name: string, moved: number, onRun: (id: string) => void = () => {}): Subject {
  return {
    name,
    run: ({ id }) => {
      onRun(id)
      return Promise.resolve(runOf(cost, { tally: addArrival(emptyTally, moved, 1500) }))
    },
  }
}

const bed = { kafka: { bootstrap: '' }, folder: '/nowhere', say: () => {} } as unknown as Bed

function course(records: number, closed: string[] = []): Course {
  const destination = { arrived: () => Promise.resolve(0), count: () => Promise.resolve({ tally: emptyTally }) }
  const open: Course['open'] = (id) =>
    Promise.resolve({ topic: 't', otherEnd: '', destination, close: () => Promise.resolve(void closed.push(id)) })
  return { records, open }
}

describe('a run', () => {
  it.each([99, 101])('fails when %d of 100 records arrive, and leaves nothing behind', async (moved) => {
    const closed: string[] = []
    const run = runOnce(bed, subject('leaky', moved), course(100, closed))
    await expect(run).rejects.toThrow(`leaky: ${moved} records arrived of 100`)
    expect(closed).toHaveLength(1)
  })

  it('passes when all arrive', async () => {
    expect(await runOnce(bed, subject('right', 100), course(100))).toMatchObject({ records: 100 })
  })
})

describe('turns', () => {
  it('go to and fro, each run with an id and a destination of its own', async () => {
    const order: string[] = []
    const ids: string[] = []
    const closed: string[] = []
    const note = (name: string): Subject =>
      subject(name, 5, (id) => {
        order.push(name)
        ids.push(id)
      })
    const results = await runInTurns(bed, [note('one'), note('two')], { course: course(5, closed), repeat: 3 })
    expect(order).toEqual(['one', 'two', 'two', 'one', 'one', 'two'])
    expect(new Set(ids).size).toBe(6)
    expect(closed).toEqual(ids)
    expect(results.map((each) => [each.subject, each.runs.length])).toEqual([
      ['one', 3],
      ['two', 3],
    ])
  })
})
