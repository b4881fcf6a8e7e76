import { describe, expect, it } from '@jest/globals'
import { type Finding, checkGuards } from '../../src/guards/check-guards.ts'
import { type Guard, titlePattern, without } from '../../src/guards/guard.ts'
import type { TestOutcome, TestRun } from '../../src/guards/run-tests.ts'

const guard: Guard = {
  promise: '1. A promise',
  file: 'src/kept.ts',
  code: 'check()',
  instead: '',
  test: 'test/kept.test.ts',
  title: 'is kept by %s',
}

/** What becomes of the guard when its test ends like this with it and without it. */
async function verdictOf(sound: Partial<TestRun>, spoilt: Partial<TestRun>): Promise<string> {
  const findings: Finding[] = []
  let isSpoilt = false
  const copy = {
    root: '/copy',
    spoilt: async <T>(_: Guard, work: () => Promise<T>): Promise<T> => {
      isSpoilt = true
      return work()
    },
  }
  const run = async (): Promise<TestRun> => ({
    outcomes: [],
    hung: false,
    problems: '',
    ...(isSpoilt ? spoilt : sound),
  })
  await checkGuards([guard], { copies: [copy], run, found: (finding) => findings.push(finding) })
  expect(findings).toHaveLength(1)
  return findings[0]!.verdict
}

function ended(status: TestOutcome['status'], title = 'a thing is kept by 7 dwarfs'): Partial<TestRun> {
  return { outcomes: [{ file: guard.test, title, status, message: '' }] }
}

describe('a guard', () => {
  it('is caught by a test that fails without it', async () => {
    expect(await verdictOf(ended('passed'), ended('failed'))).toBe('caught')
  })

  it('is caught by a test that never ends without it', async () => {
    expect(await verdictOf(ended('passed'), { hung: true })).toBe('caught')
  })

  it('has survived a test that passes without it', async () => {
    expect(await verdictOf(ended('passed'), ended('passed'))).toBe('survived')
  })

  it.each([
    ['fails with it', ended('failed'), ended('failed')],
    ['is not there', {}, {}],
    ['is another one', ended('passed', 'a thing is lost'), ended('failed')],
    ['can not be loaded without it', ended('passed'), { problems: 'SyntaxError' }],
  ])('says nothing where its test %s', async (_, sound, spoilt) => {
    expect(await verdictOf(sound, spoilt)).toBe('unfit')
  })

  it('is skipped where its test is', async () => {
    expect(await verdictOf(ended('pending'), ended('failed'))).toBe('skipped')
  })
})

describe('without a guard', () => {
  it('a file has something else in its place, to the letter', () => {
    expect(without({ ...guard, instead: "'$&'" }, 'if (check()) go()')).toBe("if ('$&') go()")
  })

  it.each([
    ['is not there', 'go()'],
    ['stands there twice', 'check() && check()'],
  ])('is nothing where its code %s', (_, text) => {
    expect(() => without(guard, text)).toThrow('src/kept.ts, and must stand there once')
  })
})

describe('a pattern for titles', () => {
  it.each([
    ['is %s that fails', 'a rename is ENOSPC that fails', true],
    ['is %s that fails', 'a rename is ENOSPC that fails at last', false],
    ['costs $price (a lot)', 'it costs 7 (a lot)', true],
    ['is', 'it was', false],
  ])('of %j has to do with %j: %s', (title, full, matches) => {
    expect(new RegExp(titlePattern([title, 'another'])).test(full)).toBe(matches)
  })
})
