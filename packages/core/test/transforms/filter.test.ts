import { describe, expect, it } from '@jest/globals'
import { validateOptions } from '../../src/config/validate.ts'
import { type FilterConfig, filter } from '../../src/transforms/filter.ts'
import { batchOf, offsetsOf } from './batches.ts'

const records = [
  '{"n": 1, "s": "a", "o": {"x": true}}',
  '{"n": 2.5, "s": "b"}',
  '{"n": "2", "s": null}',
  '{"n": 12345678901234567890}',
  '{}',
  '5',
]

function kept(config: Partial<FilterConfig> & Pick<FilterConfig, 'field' | 'op'>): number[] {
  const { batch, failures } = filter.create({ nulls: 'keep', ...config })(batchOf(...records))
  expect(failures).toBeUndefined()
  return offsetsOf(batch)
}

describe('filter', () => {
  it.each<[Partial<FilterConfig> & Pick<FilterConfig, 'field' | 'op'>, number[]]>([
    [{ field: 'n', op: 'eq', value: 1 }, [0]],
    [{ field: 'n', op: 'eq', value: '2' }, [2]],
    [{ field: 'n', op: 'ne', value: 1 }, [1, 2, 3]],
    [{ field: 's', op: 'ne', value: 'a' }, [1]],
    [{ field: 'n', op: 'gt', value: 2 }, [1, 3]],
    [{ field: 'n', op: 'gte', value: 2.5 }, [1, 3]],
    [{ field: 'n', op: 'lt', value: 2.5 }, [0]],
    [{ field: 'n', op: 'lte', value: 2.5 }, [0, 1]],
    [{ field: 's', op: 'gt', value: 'a' }, [1]],
    [{ field: 's', op: 'in', value: ['a', 'c'] }, [0]],
    [{ field: 'n', op: 'in', value: [1, '2'] }, [0, 2]],
    [{ field: 's', op: 'matches', value: '^[ab]$' }, [0, 1]],
    [{ field: 's', op: 'exists' }, [0, 1]],
    [{ field: 's', op: 'exists', value: false }, [2, 3, 4, 5]],
    [{ field: 'o.x', op: 'eq', value: true }, [0]],
    [{ field: 'n', op: 'gt', value: 1e18 }, [3]],
    [{ field: 'constructor', op: 'exists' }, []],
  ])('%j', (config, offsets) => {
    expect(kept(config)).toEqual(offsets)
  })

  it('keeps tombstones unless told to drop them', () => {
    const batch = batchOf('{"n": 1}', null, '{"n": 2}')
    const config = { field: 'n', op: 'eq', value: 1 } as const
    expect(offsetsOf(filter.create({ ...config, nulls: 'keep' })(batch).batch)).toEqual([0, 1])
    expect(offsetsOf(filter.create({ ...config, nulls: 'drop' })(batch).batch)).toEqual([0])
  })

  it('hands back the same batch where nothing is dropped', () => {
    const batch = batchOf('{"n": 1}', '{"n": 2}')
    expect(filter.create({ field: 'n', op: 'exists', nulls: 'keep' })(batch).batch).toBe(batch)
  })

  it('names the records that can not be read, and keeps their neighbours', () => {
    const { batch, failures } = filter.create({ field: 'n', op: 'eq', value: 1, nulls: 'keep' })(
      batchOf('{"n": 1}', 'oops', '{"n": 1}'),
    )
    expect(offsetsOf(batch)).toEqual([0, 2])
    expect(failures?.map(({ row, error }) => [row, error.code])).toEqual([[1, 'CONVERSION_FAILED']])
  })

  it('does not drop bytes that pass through', () => {
    const { batch } = filter.create({ field: 'n', op: 'eq', value: 1, nulls: 'keep' })(batchOf('{"n":  1}'))
    expect(batch.valueBytes(0)?.toString()).toBe('{"n":  1}')
  })
})

describe('its options', () => {
  it.each([
    [{ field: 'a' }, ['`value` is missing']],
    [{ field: 'a', op: 'in', value: 3 }, ['`value` must be a list with `op: in`']],
    [{ field: 'a', op: 'gt', value: true }, ['`value` must be a number or a text']],
    [{ field: 'a', op: 'matches', value: '(' }, ['`value` must be a regular expression with `op: matches`']],
    [{ field: 'a', op: 'exists', value: 1 }, ['`value` may only be true or false with `op: exists`']],
    [{ field: 'a', op: 'exists' }, []],
    [{ field: 'a', value: 1 }, []],
    [{ field: 'a', op: 'in', value: [1, 'b'] }, []],
  ])('%j: %j', (options, messages) => {
    expect((validateOptions(filter.config, options).issues ?? []).map(({ message }) => message)).toEqual(messages)
  })
})
