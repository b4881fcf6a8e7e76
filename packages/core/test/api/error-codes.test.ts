import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { errorCodes } from '../../src/api/error-codes.ts'

const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
const sections = text.split(/^### /m).slice(1)

describe('docs/errors.md', () => {
  it('documents every code, in the same order, and no other', () => {
    expect(sections.map((section) => section.slice(0, section.indexOf('\n')))).toEqual(
      errorCodes.map((code) => `\`${code}\``),
    )
  })

  it.each(sections.map((section) => [section.split('\n')[0]!, section]))(
    'says of %s what it means, why and what to do',
    (_code, section) => {
      expect(section).toMatch(/^\*\*Cause\.\*\* \S/m)
      expect(section).toMatch(/^\*\*Cure\.\*\* \S/m)
      const meaning = section.split('\n').slice(1).join(' ').split('**Cause.**')[0]!.trim()
      expect(meaning.length).toBeGreaterThan(10)
    },
  )
})
