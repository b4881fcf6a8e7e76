import { describe, expect, it } from '@jest/globals'
import { validateOptions } from '@connect-run/core/runtime'
import { type FileSinkConfig, checkSink, isRotationDue, sinkSchema } from '../../src/sink/sink-config.ts'

describe('a config', () => {
  it.each<[Partial<FileSinkConfig>, string]>([
    [{ format: 'template' }, '`format: template` needs a `template`'],
    [{ format: 'raw', template: 'x' }, 'belongs to `format: template`'],
    [{ format: 'template', template: '${nothing}' }, '${nothing} is neither'],
    [{ rotate: { compression: 'gzip' } }, 'needs `size` or `every`'],
    [{ rotate: { size: 0 } }, 'must be more than 0'],
    [{ rotate: { size: 1, every: 0 } }, 'must be more than 0'],
    [{ path: '-', rotate: { size: 1 } }, 'not to standard output'],
    [{ path: '-', mode: '0640' }, 'not to standard output'],
    [{ path: '/dev/stdout' }, 'is no file of its own'],
    [{ path: '/dev/../proc/self/fd/1' }, 'is no file of its own'],
  ])('of %j is refused', (config, message) => {
    const issues = checkSink({ path: 'x', format: 'raw', ...config })
    expect(issues).toMatchObject([{ message: expect.stringContaining(message) }])
  })

  it('has sizes and times with units', () => {
    const rotate = { size: '100MB', every: '1h', compression: 'gzip', keep: 7 }
    expect(validateOptions(sinkSchema, { path: 'x', mode: '0640', rotate })).toMatchObject({
      config: { mode: '0640', rotate: { size: 100_000_000, every: 3_600_000, compression: 'gzip', keep: 7 } },
    })
    expect(checkSink({ path: 'x', format: 'raw', rotate: { size: 1 } })).toEqual([])
  })

  it.each([{ mode: 640 }, { mode: '0999' }, { rotate: { every: '1h', compression: 'zip' } }, { rotate: { keep: 0 } }])(
    'with %j is refused by its schema',
    (options) => {
      expect(validateOptions(sinkSchema, { path: 'x', ...options }).issues).toHaveLength(1)
    },
  )
})

describe('rotation', () => {
  it.each([
    ['not of an empty file', { length: 0, since: 0 }, { bytes: 999, now: 999 }, false],
    ['not of what just fits', { length: 60, since: 0 }, { bytes: 40, now: 49 }, false],
    ['of what does not fit', { length: 60, since: 0 }, { bytes: 41, now: 49 }, true],
    ['of what is of the last interval', { length: 60, since: 49 }, { bytes: 1, now: 50 }, true],
    [
      'of what is of the next interval, by a clock that went back',
      { length: 60, since: 50 },
      { bytes: 1, now: 49 },
      true,
    ],
  ])('is %s', (_, active, next, isDue) => {
    expect(isRotationDue({ size: 100, every: 50 }, active, next)).toBe(isDue)
  })

  it.each([{ size: 100 }, { every: 50 }])('is by what %j says alone', (rotate) => {
    expect(isRotationDue(rotate, { length: 60, since: 0 }, { bytes: 1, now: 49 })).toBe(false)
    expect(isRotationDue(rotate, { length: 60, since: 0 }, { bytes: 41, now: 50 })).toBe(true)
  })
})
