import { expect, it } from '@jest/globals'
import { readGuardOptions } from '../../src/guard/options.ts'
import { UsageError } from '../../src/options.ts'

it('compares unless it is told to record', () => {
  expect(readGuardOptions([])).toMatchObject({ record: false, verbose: false, records: 1_000_000, rounds: 3 })
  expect(readGuardOptions([])!.file).toMatch(/packages\/bench\/guard\.json$/)
  expect(readGuardOptions(['--record', '--file', 'other.json'])).toMatchObject({
    record: true,
    rounds: 7,
    file: 'other.json',
  })
  expect(readGuardOptions(['--records', '5', '--rounds', '2'])).toMatchObject({ records: 5, rounds: 2 })
})

it('asks for help, and refuses what it does not know', () => {
  expect(readGuardOptions(['--help'])).toBeUndefined()
  expect(() => readGuardOptions(['--quick'])).toThrow(UsageError)
  expect(() => readGuardOptions(['--rounds', '0'])).toThrow(UsageError)
})
