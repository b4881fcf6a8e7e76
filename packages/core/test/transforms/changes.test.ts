import { describe, expect, it } from '@jest/globals'
import type { TransformResult } from '../../src/api/transform.ts'
import { transforms } from '../../src/transforms/index.ts'
import { rename } from '../../src/transforms/rename.ts'
import { set } from '../../src/transforms/set.ts'
import { batchOf, offsetsOf, valuesOf } from './batches.ts'

function causes({ failures = [] }: TransformResult): string[] {
  return failures.map(({ row, error }) => `${row} ${error.code}: ${error.message}`)
}

describe('rename', () => {
  it('renames and moves, and leaves out what is missing', () => {
    const run = rename.create({ fields: { temp: 'temperature', 'meta.id': 'id', gone: 'g', '`a.b`': 'c.d' } })
    expect(valuesOf(run(batchOf('{"temp": 1, "meta": {"id": 7, "x": 1}, "a.b": 2}', '{"other": 1}')).batch)).toEqual([
      { meta: { x: 1 }, temperature: 1, id: 7, c: { d: 2 } },
      { other: 1 },
    ])
  })

  it('lets two fields change names with each other', () => {
    const run = rename.create({ fields: { a: 'b', b: 'a' } })
    expect(valuesOf(run(batchOf('{"a": 1, "b": 2}')).batch)).toEqual([{ a: 2, b: 1 }])
  })

  it('fails a record whose new name is taken, and only that', () => {
    const result = rename.create({ fields: { a: 'b' } })(batchOf('{"a": 1, "b": 2}', '{"a": 3}'))
    expect(valuesOf(result.batch)).toEqual([{ b: 3 }])
    expect(offsetsOf(result.batch)).toEqual([1])
    expect(causes(result)).toEqual(["0 TRANSFORM_FAILED: can't rename a: b is there already"])
  })
})

describe('set', () => {
  it('sets fields, and makes the objects on the way', () => {
    const run = set.create({ fields: { site: 'oslo', 'meta.version': 2, n: null } })
    expect(valuesOf(run(batchOf('{"site": "x", "meta": {"k": 1}}', '{}')).batch)).toEqual([
      { site: 'oslo', meta: { k: 1, version: 2 }, n: null },
      { site: 'oslo', meta: { version: 2 }, n: null },
    ])
  })

  it('fails a record whose field on the way is no object', () => {
    const result = set.create({ fields: { 'a.b': 1 } })(batchOf('{"a": 5}', '{"a": [1]}', '{}'))
    expect(valuesOf(result.batch)).toEqual([{ a: { b: 1 } }])
    expect(causes(result)).toEqual(['0 TRANSFORM_FAILED: a is not an object', '1 TRANSFORM_FAILED: a is not an object'])
  })
})

describe.each([
  ['rename', rename.create({ fields: { a: 'b' } })],
  ['set', set.create({ fields: { b: 1 } })],
])('%s', (_name, run) => {
  it('changes no value that others share', () => {
    const batch = batchOf('{"a": 1}')
    run(batch)
    expect(batch.value(0)).toEqual({ a: 1 })
  })

  it('lets tombstones pass untouched', () => {
    const { batch, failures } = run(batchOf(null, '{"a": 1}'))
    expect(failures).toBeUndefined()
    expect(batch.isTombstone(0)).toBe(true)
    expect(batch.value(0)).toBeNull()
    expect(batch.rawValue(0)).toBeNull()
    expect(batch.value(1)).toMatchObject({ b: 1 })
  })

  it('fails what is no object and what can not be read', () => {
    const result = run(batchOf('5', '[1]', 'oops', '{"a": 1}', '"text"'))
    expect(offsetsOf(result.batch)).toEqual([3])
    expect(causes(result)).toEqual([
      '0 TRANSFORM_FAILED: the value is a number, not an object',
      '1 TRANSFORM_FAILED: the value is an array, not an object',
      expect.stringMatching(/^2 CONVERSION_FAILED: not JSON/),
      '4 TRANSFORM_FAILED: the value is a string, not an object',
    ])
  })

  it('keeps the bytes for dead letters and writes the new value', () => {
    const { batch } = run(batchOf('{"a": 1}'))
    expect(batch.rawValue(0)?.toString()).toBe('{"a": 1}')
    expect(JSON.parse(batch.valueBytes(0)!.toString())).toEqual(batch.value(0))
  })
})

describe('paths', () => {
  it.each(['', 'a..b', '.a', 'a.', '`a', '__proto__.x', 'a.__proto__'])('refuses %j', (path) => {
    expect(() => set.create({ fields: { [path]: 1 } })).toThrow(/is not a path to a field/)
  })
})

describe('the list', () => {
  it('has the three of them, told apart by what they do', () => {
    expect(transforms.map(({ name, effects }) => [name, effects.drops, effects.changesValues])).toEqual([
      ['filter', true, false],
      ['rename', false, true],
      ['set', false, true],
    ])
  })
})
