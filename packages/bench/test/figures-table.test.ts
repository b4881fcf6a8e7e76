import { expect, it } from '@jest/globals'
import { figuresTable } from '../src/figures-table.ts'

interface Figures {
  readonly time: number
  readonly size?: number
}

it('leaves out a column that nobody fills, and has a dash where one does not', () => {
  const rows: { subject: string; runs: Figures[] }[] = [
    { subject: 'one', runs: [{ time: 1000.25, size: 3 }, { time: 7 }] },
    { subject: 'other', runs: [{ time: 0 }] },
  ]
  const table = figuresTable<Figures>(rows, [
    { name: 's', digits: 1, of: ({ time }) => time },
    { name: 'age', digits: 0, of: () => undefined },
    { name: 'MiB', digits: 0, of: ({ size }) => size },
  ])
  expect(table).toEqual([
    ['', 's', 'MiB'],
    ['one', '503.6 (7.0-1,000.3)', '3'],
    ['other', '0.0', '-'],
  ])
})
