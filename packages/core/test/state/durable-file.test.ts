import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { replaceDurably } from '../../src/state/durable-file.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'connect-run-durable-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** What stands at the path whenever something is put on the disk. */
async function seenAtSyncs(path: string, work: () => Promise<void>): Promise<string[]> {
  const handle = await open(path, 'r')
  const methods = Object.getPrototypeOf(handle) as { sync: (this: FileHandle) => Promise<void> }
  await handle.close()
  const { sync } = methods
  const seen: string[] = []
  methods.sync = async function look(this: FileHandle): Promise<void> {
    seen.push(readFileSync(path, 'utf8'))
    await sync.call(this)
  }
  try {
    await work()
  } finally {
    methods.sync = sync
  }
  return seen
}

describe('replaceDurably', () => {
  it('leaves the old text at its place until the new one is on the disk, and then puts the name there, too', async () => {
    const path = join(folder, 'state.json')
    await replaceDurably(path, 'old')
    expect(await seenAtSyncs(path, () => replaceDurably(path, 'new'))).toEqual(['old', 'new'])
  })
})
