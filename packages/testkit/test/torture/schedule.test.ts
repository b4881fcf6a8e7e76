import { expect, it } from '@jest/globals'
import { assert, integer, nat, property, record, string, uniqueArray } from 'fast-check'
import { type ScheduleOptions, schedule } from '../../src/torture/schedule.ts'

const some: ScheduleOptions = {
  seed: 1,
  forMs: 60_000,
  workers: 3,
  kills: 20,
  suspends: 5,
  suspendMs: 15_000,
  switches: ['one', 'other'],
  switchMs: 4_000,
}

it('is the same for the same seed, and another one for another', () => {
  expect(schedule(some)).toEqual(schedule({ ...some }))
  expect(schedule(some)).not.toEqual(schedule({ ...some, seed: 2 }))
})

it('keeps what was promised of a seed: reports of earlier runs stay repeatable', () => {
  expect(schedule({ ...some, kills: 2, suspends: 1, switchMs: 10_000 })).toMatchInlineSnapshot(`
    [
      {
        "atMs": 4257,
        "forMs": 7486,
        "kind": "switch",
        "name": "other",
      },
      {
        "atMs": 16022,
        "forMs": 14528,
        "kind": "suspend",
        "worker": 1,
      },
      {
        "atMs": 21389,
        "forMs": 5399,
        "kind": "switch",
        "name": "one",
      },
      {
        "atMs": 30064,
        "kind": "kill",
        "worker": 2,
      },
      {
        "atMs": 35743,
        "kind": "kill",
        "worker": 0,
      },
    ]
  `)
})

it('holds what was asked for, in time, on workers and faults that there are, one fault after the other', () => {
  const options = record({
    seed: integer(),
    forMs: integer({ min: 1000, max: 100_000 }),
    workers: integer({ min: 1, max: 5 }),
    kills: nat(50),
    suspends: nat(10),
    suspendMs: integer({ min: 200, max: 20_000 }),
    switches: uniqueArray(string(), { maxLength: 5 }),
    switchMs: integer({ min: 100, max: 10_000 }),
  })
  assert(
    property(options, (asked) => {
      const planned = schedule(asked)
      expect(planned.filter(({ kind }) => kind === 'kill')).toHaveLength(asked.kills)
      expect(planned.filter(({ kind }) => kind === 'suspend')).toHaveLength(asked.suspends)
      let free = 0
      let before = 0
      for (const fault of planned) {
        expect(fault.atMs).toBeGreaterThanOrEqual(before)
        expect(fault.atMs).toBeLessThan(asked.forMs)
        before = fault.atMs
        if (fault.kind !== 'switch') {
          expect(fault.worker).toBeLessThan(asked.workers)
          continue
        }
        expect(asked.switches).toContain(fault.name)
        expect(fault.atMs).toBeGreaterThanOrEqual(free)
        expect(fault.forMs).toBeLessThanOrEqual(asked.switchMs)
        free = fault.atMs + fault.forMs
      }
    }),
    { numRuns: 50 },
  )
})
