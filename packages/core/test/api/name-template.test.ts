import { describe, expect, it } from '@jest/globals'
import { parseTemplate, templateProblem, templateText, valueAt } from '../../src/index.ts'

describe('templateProblem', () => {
  it('knows the subjects that the sink knows, and no others', () => {
    expect(templateProblem('plain', ['topic'])).toBeUndefined()
    expect(templateProblem('a-${topic}-${value.b.c}', ['topic', 'value'])).toBeUndefined()
    expect(templateProblem('${key}', ['topic', 'value'])).toBe('${key} is neither ${topic} nor ${value.…}')
    expect(templateProblem('${value}', ['topic', 'key', 'value'])).toBe(
      '${value} is neither ${topic}, ${key} nor ${value.…}',
    )
    expect(templateProblem('${value..a}', ['topic', 'value'])).toContain('${value..a}')
  })

  it('notices a placeholder that is not closed', () => {
    expect(templateProblem('a-${topic', ['topic'])).toBe('a `${` is not closed')
  })
})

describe('parseTemplate', () => {
  it('cuts a template into its parts', () => {
    expect(parseTemplate('a-${topic}.${key}${value.b.c}!')).toEqual([
      { kind: 'text', text: 'a-' },
      { kind: 'topic' },
      { kind: 'text', text: '.' },
      { kind: 'key' },
      { kind: 'value', path: ['b', 'c'], source: '${value.b.c}' },
      { kind: 'text', text: '!' },
    ])
  })
})

describe('templateText', () => {
  it('takes what has one text, and refuses the record otherwise', () => {
    expect([
      templateText('a', 'table', 'x'),
      templateText(1.5, 'table', 'x'),
      templateText(true, 'table', 'x'),
    ]).toEqual(['a', '1.5', 'true'])
    for (const found of [undefined, null, {}, []]) {
      expect(() => templateText(found, 'table', '${value.a}')).toThrow(
        'the table needs ${value.a}, which the record does not have',
      )
    }
  })
})

describe('valueAt', () => {
  it('follows own keys only', () => {
    expect(valueAt({ a: { b: 0 } }, ['a', 'b'])).toBe(0)
    expect(valueAt({ a: 1 }, ['a', 'b'])).toBeUndefined()
    expect(valueAt({}, ['constructor'])).toBeUndefined()
  })
})
