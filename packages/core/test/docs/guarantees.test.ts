import { readFileSync } from 'node:fs'
import { GUARDS } from '@connect-run/testkit/guards'
import { describe, expect, it } from '@jest/globals'

const root = new URL('../../../../', import.meta.url)
const guarantees = readFileSync(new URL('packages/core/docs/guarantees.md', root), 'utf8')

const promises = guarantees.split(/^## /m).slice(1)

const named = promises.flatMap((text) => {
  const promise = text.slice(0, text.indexOf('\n'))
  return [...text.matchAll(/^\| (.+?) +\| (\S+\.test\.ts) +\|$/gm)].map((match) => ({
    promise,
    title: match[1]!,
    file: match[2]!,
  }))
})

describe('docs/guarantees.md', () => {
  it.each(promises)('says under which conditions a promise holds and what keeps it: %#', (text) => {
    expect(text).toContain('**Conditions.**')
    expect(text).toContain('**Kept by**')
    expect(text).toMatch(/\.test\.ts/)
  })

  it.each(named)('names a test that exists: $title', ({ title, file }) => {
    expect(readFileSync(new URL(file, root), 'utf8')).toContain(`'${title}'`)
  })

  it('makes no promise without a guard', () => {
    const guarded = new Set(GUARDS.map(({ promise }) => promise))
    expect(promises.map((text) => text.slice(0, text.indexOf('\n')))).toEqual([...guarded])
  })

  it.each(GUARDS)('names the test of a guard with its promise: $title', ({ promise, title, test }) => {
    expect(named).toContainEqual({ promise, title, file: test })
  })
})
