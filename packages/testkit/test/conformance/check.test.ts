import { expect, it } from '@jest/globals'
import assert from 'node:assert/strict'
import { type Check, plannedChecks, registerChecks, rejection, within } from '../../src/conformance/check.ts'

const ran: string[] = []
const note = (name: string): Check<{ readonly skip?: Record<string, string> }> => ({
  name,
  run: () => Promise.resolve(void ran.push(name)),
})

registerChecks('registered', [note('first'), { ...note('beside the point'), appliesTo: () => false }], {})

it('runs what applies', () => expect(ran).toEqual(['first']))

it('leaves out what the driver names, with its reason', () => {
  const planned = plannedChecks([note('first'), note('second')], { skip: { second: 'not now' } })
  expect(planned.map(({ name, reason }) => [name, reason])).toEqual([
    ['first', undefined],
    ['second', 'not now'],
  ])
  expect(() => plannedChecks([note('first')], { skip: { frist: 'a slip' } })).toThrow('no check: "frist"')
})

it('gives up after a deadline', async () => {
  await expect(within(10, 'put', new Promise(() => undefined))).rejects.toThrow('put took longer than 10 ms')
  expect(await within(1000, 'put', Promise.resolve(1))).toBe(1)
})

it('takes a missed deadline for no rejection of the connector', async () => {
  const late = within(10, 'put', new Promise(() => undefined))
  await expect(rejection(late, 'put')).rejects.toThrow(assert.AssertionError)
  await expect(rejection(Promise.resolve(), 'put')).rejects.toThrow('put must reject')
  expect(await rejection(Promise.reject(new TypeError('no')), 'put')).toEqual(new TypeError('no'))
})
