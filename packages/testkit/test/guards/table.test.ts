import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { GUARDS, tierOf, without } from '../../src/guards/index.ts'

const root = new URL('../../../../', import.meta.url)
const textOf = (file: string): string => readFileSync(new URL(file, root), 'utf8')

describe('the table of guards', () => {
  it.each(GUARDS)('has code that stands once in $file: $code', (guard) => {
    expect(guard.instead).not.toBe(guard.code)
    expect(without(guard, textOf(guard.file))).not.toBe(textOf(guard.file))
  })

  it.each(GUARDS)('has a test that exists: $title', ({ test, title }) => {
    expect(textOf(test)).toContain(`'${title}'`)
  })

  it('has nothing twice', () => {
    expect(new Set(GUARDS.map((guard) => JSON.stringify(guard))).size).toBe(GUARDS.length)
  })

  it('needs a server for a few only, so that it is quick', () => {
    const slow = GUARDS.filter((guard) => tierOf(guard) !== 'unit')
    expect(slow.length).toBeLessThan(GUARDS.length / 4)
  })
})
