import { expect, it } from '@jest/globals'
import { fileName } from '../src/profile.ts'

it('names files after what was profiled', () => {
  expect(fileName('kafka-to-http, 4 partitions, gzip, connect-run, filter -> set -> rename')).toBe(
    'kafka-to-http-4-partitions-gzip-connect-run-filter-set-rename',
  )
})
