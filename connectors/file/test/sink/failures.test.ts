import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { type Positions, packRecords } from '@connect-run/core'
import type { FileSinkTask } from '../../src/sink/sink-task.ts'
import { FaultyFiles, type Operation } from './faulty-files.ts'
import { Runtime, SinkBench, partition, rows, temporaryFolder } from './support.ts'

const all = { partitions: undefined, stored: [] as Positions }
const { signal } = new AbortController()

let folder: string
let files: FaultyFiles
let bench: SinkBench
let runtime: Runtime

beforeEach(() => {
  folder = temporaryFolder('/dev/shm')
  files = new FaultyFiles(folder)
  bench = new SinkBench({ folder, files, rotate: { size: 12, compression: 'gzip' } })
  runtime = new Runtime()
})

afterEach(async () => {
  await bench.close()
  files.close()
  rmSync(folder, { recursive: true, force: true })
})

async function begin(): Promise<FileSinkTask> {
  const task = await bench.start()
  runtime.goOn(await task.recover({ ...all, stored: runtime.stored }))
  return task
}

/** From now on, the system refuses an operation on files whose path ends like this; `.` is the folder. */
function refuse(operation: Operation, end: string, code: string): void {
  files.fault = (what, file) => (what === operation && file.endsWith(end === '.' ? folder : end) ? code : undefined)
}

type Refusal = Parameters<typeof refuse>

const repair = (): void => void (files.fault = () => undefined)

const numbers = (to: number): string[] => Array.from({ length: to }, (_, i) => `0:${i}`)

async function endsWhole(task: FileSinkTask): Promise<void> {
  await runtime.commit(task)
  await task.stop()
  expect(bench.allLines()).toEqual(numbers(runtime.next[0]!))
}

describe('what passes by itself', () => {
  it.each([
    ['a full disk under the lines', ['write', 'out.txt', 'ENOSPC'], 'DISK_FULL'],
    ['a used up quota under the lines', ['write', 'out.txt', 'EDQUOT'], 'DISK_FULL'],
    ['a full disk under the checkpoint', ['write', '.checkpoint.tmp', 'ENOSPC'], 'DISK_FULL'],
    ['a checkpoint that can’t be renamed', ['rename', '.checkpoint.tmp', 'EACCES'], 'FILE_UNWRITABLE'],
    ['a checkpoint that can’t be synced, as it is written anew', ['sync', '.checkpoint.tmp', 'EIO'], 'FILE_UNWRITABLE'],
  ] as [string, Refusal, string][])('is %s', async (_, refusal, said) => {
    const task = await begin()
    await runtime.put(task, 0, 1)
    await runtime.commit(task)
    refuse(...refusal)
    const round = async (): Promise<void> => {
      await runtime.put(task, 0, 1)
      await runtime.commit(task)
    }
    for (let i = 0; i < 3; i++) await expect(round()).rejects.toMatchObject({ code: said, kind: 'retriable' })
    repair()
    await round()
    await endsWhole(task)
  })

  it('is a write that fails half-way: no half of a line stays', async () => {
    const task = await begin()
    await runtime.put(task, 0, 1)
    refuse('write', 'out.txt', 'ENOSPC')
    await expect(runtime.put(task, 0, 2)).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(bench.lines()).toEqual(['0:0'])
    repair()
    await runtime.put(task, 0, 2)
    await endsWhole(task)
  })

  it('is a write that fails half-way and can’t be cut off at once', async () => {
    bench = new SinkBench({ folder, files })
    const task = await begin()
    await runtime.put(task, 0, 1)
    files.fault = (what) => (what === 'write' || what === 'truncate' ? 'EIO' : undefined)
    await expect(runtime.put(task, 0, 40)).rejects.toMatchObject({ code: 'FILE_UNWRITABLE', kind: 'retriable' })
    expect(files.steps.slice(-2)).toEqual(['write out.txt', 'truncate out.txt'])
    repair()
    await runtime.put(task, 0, 1)
    await endsWhole(task)
  })

  it('is a write that does only a part', async () => {
    files.writesHalf = true
    const task = await begin()
    for (let i = 0; i < 3; i++) await runtime.put(task, 0, 3)
    await endsWhole(task)
  })

  it('is a write of several parts that does only some of them', async () => {
    files.writesHalf = true
    const task = await begin()
    const values = ['a', 'b'.repeat(70_000), 'c', 'd', 'e'.repeat(140_000), 'f'.repeat(70_000)]
    const record = { ...partition(0), timestamp: -1, key: null }
    await task.put(
      packRecords(values.map((value, offset) => ({ ...record, offset, value: Buffer.from(value) }))),
      signal,
    )
    expect(bench.lines()).toEqual(values)
  })

  it.each([
    ['makes no next file', ['open', '.waiting', 'ENOSPC'], 'DISK_FULL'],
    ['finds no room for the checkpoint', ['write', '.checkpoint.tmp', 'ENOSPC'], 'DISK_FULL'],
    ['can’t put the file aside', ['rename', 'out.txt', 'EACCES'], 'FILE_UNWRITABLE'],
  ] as [string, Refusal, string][])('is a rotation that %s', async (_, refusal, said) => {
    const task = await begin()
    await runtime.put(task, 0, 2)
    await runtime.commit(task)
    refuse(...refusal)
    for (let i = 0; i < 2; i++) {
      await expect(runtime.put(task, 0, 2)).rejects.toMatchObject({ code: said, kind: 'retriable' })
    }
    repair()
    await runtime.put(task, 0, 2)
    await endsWhole(task)
    expect(bench.names()).toEqual(['out.txt.00000001.gz', 'out.txt'])
  })

  it.each<[Refusal, readonly string[]]>([
    [
      ['write', '.gz.tmp', 'ENOSPC'],
      ['1.waiting', '2.waiting'],
    ],
    [
      ['sync', '.gz.tmp', 'EIO'],
      ['1.waiting', '2.waiting'],
    ],
    [
      ['open', '.gz.tmp', 'EACCES'],
      ['1.waiting', '2.waiting'],
    ],
    [
      ['unlink', '.waiting', 'EACCES'],
      ['1.gz.tmp', '1.waiting', '2.waiting'],
    ],
    [
      ['rename', '.gz.tmp', 'EIO'],
      ['1.gz.tmp', '2.waiting'],
    ],
  ])('is a gzip file that can’t be made (%j), which is said and tried again', async (refusal, left) => {
    const task = await begin()
    refuse(...refusal)
    for (let i = 0; i < 2; i++) await runtime.put(task, 0, 3)
    await runtime.commit(task)
    await runtime.put(task, 0, 3)
    expect(bench.names()).toEqual([...left.map((name) => `out.txt.0000000${name}`), 'out.txt'])
    repair()
    await endsWhole(task)
    expect(JSON.stringify(bench.loggers)).toContain('the next rotation tries again')
    expect(bench.names()).toEqual(['out.txt.00000001.gz', 'out.txt.00000002.gz', 'out.txt'])
  })

  it('is a folder that can’t be synced before the plain file goes', async () => {
    const task = await begin()
    let isZipped = false
    files.fault = (what, file) => {
      if (what === 'sync' && file.endsWith('.gz.tmp')) isZipped = true
      return what === 'sync' && file === folder && isZipped ? 'EIO' : undefined
    }
    for (let i = 0; i < 2; i++) await runtime.put(task, 0, 3)
    await runtime.commit(task)
    await task.stop()
    expect(bench.names()).toContain('out.txt.00000001.waiting')
    repair()
    await endsWhole(await begin())
  })
})

describe('what stops the task', () => {
  it.each([
    ['a sync of the lines', ['sync', 'out.txt', 'EIO'], 'FILE_UNWRITABLE'],
    ['a sync of the lines for want of room', ['sync', 'out.txt', 'ENOSPC'], 'DISK_FULL'],
    ['a sync of the folder', ['sync', '.', 'EIO'], 'FILE_UNWRITABLE'],
  ] as [string, Refusal, string][])('is %s that fails, and nothing passes', async (_, refusal, said) => {
    const task = await begin()
    await runtime.put(task, 0, 2)
    await runtime.commit(task)
    await runtime.put(task, 0, 1)
    refuse(...refusal)
    await expect(runtime.commit(task)).rejects.toMatchObject({ code: said, kind: 'fatal' })
    repair()
    await task.stop()
    const again = await begin()
    await runtime.put(again, 0, 3)
    await endsWhole(again)
  })

  it('is a sync before a rotation that fails: the file stays where it is, and nothing of it passes', async () => {
    const task = await begin()
    await runtime.put(task, 0, 2)
    refuse('sync', 'out.txt', 'EIO')
    await expect(runtime.put(task, 0, 2)).rejects.toMatchObject({ kind: 'fatal' })
    expect(bench.names()).toEqual(['out.txt'])
    repair()
    await task.stop()
    const again = await begin()
    expect(runtime.next[0]).toBe(0)
    await runtime.put(again, 0, 3)
    await endsWhole(again)
  })

  it('is a sync of what was there before the first line', async () => {
    writeFileSync(bench.path, 'was here\n')
    refuse('sync', 'out.txt', 'EIO')
    await expect(begin()).rejects.toMatchObject({ code: 'FILE_UNWRITABLE', kind: 'fatal' })
  })

  it('is a rotation whose names can’t be synced', async () => {
    const task = await begin()
    await runtime.put(task, 0, 2)
    let isRotated = false
    files.fault = (what, file) => {
      if (what === 'rename' && file.endsWith('2.waiting')) isRotated = true
      return what === 'sync' && file === folder && isRotated ? 'EIO' : undefined
    }
    await expect(runtime.put(task, 0, 2)).rejects.toMatchObject({ code: 'FILE_UNWRITABLE', kind: 'fatal' })
    repair()
    await task.stop()
    const again = await begin()
    await runtime.put(again, 0, 3)
    await endsWhole(again)
  })

  it('is a rotation that fails half-way: the next start undoes it', async () => {
    const task = await begin()
    await runtime.put(task, 0, 2)
    await runtime.commit(task)
    refuse('rename', '2.waiting', 'EIO')
    await expect(runtime.put(task, 0, 2)).rejects.toMatchObject({ code: 'FILE_UNWRITABLE', kind: 'fatal' })
    expect(bench.names()).toEqual(['out.txt.00000002.waiting', 'out.txt.00000001.waiting'])
    repair()
    await task.stop()
    const again = await begin()
    await runtime.put(again, 0, 2)
    await endsWhole(again)
  })
})

describe('a batch that is given again', () => {
  it('after a failure is not written again as far as it was there before the failure', async () => {
    const task = await begin()
    await runtime.put(task, 0, 2)
    await task.recover({ partitions: [partition(0)], stored: [] })
    refuse('write', 'out.txt', 'ENOSPC')
    await expect(task.put(rows(0, 0, 3), signal)).rejects.toMatchObject({ code: 'DISK_FULL' })
    repair()
    await task.put(rows(0, 0, 3), signal)
    runtime.next[0] = 3
    await endsWhole(task)
  })
})

describe('batches that are given at once', () => {
  it('stand one behind the other', async () => {
    const task = await begin()
    await Promise.all([0, 1, 2].map((number) => runtime.put(task, number, 4)))
    await runtime.commit(task)
    await task.stop()
    expect(bench.allLines()).toEqual([0, 1, 2].flatMap((number) => [0, 1, 2, 3].map((i) => `${number}:${i}`)))
  })
})

describe('a rotation', () => {
  it('waits for the file before it to be compressed, until the batch is given up', async () => {
    const task = await begin()
    for (let i = 0; i < 2; i++) await runtime.put(task, 0, 3)
    let goOn!: () => void
    const { readdir } = files
    const gate = new Promise<void>((resolve) => (goOn = resolve))
    files.readdir = (async (at: string) => (await gate, readdir(at))) as typeof readdir
    await runtime.commit(task)
    const givenUp = new AbortController()
    const put = task.put(rows(0, 6, 9), givenUp.signal)
    await nextTurn()
    givenUp.abort(new Error('given up'))
    await expect(put).rejects.toThrow('given up')
    const again = runtime.put(task, 0, 3)
    expect(bench.names()).toEqual(['out.txt.00000001.waiting', 'out.txt'])
    goOn()
    await again
    expect(bench.names()).toEqual(['out.txt.00000001.gz', 'out.txt.00000002.waiting', 'out.txt'])
    await endsWhole(task)
  })
})

describe('a flush', () => {
  it('that comes while a file is rotated waits until the next one is at its path', async () => {
    const task = await begin()
    await runtime.put(task, 0, 3)
    let flushed: Promise<void> | undefined
    files.fault = (what, file) => {
      if (what === 'rename' && file.endsWith('out.txt')) flushed = task.flush()
      return undefined
    }
    await runtime.put(task, 0, 1)
    await flushed
    const since = files.steps.lastIndexOf('rename out.txt')
    expect(files.steps.slice(since)).toEqual([
      'rename out.txt',
      'rename out.txt.00000002.waiting',
      `open ${path.basename(folder)}`,
      `sync ${path.basename(folder)}`,
      expect.stringContaining(' out.txt'),
      expect.stringContaining(' out.txt'),
    ])
  })
})
