import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CRASH_POINTS } from '@connect-run/core/runtime'
import { describe, expect, it } from '@jest/globals'
import { CRASH_CASES } from './e2e/crash-cases.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

function sources(): string[] {
  const packages = ['packages', 'connectors'].flatMap((kind) =>
    readdirSync(join(root, kind)).map((name) => join(root, kind, name)),
  )
  return packages.flatMap((folder) => {
    const files = readdirSync(folder).includes('src') ? readdirSync(join(folder, 'src'), { recursive: true }) : []
    return files.map((file) => join(folder, 'src', String(file))).filter((file) => file.endsWith('.ts'))
  })
}

describe('crash points', () => {
  const names = Object.keys(CRASH_POINTS)

  it('are all in the code, and those in the code are all in the list', () => {
    const called = sources().flatMap((file) => {
      return [...readFileSync(file, 'utf8').matchAll(/\bcrashPoint\(\s*'([^']+)'/g)].map((match) => match[1]!)
    })
    expect([...new Set(called)].sort()).toEqual(names.toSorted())
  })

  it.each(names)('%s is died at in a test', (name) => {
    const cases = CRASH_CASES[name as keyof typeof CRASH_CASES]
    expect(cases.length).toBeGreaterThan(0)
    for (const { at } of cases) expect(at.at(-1)!.split(':')[0]).toBe(name)
  })
})
