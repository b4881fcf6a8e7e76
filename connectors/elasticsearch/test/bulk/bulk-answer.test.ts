import { describe, expect, it } from '@jest/globals'
import { errorKind } from '@connect-run/core'
import { byOperation, parseAnswer } from '../../src/bulk/bulk-answer.ts'

const parse = (answer: unknown, actions: Parameters<typeof parseAnswer>[1] = ['index', 'delete']): unknown =>
  parseAnswer(Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer)), actions, 'http://es')

describe('the answer to a bulk request', () => {
  it('one item for each operation', () => {
    const error = { type: 't', reason: 'r' }
    expect(parse({ items: [{ index: { status: 400, error } }, { delete: { status: 404 } }] })).toEqual([
      { status: 400, error },
      { status: 404 },
    ])
  })

  it('of an update may be that of an index operation, which its document was in a pipeline', () => {
    const items = [{ index: { _id: null, status: 500 } }, { update: { status: 200 } }]
    expect(parse({ items }, ['update', 'update'])).toEqual([{ _id: null, status: 500 }, { status: 200 }])
  })

  it.each([
    ['no JSON', '{"items": [{"index": {"st', 'answered without saying what became of the operations'],
    ['nothing', '', 'answered without saying what became of the operations'],
    ['null', 'null', 'answered without saying what became of the operations'],
    ['no items', {}, 'answered without saying what became of the operations'],
    ['too few', { items: [{ index: { status: 200 } }] }, 'answered for 1 of 2 operations'],
    ['too many', { items: [{}, {}, {}] }, 'answered for 3 of 2 operations'],
    ['of another order', { items: [{ delete: { status: 200 } }, { index: { status: 200 } }] }, 'operation 0 of 2'],
    ['without a status', { items: [{ index: { status: 200 } }, { delete: {} }] }, 'operation 1 of 2'],
  ])('%s: all must be repeated', (_, answer, message) => {
    let thrown: unknown
    try {
      parse(answer)
    } catch (error) {
      thrown = error
    }
    expect(errorKind(thrown)).toBe('retriable')
    expect(thrown).toMatchObject({ code: 'CONNECTION_LOST', message: expect.stringContaining(message) })
  })
})

describe('whose answer is which', () => {
  const error = { type: 't' }
  const done = (_id: string): object => ({ _id, status: 200 })
  const failed = (_id: string | null): object => ({ _id, status: 500, error })
  const sorted = (items: readonly object[], ids: readonly (string | undefined)[]): unknown =>
    byOperation(items as never, (i) => ids[i]).map((item) => (item === undefined ? 'unclear' : items.indexOf(item)))
  const ids = ['a', 'b', 'c', 'd']

  it('as a rule in their places', () => {
    expect(sorted([done('a'), failed('b'), done('c'), failed('d')], ids)).toEqual([0, 1, 2, 3])
  })

  it('without a failure nobody asks: all are done', () => {
    expect(sorted([done('b'), done('a')], ['a', 'b'])).toEqual([0, 1])
  })

  it('otherwise by their ids', () => {
    expect(sorted([done('a'), done('d'), done('c'), failed('b')], ids)).toEqual([0, 3, 2, 1])
  })

  it('not where two have the same id', () => {
    const items = [done('b'), done('a'), failed('a'), done('d')]
    expect(sorted(items, ['a', 'a', 'b', 'd'])).toEqual(['unclear', 'unclear', 0, 3])
  })

  it('not where two have the same id in two indices, though they seem to be in their places', () => {
    const created = { _id: 'a', status: 201 }
    expect(sorted([done('a'), failed('a'), done('b')], ['a', 'a', 'b'])).toEqual(['unclear', 'unclear', 2])
    expect(sorted([created, failed('a')], ['a', 'a'])).toEqual([0, 1])
    expect(sorted([created, done('a'), failed('a')], ['a', 'a', 'a'])).toEqual([0, 'unclear', 'unclear'])
    for (const status of [404, 409, 429]) {
      expect(sorted([done('a'), { _id: 'a', status, error }], ['a', 'a'])).toEqual([0, 1])
    }
  })

  it('not where they have none, and what was dropped may stand in their place', () => {
    const items = [done('x1'), done('auto-generated'), failed(null)]
    expect(sorted(items, [undefined, undefined, undefined])).toEqual([0, 'unclear', 'unclear'])
  })

  it('one alone, and one whose answer names nobody, are themselves', () => {
    expect(sorted([failed(null)], [undefined])).toEqual([0])
    expect(sorted([{ status: 500, error }, done('b')], ['a', 'b'])).toEqual([0, 1])
  })
})
