import { describe, expect, it } from '@jest/globals'

import { hideLiterals, interpolate, type Interpolated } from '../../src/config/interpolate.ts'

const files: Record<string, string> = { '/run/secret': 'from file\n', 'two-lines': 'a\nb\n\n' }

function resolve(text: string, env: Record<string, string> = {}): Interpolated {
  return interpolate(text, {
    env,
    readFile: (path) => {
      if (files[path] === undefined) throw Object.assign(new Error('content of the disk'), { code: 'ENOENT' })
      return files[path]
    },
  })
}

describe('values', () => {
  it.each<[string, Record<string, string>, string]>([
    ['${A}', { A: 'x' }, 'x'],
    ['${A}', { A: '' }, ''],
    ['a ${A} b ${B_2}', { A: 'x', B_2: 'y' }, 'a x b y'],
    ['${A}${A}', { A: 'x' }, 'xx'],
    ['${_}', { _: 'x' }, 'x'],
    ['${A:-b}', {}, 'b'],
    ['${A:-b}', { A: '' }, 'b'],
    ['${A:-b}', { A: 'x' }, 'x'],
    ['${A:-}', {}, ''],
    ['${A:-http://h:1/p?q=1}', {}, 'http://h:1/p?q=1'],
    ['${A:-${B}}', { B: 'x' }, 'x'],
    ['${A:-${B:-${C:-deep}}!}', {}, 'deep!'],
    ['${A:-${B:-x}-${topic}}', {}, 'x-${topic}'],
    ['${A:?needed}', { A: 'x' }, 'x'],
    ['${file:/run/secret}', {}, 'from file'],
    ['${file:${DIR}/secret}', { DIR: '/run' }, 'from file'],
    ['${file:two-lines}', {}, 'a\nb\n'],
  ])('%s with %j is "%s"', (text, env, expected) => {
    const { text: result, problems } = resolve(text, env)
    expect({ result, problems }).toEqual({ result: expected, problems: [] })
  })

  it.each([
    '${topic}',
    '${topic}-${partition}',
    'readings-${time:yyyy.MM.dd}-${header.X-Region}-${value.A:-b}',
    '${record.key}',
    '${Topic}',
    '${}',
    '$A',
    '$',
    '{A}',
    '${1}',
    '${A.b}',
  ])('leaves %s as it is', (text) => expect(resolve(text, { A: 'x', T: 'x' }).text).toBe(text))

  it.each([
    ['$${A}', '${A}'],
    ['a$${A}b${A}', 'a${A}bx'],
    ['$${A:-b}', '${A:-b}'],
    ['${B:-$${A}}', '${A}'],
    ['$$${A}', '$${A}'],
  ])('takes %s for the literal %s', (text, expected) => expect(resolve(text, { A: 'x' }).text).toBe(expected))

  it('never looks into what a variable or a file holds', () => {
    const evil = '${B} $${C} "\n- key: value'
    expect(resolve('${A}', { A: evil, B: 'leak' }).text).toBe(evil)
    expect(resolve('${A:-${B}}', { B: '${C}', C: 'leak' }).text).toBe('${C}')
  })

  it('knows whether the text is one reference and nothing else', () => {
    expect(resolve('${A}', { A: '5' }).whole).toBe(true)
    expect(resolve('${A:-${B:-5}}').whole).toBe(true)
    expect(resolve('${A} ', { A: '5' }).whole).toBe(false)
    expect(resolve('${A}${A}', { A: '5' }).whole).toBe(false)
    expect(resolve('$${A}').whole).toBe(false)
    expect(resolve('5').whole).toBe(false)
  })
})

describe('problems', () => {
  it.each<[string, Record<string, string>, string]>([
    ['${A}', {}, 'the variable A is not set'],
    ['${A:?the address of the broker}', {}, 'the variable A is not set: the address of the broker'],
    ['${A:?}', { A: '' }, 'the variable A is empty'],
    ['${file:/nope}', {}, '${file:/nope}: there is no such file'],
    ['${A', {}, 'the reference ${A… is not closed'],
    ['${A:-b', {}, 'the reference ${A:-b… is not closed'],
    ['${A-b}', {}, 'the reference ${A… has an unexpected "-"'],
    ['${A:b}', {}, 'the reference ${A… has an unexpected ":"'],
    ['${A:-${B}}', {}, 'the variable B is not set'],
  ])('%s with %j: %s', (text, env, message) => {
    expect(resolve(text, env).problems.map((problem) => problem.message)).toEqual([message])
  })

  it('come all at once', () => {
    expect(resolve('${A} ${B} ${C:-c}').problems).toHaveLength(2)
  })
})

it('hides literals, and shows which variables a secret comes from', () => {
  expect(hideLiterals('hunter2', '***')).toBe('***')
  expect(hideLiterals('${PASSWORD}', '***')).toBe('${PASSWORD}')
  expect(hideLiterals('"${PASSWORD:-}"', '***')).toBe('"${PASSWORD:-}"')
  expect(hideLiterals('${PASSWORD:-hunter2}', '***')).toBe('${PASSWORD:-***}')
  expect(hideLiterals('${A:-${B:-hunter2}}', '***')).toBe('${A:-***}')
  expect(hideLiterals('x${USER}y', '***')).toBe('***${USER}***')
  expect(hideLiterals('${file:/run/secret}', '***')).toBe('${file:/run/secret}')
})
