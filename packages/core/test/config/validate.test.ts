import { describe, expect, it } from '@jest/globals'

import type { ObjectSchema } from '../../src/api/config-schema.ts'
import { validateOptions } from '../../src/config/validate.ts'

interface Config {
  readonly linger: number
  readonly limit?: number | string
  readonly pattern?: string
  readonly steps: readonly { readonly wait: number }[]
  readonly waits: Readonly<Record<string, number>>
}

const schema: ObjectSchema<Config> = {
  type: 'object',
  properties: {
    linger: { type: 'string', format: 'duration', default: '5ms', description: '.' },
    limit: {
      description: '.',
      anyOf: [
        { type: 'string', format: 'size' },
        {
          type: 'object',
          properties: { wait: { type: 'string', format: 'duration', default: '1s', description: '.' } },
        },
      ],
    },
    pattern: { type: 'string', format: 'regex', description: '.' },
    steps: {
      type: 'array',
      default: [{}],
      description: '.',
      items: {
        type: 'object',
        properties: { wait: { type: 'string', format: 'duration', default: '1m', description: '.' } },
      },
    },
    waits: {
      type: 'object',
      default: {},
      description: '.',
      additionalProperties: { type: 'string', format: 'duration' },
    },
  },
}

describe('validateOptions', () => {
  it('fills defaults and converts units at every depth', () => {
    expect(validateOptions(schema, {})).toEqual({ config: { linger: 5, steps: [{ wait: 60_000 }], waits: {} } })
    expect(validateOptions(schema, { limit: '1KiB', waits: { a: '2s' }, steps: [{ wait: '1h' }] })).toEqual({
      config: { linger: 5, limit: 1024, waits: { a: 2000 }, steps: [{ wait: 3_600_000 }] },
    })
    expect(validateOptions(schema, { limit: {} })).toMatchObject({ config: { limit: { wait: 1000 } } })
  })

  it('changes neither its input nor the defaults', () => {
    const options = Object.freeze({ waits: Object.freeze({ a: '2s' }) })
    const before = structuredClone(schema)
    const first = validateOptions(schema, options).config!
    ;(first.steps as { wait: number }[]).push({ wait: 0 })
    expect(schema).toEqual(before)
    expect(validateOptions(schema, {}).config!.steps).toEqual([{ wait: 60_000 }])
  })

  it('takes a text from a variable for the number that it reads like, where both will do', () => {
    const value = { description: '.', anyOf: [{ type: 'string' }, { type: 'number' }] } as const
    const either: ObjectSchema<{ readonly value: unknown }> = { type: 'object', properties: { value } }
    const convert = (text: string, isText: boolean): unknown => validateOptions(either, { value: text }, () => isText)
    expect(convert('7', true)).toEqual({ config: { value: 7 } })
    expect(convert('7', false)).toEqual({ config: { value: '7' } })
    expect(convert('7a', true)).toEqual({ config: { value: '7a' } })
  })

  it('names every issue by its path', () => {
    const { issues } = validateOptions(schema, { linger: 5, pattern: '(', steps: [{}, { wait: 'x', wiat: 1 }], no: 1 })
    expect(issues!.map(({ path, message }) => [path, message])).toEqual(
      expect.arrayContaining([
        [['linger'], 'a duration needs a unit'],
        [['pattern'], 'must be a valid regular expression'],
        [['steps', 1, 'wait'], 'must be a duration such as 200ms, 5s, 1m, 2h or 1d'],
        [['steps', 1, 'wiat'], 'unknown key "wiat"'],
        [['no'], 'unknown key "no"'],
      ]),
    )
    expect(issues).toHaveLength(5)
  })

  it.each([null, undefined, 5, 'text', []])('takes %j for no options', (options) => {
    expect(validateOptions(schema, options).issues).toHaveLength(1)
  })

  it('is not fooled by names that every object has', () => {
    const options = JSON.parse('{"__proto__": {"linger": "1s"}, "constructor": 1}') as object
    expect(validateOptions(schema, options).issues!.map(({ path }) => path.at(-1))).toEqual([
      '__proto__',
      'constructor',
    ])
  })

  it('throws where the schema is none', () => {
    const broken = { type: 'object', properties: { a: { type: 'strng' } } } as unknown as ObjectSchema<Config>
    expect(() => validateOptions(broken, {})).toThrow(/strng|type/)
  })
})
