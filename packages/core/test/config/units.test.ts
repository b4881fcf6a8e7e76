import { describe, expect, it } from '@jest/globals'

import { parseDuration, parseSize } from '../../src/config/units.ts'

describe('durations', () => {
  it.each([
    ['0ms', 0],
    ['200ms', 200],
    ['5s', 5000],
    ['1.5s', 1500],
    ['1m', 60_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms))

  it.each(['5', '', 's', '5 s', '-5s', '5S', '5sec', '1h30m', '1e3s', 'toString', '5toString', '99999999999999d'])(
    '"%s" is none',
    (text) => expect(parseDuration(text)).toBeUndefined(),
  )
})

describe('sizes', () => {
  it.each([
    ['512B', 512],
    ['64KiB', 65_536],
    ['4MiB', 4_194_304],
    ['1GiB', 1_073_741_824],
    ['1KB', 1000],
    ['2MB', 2_000_000],
    ['1GB', 1_000_000_000],
    ['0.5KiB', 512],
  ])('%s is %d bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  it.each(['64', '64K', '64kb', '64 KiB', '-1B', '1TB'])('"%s" is none', (text) =>
    expect(parseSize(text)).toBeUndefined(),
  )
})
