import { describe, expect, it } from '@jest/globals'
import type { Bed } from '../src/kafka-to-http.ts'
import { runInTurns, runOnce } from '../src/kafka-to-http.ts'
import { runOf } from '../src/run.ts'
import type { Subject } from '../src/subject.ts'
import { addArrival, emptyTally } from '../src/tally.ts'

const cost = { exitCode: 0, startedAt: 1, endedAt: 2, userSeconds: 1, systemSeconds: 0, peakRssBytes: 1 }

function subject(name: string, moved: number, onRun: (id: string) => void = () => {}): Subject {
  return {
    name,
    run: ({ id }) => {
      onRun(id)
      return Promise.resolve(runOf(cost, addArrival(emptyTally, moved, 1500)))
    },
  }
}

const bed = { kafka: { bootstrap: '' }, folder: '/nowhere', say: () => {} } as unknown as Bed

describe('a run', () => {
  it.each([99, 101])('fails when %d of 100 records arrive', async (moved) => {
    const run = runOnce(bed, subject('leaky', moved), { topic: 't', records: 100 })
    await expect(run).rejects.toThrow(`leaky: ${moved} records arrived of 100`)
  })

  it('passes when all arrive', async () => {
    expect(await runOnce(bed, subject('right', 100), { topic: 't', records: 100 })).toMatchObject({ records: 100 })
  })
})

describe('turns', () => {
  it('go to and fro, each run with an id of its own', async () => {
    const order: string[] = []
    const ids = new Set<string>()
    const note = (name: string): Subject =>
      subject(name, 5, (id) => {
        order.push(name)
        ids.add(id)
      })
    const results = await runInTurns(bed, [note('one'), note('two')], { topic: 't', records: 5, repeat: 3 })
    expect(order).toEqual(['one', 'two', 'two', 'one', 'one', 'two'])
    expect(ids.size).toBe(6)
    expect(results.map((each) => [each.subject, each.runs.length])).toEqual([
      ['one', 3],
      ['two', 3],
    ])
  })
})
