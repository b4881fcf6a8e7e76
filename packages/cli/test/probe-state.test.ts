import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, it } from '@jest/globals'

import { probeState } from '../src/probe-state.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'connect-run-probe-'))))
afterEach(() => rmSync(folder, { recursive: true }))

const { signal } = new AbortController()
const probe = (at: string): Promise<readonly string[]> => probeState({ kind: 'file', folder: at }, ['app-main'], signal)

it('finds a folder that can be written, or made with those above it, and makes none', async () => {
  expect(await probe(folder)).toEqual([`${folder} can be written`])
  const deep = join(folder, 'a/b')
  expect(await probe(deep)).toEqual([`${deep} will be made`])
  expect(readdirSync(folder)).toEqual([])
})

it('finds a file in the place of a folder', async () => {
  writeFileSync(join(folder, 'a'), '')
  await expect(probe(join(folder, 'a/b'))).rejects.toMatchObject({
    code: expect.stringMatching(/^STATE_UN/),
    message: expect.stringContaining(folder),
  })
})

it('finds state that can’t be understood', async () => {
  writeFileSync(join(folder, 'app-main.json'), 'no state')
  await expect(probe(folder)).rejects.toMatchObject({ code: 'STATE_UNREADABLE' })
})

it('names the package that Redis needs', async () => {
  const error = Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
  const redis = { kind: 'redis', mode: 'single', hosts: [{ host: 'h', port: 1 }], database: 0 } as never
  const refused = probeState(redis, ['app-main'], signal, () => Promise.reject(error))
  await expect(refused).rejects.toMatchObject({ code: 'FEATURE_MISSING' })
})
