import { expect, it } from '@jest/globals'
import { holderIn } from '../src/state-fields.ts'

const holder = JSON.stringify({ host: 'buoy', pid: 7, boot: 'b', started: '1', space: 's' })

it('names the holder of a claim until its lease ends or it is given back', () => {
  const fields = ['format', '1', 'owner', 'claim', 'holder', holder, 'until', '1000']
  expect(holderIn(fields, 999)).toBe('process 7 on host buoy')
  expect(holderIn(fields, 1000)).toBeUndefined()
  expect(holderIn(['owner', '', 'holder', holder, 'until', '0'], 0)).toBeUndefined()
  expect(holderIn(['format', '1'], 0)).toBeUndefined()
})
