import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { isConnectError } from '@connect-run/core'
import { type ProbedFiles, probeSink } from '../../src/sink/probe.ts'
import type { FileSinkConfig } from '../../src/sink/sink-config.ts'

let folder: string
beforeEach(async () => (folder = await fs.mkdtemp(path.join(tmpdir(), 'file-probe-'))))
afterEach(() => fs.rm(folder, { recursive: true }))

const file = (name: string): string => path.join(folder, name)

/** What was learned, or code, text and advice of what is wrong; and nothing is there that was not before. */
async function probe(options: Partial<FileSinkConfig>, files: Partial<ProbedFiles> = {}): Promise<string> {
  const before = await fs.readdir(folder)
  const config: FileSinkConfig = { path: file('out'), format: 'raw', ...options }
  try {
    return (await probeSink(config, { ...fs, ...files })).join('; ')
  } catch (error) {
    if (!isConnectError(error)) throw error
    return `${error.code}: ${error.message} | ${error.hint ?? ''}`
  } finally {
    expect(await fs.readdir(folder)).toEqual(before)
  }
}

it('finds a file that can be written or made', async () => {
  expect(await probe({})).toBe(`${file('out')} will be made`)
  await fs.writeFile(file('out'), 'a line\n')
  expect(await probe({})).toBe(`${file('out')} can be written`)
  expect(await fs.readFile(file('out'), 'utf8')).toBe('a line\n')
  expect(await probe({ path: '-' })).toBe('standard output')
})

it('finds a missing folder, and a folder in the place of the file', async () => {
  expect(await probe({ path: file('absent/out') })).toMatch(/^NOT_FOUND: the folder .*absent does not exist/)
  await fs.mkdir(file('out'))
  expect(await probe({})).toBe(
    `FILE_UNWRITABLE: ${file('out')} is a folder | Name a file to write. For another program to read the lines as they ` +
      'come, use `path: -` and a pipe of the shell.',
  )
})

it.each(['', 'out'])('finds what may not be written: "%s"', async (name) => {
  await fs.writeFile(file('out'), '')
  const refused = path.join(folder, name)
  const access: ProbedFiles['access'] = async (at) => {
    if (at === refused) throw Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' })
  }
  expect(await probe({}, { access })).toBe(
    `FILE_UNWRITABLE: can't write ${refused}: EROFS: read-only file system | ` +
      'Let the user that the worker runs as write the file and its folder.',
  )
})

it('finds a checkpoint without its file', async () => {
  const checkpoint = { format: 'connect-run-file-checkpoint', version: 1, partitions: [] }
  await fs.writeFile(file('out.checkpoint'), JSON.stringify(checkpoint))
  expect(await probe({})).toMatch(/^FILE_GONE: .*out is missing, but .*out\.checkpoint speaks of it/)
})

it('finds a link where files are rotated', async () => {
  await fs.writeFile(file('real'), '')
  await fs.symlink(file('real'), file('out'))
  expect(await probe({})).toBe(`${file('out')} can be written`)
  expect(await probe({ rotate: { size: 1 } })).toMatch(/^FILE_UNWRITABLE: .*symbolic link/)
})
