import { afterEach, beforeEach, expect, it } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type SmallDisk, during, smallDisk } from '../../src/faults/index.ts'

let folder: string
let disk: SmallDisk

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'connect-run-disk-'))
  disk = await smallDisk(join(folder, 'disk'))
})

afterEach(async () => {
  await disk.unmount()
  rmSync(folder, { recursive: true })
})

it('is full: a write that does not fit is cut short, the next one fails, and there is room again afterwards', async () => {
  const file = await open(join(disk.folder, 'file'), 'w')
  try {
    await during(disk.full(8192), async () => {
      expect((await file.write(Buffer.alloc(20_000))).bytesWritten).toBe(8192)
      await expect(file.write(Buffer.alloc(20_000))).rejects.toMatchObject({ code: 'ENOSPC' })
    })
    expect((await file.write(Buffer.alloc(20_000))).bytesWritten).toBe(20_000)
  } finally {
    await file.close()
  }
})

it('is read-only: what is there can be read and not be changed', async () => {
  const path = join(disk.folder, 'file')
  await writeFile(path, 'before')
  await during(disk.readOnly, async () => {
    await expect(writeFile(path, 'during')).rejects.toMatchObject({ code: 'EROFS' })
    expect(await readFile(path, 'utf8')).toBe('before')
  })
  await writeFile(path, 'after')
  expect(await readFile(path, 'utf8')).toBe('after')
})
