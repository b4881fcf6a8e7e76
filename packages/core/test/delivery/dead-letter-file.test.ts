import { appendFileSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, unlinkSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { fileQueue } from '../../src/dead-letters/file-queue.ts'
import { DeadLetterFile } from '../../src/delivery/dead-letter-file.ts'
import { packRecords } from '../../src/records/batch-builder.ts'
import { lettersOf, written } from '../support/letters.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const folder = temporaryFolder('dead-letter-file')

async function opened(maxFileBytes = 1 << 20): Promise<{ file: DeadLetterFile; path: string }> {
  const path = join(folder(), 'state', 'p.dlq.jsonl')
  const file = new DeadLetterFile({ path, maxFileBytes, now: () => 1_700_000_000_000 })
  await file.start()
  return { file, path }
}

const put = (file: DeadLetterFile, ...offsets: number[]): Promise<void> => {
  return file.put(packRecords(offsets.map((offset) => written({ offset }))))
}

const offsetsIn = async (path: string): Promise<number[]> => {
  return (await lettersOf(fileQueue(path))).map(({ offset }) => offset)
}

describe('DeadLetterFile', () => {
  it('is for its owner only, and is appended to by the next run', async () => {
    const first = await opened()
    await put(first.file, 1, 2)
    await first.file.stop()
    const { file, path } = await opened()
    await put(file, 3)
    await file.stop()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await offsetsIn(path)).toEqual([1, 2, 3])
  })

  it('is set aside when it is full, and never deleted; all of it is read in order', async () => {
    const { file, path } = await opened(3000)
    for (let offset = 0; offset < 20; offset++) await put(file, offset)
    await file.stop()
    const files = readdirSync(join(folder(), 'state'))
    expect(files.length).toBeGreaterThan(3)
    for (const name of files) expect(statSync(join(folder(), 'state', name)).size).toBeLessThanOrEqual(3000)
    // All were set aside in one millisecond here: their order is known by the letters themselves.
    expect((await offsetsIn(path)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })

  it('ends half a line that a crash has left', async () => {
    const { file, path } = await opened()
    await put(file, 1)
    await file.stop()
    appendFileSync(path, '{"stream":"t","part')
    const next = await opened()
    await put(next.file, 2)
    await next.file.stop()
    expect(await offsetsIn(path)).toEqual([1, 2])
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(4)
  })

  it('ends half a line that a failed write has left', async () => {
    const { file, path } = await opened()
    await put(file, 1)
    // Whatever fails, the file is looked at again before the next line.
    renameSync(path, `${path}.away`)
    mkdirSync(path)
    await expect(put(file, 2)).rejects.toMatchObject({ code: 'DEAD_LETTER_FAILED', kind: 'retriable' })
    renameSync(path, `${path}.folder`)
    renameSync(`${path}.away`, path)
    appendFileSync(path, '{"half')
    await put(file, 2)
    await file.stop()
    expect(await offsetsIn(path)).toEqual([1, 2])
  })

  it.each([
    ['moved away', (path: string) => renameSync(path, `${path}.old`)],
    ['deleted', (path: string) => unlinkSync(path)],
  ])('is begun anew where somebody has %s the file: nothing is written into the void', async (_what, change) => {
    const { file, path } = await opened()
    await put(file, 1)
    change(path)
    await put(file, 2)
    await file.stop()
    expect(await offsetsIn(path)).toEqual([2])
  })

  it('writes letters again where the file is moved away while they are written', async () => {
    const { file, path } = await opened()
    await put(file, 1)
    // As a purge does that comes between the writing and the syncing.
    const handle = await open(path)
    const methods = Object.getPrototypeOf(handle) as { datasync: () => Promise<void> }
    await handle.close()
    const { datasync } = methods
    methods.datasync = async function move(): Promise<void> {
      methods.datasync = datasync
      renameSync(path, `${path}.moved`)
      await datasync.call(this)
    }
    await put(file, 2)
    await file.stop()
    expect(await offsetsIn(path)).toEqual([2])
  })

  it('is written by several at once without a letter lost', async () => {
    const writers = [await opened(3000), await opened(3000), await opened(3000)]
    await Promise.all(
      writers.map(async ({ file }, w) => {
        for (let i = 0; i < 15; i++) await put(file, w * 100 + i)
        await file.stop()
      }),
    )
    const expected = [0, 1, 2].flatMap((w) => Array.from({ length: 15 }, (_, i) => w * 100 + i))
    expect([...new Set(await offsetsIn(writers[0]!.path))].toSorted((a, b) => a - b)).toEqual(expected)
  })

  it('keeps large batches of several writers apart', async () => {
    const writers = [await opened(1 << 30), await opened(1 << 30)]
    const value = Buffer.alloc(200_000, 'x')
    const batch = (first: number) => {
      return packRecords(Array.from({ length: 20 }, (_, i) => written({ offset: first + i, value })))
    }
    await Promise.all(
      writers.map(async ({ file }, w) => {
        for (let i = 0; i < 3; i++) await file.put(batch(w * 100 + i * 20))
        await file.stop()
      }),
    )
    const expected = [0, 1].flatMap((w) => Array.from({ length: 60 }, (_, i) => w * 100 + i))
    expect((await offsetsIn(writers[0]!.path)).toSorted((a, b) => a - b)).toEqual(expected)
  })

  it('says what can be done where it can not be written', async () => {
    const path = join(folder(), 'file', 'below')
    appendFileSync(join(folder(), 'file'), '')
    const file = new DeadLetterFile({ path, maxFileBytes: 1, now: () => 0 })
    await expect(file.start()).rejects.toMatchObject({ code: 'DEAD_LETTER_FAILED', kind: 'retriable' })
  })
})
