import { expect, it } from '@jest/globals'
import { difference, failureOf } from '../src/kafka-connect.ts'

it('subtracts what was used before the work, but not from the peak', () => {
  const before = { userSeconds: 3, systemSeconds: 0.5, peakRssBytes: 100 }
  const after = { userSeconds: 7, systemSeconds: 0.75, peakRssBytes: 300 }
  expect(difference(before, after)).toEqual({ userSeconds: 4, systemSeconds: 0.25, peakRssBytes: 300 })
})

it('finds the task that failed', () => {
  const connector = (state: string) => ({ name: 'sink', state: 'RUNNING', tasks: [{ id: 0, state, trace: 'no disk' }] })
  expect(failureOf([connector('RUNNING'), connector('FAILED')])).toBe('no disk')
  expect(failureOf([connector('RUNNING')])).toBeUndefined()
})
