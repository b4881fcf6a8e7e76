import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'

const root = new URL('../../../../', import.meta.url)
const guarantees = readFileSync(new URL('packages/core/docs/guarantees.md', root), 'utf8')

const named = [...guarantees.matchAll(/^\| (.+?) +\| (\S+\.test\.ts) +\|$/gm)].map((match) => ({
  title: match[1]!,
  file: match[2]!,
}))

describe('docs/guarantees.md', () => {
  it('names at least one test for each promise', () => {
    for (const section of guarantees.split(/^## /m).slice(1)) expect(section).toMatch(/\.test\.ts/)
  })

  it.each(named)('names a test that exists: $title', ({ title, file }) => {
    expect(readFileSync(new URL(file, root), 'utf8')).toContain(`'${title}'`)
  })
})
