import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { isConnectError } from '@connect-run/core'
import { validateOptions } from '@connect-run/core/runtime'
import { probeSource } from '../../src/source/probe.ts'
import { sourceSchema } from '../../src/source/source-config.ts'

let folder: string
beforeEach(async () => (folder = await fs.mkdtemp(path.join(tmpdir(), 'file-probe-'))))
afterEach(() => fs.rm(folder, { recursive: true }))

const file = (name: string): string => path.join(folder, name)
const { signal } = new AbortController()

/** What was learned, or code and text of what is wrong. */
async function probe(paths: string | string[], over: AbortSignal = signal): Promise<string> {
  const { config } = validateOptions(sourceSchema, { path: paths })
  try {
    return (await probeSource(config!, { signal: over })).join('; ')
  } catch (error) {
    if (!isConnectError(error)) throw error
    return `${error.code}: ${error.message}`
  }
}

it('finds files', async () => {
  await fs.writeFile(file('a.log'), '')
  await fs.writeFile(file('b.log'), '')
  expect(await probe(file('a.log'))).toBe('1 file')
  expect(await probe([folder, file('*.log')])).toBe('2 files')
  expect(await probe('-')).toBe('standard input')
})

it('finds a missing file; a pattern may wait for its first one', async () => {
  await fs.writeFile(file('a.log'), '')
  expect(await probe([file('a.log'), file('b.log')])).toBe(`NOT_FOUND: no file matches ${file('b.log')}`)
  expect(await probe([file('a.log'), file('*.csv')])).toBe(`1 file; no file matches ${file('*.csv')} yet`)
  expect(await probe(file('*.csv'))).toBe(`no file matches ${file('*.csv')} yet`)
})

it('finds a file that may not be read', async () => {
  await fs.writeFile(file('a.log'), '')
  await fs.writeFile(file('b.log'), '')
  const { config } = validateOptions(sourceSchema, { path: folder })
  // The superuser, who may run this, may read everything.
  const refuse = async (at: string): Promise<void> => {
    if (at === file('b.log')) throw Object.assign(new Error('no'), { code: 'EACCES', path: at })
  }
  await expect(probeSource(config!, { signal }, refuse)).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: `${file('b.log')} may not be read by this user (EACCES)`,
  })
})

it('ends when its signal has aborted', async () => {
  await fs.writeFile(file('a.log'), '')
  await expect(probe(file('a.log'), AbortSignal.abort(new Error('over')))).rejects.toThrow('over')
})
