import { expect, it } from '@jest/globals'

import { ledgerTable } from '../../src/output/ledger.ts'
import { styleFor } from '../../src/output/style.ts'
import { snapshot } from '../fake-host.ts'

const plain = styleFor(false, {})

it('shows what became of every record, and that it adds up', () => {
  const ledger = { read: 2003, written: 2000, filtered: 1, skipped: 1, deadLettered: 1 }
  expect(ledgerTable([snapshot({ name: 'oceanic' }, ledger), snapshot({ name: 'b' })], plain)).toEqual([
    'pipeline   read  written  filtered  skipped  dead-lettered',
    'oceanic   2,003    2,000         1        1              1  adds up',
    'b             0        0         0        0              0  adds up',
  ])
})

it('shows records that wait in the retry queue, and those that were tried again, which are no outcome', () => {
  const lines = ledgerTable([snapshot({}, { read: 5, written: 3, parked: 2, retried: 4 })], plain)
  expect(lines).toEqual([
    'pipeline  read  written  filtered  skipped  parked  dead-lettered  retried',
    'main         5        3         0        0       2              0        4  adds up',
  ])
})

it('shows rare outcomes where they happened, and a ledger that does not add up', () => {
  const lines = ledgerTable([snapshot({}, { read: 5, written: 1, inFlight: 2, released: 1 })], plain)
  expect(lines[0]).toMatch(/in flight +released$/)
  expect(lines[1]).toMatch(/DOES NOT ADD UP$/)
})
