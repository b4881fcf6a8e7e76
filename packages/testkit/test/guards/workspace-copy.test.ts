import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Guard } from '../../src/guards/guard.ts'
import { copyWorkspace } from '../../src/guards/workspace-copy.ts'

const guard = { file: 'packages/one/src/a.ts', code: 'check()', instead: '' } as Guard

let folder: string
const at = (...names: string[]): string => join(folder, ...names)
const textOf = (...names: string[]): string => readFileSync(at(...names), 'utf8')

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'connect-run-copy-')))
  write(at('mine', guard.file), 'check(); go()')
  write(at('mine/.git/HEAD'), 'mine')
  write(at('mine/packages/one/package.json'), '{}')
  write(at('mine/node_modules/.pnpm/jest/jest.js'), 'installed')
  mkdirSync(at('mine/packages/two/node_modules'), { recursive: true })
  symlinkSync('../../one', at('mine/packages/two/node_modules/one'))
  symlinkSync('.pnpm/jest', at('mine/node_modules/jest'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('a copy of the workspace', () => {
  it('has its own packages, linked to each other, and shares what is installed', async () => {
    const { root } = await copyWorkspace(at('mine'), at('copy'))
    expect(root).toBe(at('copy'))
    expect(realpathSync(at('copy/packages/two/node_modules/one'))).toBe(at('copy/packages/one'))
    expect(realpathSync(at('copy/node_modules/jest'))).toBe(at('mine/node_modules/.pnpm/jest'))
    expect(() => textOf('copy/.git/HEAD')).toThrow('ENOENT')
  })

  it('is spoilt while a test runs, and whole again behind it; the workspace itself never changes', async () => {
    const copy = await copyWorkspace(at('mine'), at('copy'))
    const seen = (): string[] => [textOf('copy', guard.file), textOf('mine', guard.file)]
    expect(await copy.spoilt(guard, async () => seen())).toEqual(['; go()', 'check(); go()'])
    await expect(copy.spoilt(guard, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(seen()).toEqual(['check(); go()', 'check(); go()'])
  })
})
