import { expect, it } from '@jest/globals'

import { counted } from '../../src/output/table.ts'

it('counts in words', () => {
  expect([0, 1, 2000].map((value) => counted(value, 'row'))).toEqual(['0 rows', '1 row', '2,000 rows'])
})
