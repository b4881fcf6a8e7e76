import { expect, it } from '@jest/globals'
import { textTable } from '../src/text-table.ts'

it('aligns the first column to the left and the others to the right', () => {
  const rows = [
    ['', 'CPU', 'rate'],
    ['kcat', '0.5', '700'],
    ['connect-run', '12.25', '-'],
  ]
  expect(textTable(rows).split('\n')).toEqual([
    '               CPU  rate',
    '───────────  ─────  ────',
    'kcat           0.5   700',
    'connect-run  12.25     -',
  ])
})
