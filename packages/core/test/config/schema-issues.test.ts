import { describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'

import type { ObjectSchema } from '../../src/api/config-schema.ts'
import { validateOptions } from '../../src/config/validate.ts'

function hintFor(example: unknown): string {
  const schema = {
    type: 'object',
    required: ['fields'],
    properties: { fields: { type: 'object', description: 'What to make.', examples: [example] } },
  } as unknown as ObjectSchema<object>
  return validateOptions(schema, {}).issues![0]!.hint!
}

describe('the example for a missing key', () => {
  it.each([
    { pressure: { type: 'number', min: 0 }, on: 'yes' },
    ['a', 'b: c', '# d', '', 'true', '5'],
    '127.0.0.1:9092',
    'a: b',
    5,
  ])('%j is YAML on one line', (example) => {
    const [, written] = /^Add `(.*)`\. What to make\.$/.exec(hintFor(example))!
    expect(parse(written!)).toEqual({ fields: example })
  })

  it('is easy to read', () => {
    expect(hintFor({ a: 'b', c: { type: 'number' } })).toBe(
      'Add `fields: { a: b, c: { type: number } }`. What to make.',
    )
  })
})
