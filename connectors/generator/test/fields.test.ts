import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { fieldMaker } from '../src/field-maker.ts'
import { checkConfig, fieldSpec } from '../src/field-spec.ts'
import { fractionAt } from '../src/random.ts'
import type { FieldOptions } from '../src/source-config.ts'

function made(options: FieldOptions, count: number, seed: number = 1): unknown[] {
  const make = fieldMaker('field', fieldSpec(options), seed)
  return Array.from({ length: count }, (_, n) => make(n, 0))
}

function issues(fields: Record<string, FieldOptions>, keyField?: string): string[] {
  const config = { fields, count: 0, rate: 0, seed: 1, stream: 's', ...(keyField !== undefined && { keyField }) }
  return checkConfig(config).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('a number', () => {
  it('has no more decimals than asked for, and stays within its bounds', () => {
    const bounds = fc.tuple(fc.integer({ min: -1000, max: 1000 }), fc.integer({ min: 0, max: 1000 }))
    fc.assert(
      fc.property(bounds, fc.integer({ min: 0, max: 6 }), fc.integer(), ([min, span], decimals, seed) => {
        for (const value of made({ type: 'number', min, max: min + span, decimals }, 50, seed) as number[]) {
          expect(value).toBeGreaterThanOrEqual(min)
          expect(value).toBeLessThanOrEqual(min + span)
          expect(JSON.stringify(value)).toMatch(new RegExp(`^-?\\d+(\\.\\d{1,${Math.max(1, decimals)}})?(e-\\d)?$`))
        }
      }),
    )
  })

  it('is evenly spread, bounds included', () => {
    const counts = new Map<number, number>()
    for (const value of made({ type: 'number', min: 0, max: 1, decimals: 1 }, 110_000) as number[]) {
      counts.set(value, (counts.get(value) ?? 0) + 1)
    }
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
    for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })
})

describe('the chance', () => {
  it('differs from record to record, field to field and seed to seed', () => {
    const seen = new Set<number>()
    for (let seed = 0; seed < 10; seed++) {
      for (let salt = 0; salt < 10; salt++) for (let n = 0; n < 100; n++) seen.add(fractionAt(seed, salt, n))
    }
    // 10,000 draws of 32 bits meet about 0.01 times.
    expect(seen.size).toBeGreaterThan(9_995)
  })

  it('does not start anew after 2^32 records', () => {
    expect(fractionAt(1, 2, 5)).not.toBe(fractionAt(1, 2, 2 ** 32 + 5))
    expect(fractionAt(1, 2, 2 ** 32 + 5)).not.toBe(fractionAt(1, 2, 2 ** 33 + 5))
  })
})

describe('other fields', () => {
  it('count, choose by weight, spell and repeat', () => {
    expect(made({ type: 'sequence', start: 10, step: -2 }, 3)).toEqual([10, 8, 6])
    expect(made({ type: 'constant', value: null }, 2)).toEqual([null, null])
    expect(new Set(made({ type: 'integer', min: 1, max: 3 }, 100))).toEqual(new Set([1, 2, 3]))
    const chosen = made({ type: 'choice', values: ['a', 'b', 'c'], weights: [3, 0, 1] }, 10_000)
    expect(chosen).not.toContain('b')
    expect(Math.abs(chosen.filter((value) => value === 'a').length - 7500)).toBeLessThan(200)
    for (const text of made({ type: 'string', length: 5 }, 20)) expect(text).toMatch(/^[a-z0-9]{5}$/)
    expect(new Set(made({ type: 'string' }, 1000)).size).toBe(1000)
  })
})

describe('the check', () => {
  it('has nothing to say about good fields', () => {
    expect(
      issues({ a: { type: 'number' }, b: { type: 'choice', values: [1] }, c: { type: 'constant', value: 0 } }, 'a'),
    ).toEqual([])
  })

  it('names every fault and where it is', () => {
    const fields: Record<string, FieldOptions> = {
      a: { type: 'number', min: 2, max: 1 },
      b: { type: 'integer', min: 0.5 },
      c: { type: 'choice' },
      d: { type: 'choice', values: [1, 2], weights: [1] },
      e: { type: 'choice', values: [1], weights: [0] },
      f: { type: 'constant' },
      g: { type: 'time', min: 1 },
    }
    expect(issues(fields, 'gone')).toEqual([
      'fields.a.min: `min` (2) is greater than `max` (1)',
      'fields.b.min: `min` and `max` of an integer field are whole numbers below 2^53',
      'fields.c: `values` is missing',
      'fields.d.weights: 1 weights for 2 values',
      'fields.e.weights: all weights are 0: nothing can be chosen',
      'fields.f: `value` is missing',
      'fields.g.min: a field of type time has no `min`',
      'keyField: there is no field "gone"',
    ])
  })
})
