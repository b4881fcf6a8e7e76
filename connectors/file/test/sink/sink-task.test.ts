import { appendFileSync, copyFileSync, existsSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { Positions } from '@connect-run/core'
import { SinkBench, at, partition, rows } from './support.ts'

let bench: SinkBench

beforeEach(() => {
  bench = new SinkBench()
})

afterEach(() => bench.close())

const { signal } = new AbortController()
const all = { partitions: undefined, stored: [] as Positions }

/** What is left is what a kill -9 leaves: a stop writes nothing. */
const crash = (task: { stop(): Promise<void> }): Promise<void> => task.stop()

describe('a file that is written', () => {
  it('is cut back to before its first commit as well', async () => {
    writeFileSync(bench.path, 'was here\nhalf')
    const first = await bench.start()
    expect(await first.recover(all)).toEqual([])
    await first.put(rows(0, 0, 3), signal)
    await crash(first)
    const second = await bench.start()
    expect(await second.recover(all)).toEqual([])
    expect(bench.lines()).toEqual(['was here', 'half'])
  })

  it.each<[string, (file: string) => void]>([
    ['was replaced', (file) => writeFileSync(file, 'edited\n')],
    ['was changed in place', (file) => writeFileSync(file, 'edited, and longer than it was\n')],
    [
      'is a copy',
      (file) => (copyFileSync(file, `${file}.copy`), renameSync(file, `${file}.old`), renameSync(`${file}.copy`, file)),
    ],
  ])('is not cut where it %s, and that is said', async (_, change) => {
    const first = await bench.start()
    await first.recover(all)
    await first.put(rows(0, 0, 3), signal)
    await first.flush()
    await first.commit([at(0, 3)], [])
    await crash(first)
    change(bench.path)
    appendFileSync(bench.path, 'more\n')
    const before = bench.lines()
    const second = await bench.start()
    expect(await second.recover({ partitions: undefined, stored: [at(0, 3)] })).toEqual([])
    await second.put(rows(0, 3, 4), signal)
    expect(bench.lines()).toEqual([...before, '0:3'])
    expect(JSON.stringify(bench.loggers)).toContain('is not as it was written')
  })
})

describe('a position in the source that this sink did not leave there', () => {
  it('is honoured, with a warning; one that it may have left is not', async () => {
    const first = await bench.start()
    await first.recover(all)
    await first.put(rows(0, 0, 6), signal)
    await first.flush()
    await first.commit([at(0, 4)], [])
    await first.commit([at(0, 6)], [at(0, 4)])
    await crash(first)
    for (const [stored, recovered] of [
      [[at(0, 4)], [at(0, 6)]],
      [[at(0, 6)], [at(0, 6)]],
      [[], [at(0, 6)]],
      [[at(0, 2)], []],
      [[at(0, 9)], []],
    ] as const) {
      const task = await bench.start()
      expect(await task.recover({ partitions: [partition(0)], stored })).toEqual(recovered)
      await crash(task)
    }
    expect(JSON.stringify(bench.loggers[4])).toContain('was changed by somebody from 6 to 2')
  })

  it('goes on in the file, and is kept over a crash', async () => {
    const first = await bench.start()
    await first.recover(all)
    await first.put(rows(0, 0, 4), signal)
    await first.flush()
    await first.commit([at(0, 4)], [])
    await first.commit([at(0, 4)], [at(0, 4)])
    await crash(first)
    const second = await bench.start()
    expect(await second.recover({ partitions: [partition(0)], stored: [at(0, 1)] })).toEqual([])
    await second.put(rows(0, 1, 3), signal)
    await second.flush()
    await second.commit([at(0, 2)], [])
    await crash(second)
    const third = await bench.start()
    expect(await third.recover({ partitions: [partition(0)], stored: [at(0, 1)] })).toEqual([at(0, 2)])
    expect(bench.lines()).toEqual(['0:0', '0:1', '0:2', '0:3', '0:1'])
  })
})

describe('a file that is gone', () => {
  it('lets nothing pass while the task runs, and says what to do', async () => {
    const task = await bench.start()
    await task.recover(all)
    await task.put(rows(0, 0, 3), signal)
    renameSync(bench.path, `${bench.path}.moved`)
    await expect(task.flush()).rejects.toMatchObject({ code: 'FILE_GONE', kind: 'retriable' })
    writeFileSync(bench.path, '')
    await expect(task.flush()).rejects.toMatchObject({
      code: 'FILE_GONE',
      hint: expect.stringContaining('Put the file back'),
    })
    renameSync(`${bench.path}.moved`, bench.path)
    await task.flush()
  })

  it('keeps the task from starting where a checkpoint speaks of it', async () => {
    const task = await bench.start()
    await task.recover(all)
    await crash(task)
    unlinkSync(bench.path)
    await expect(bench.start()).rejects.toMatchObject({ code: 'FILE_GONE' })
    expect(existsSync(bench.path)).toBe(false)
  })

  it('is not taken for one that is a pipe or a folder', async () => {
    execFileSync('mkfifo', [bench.path])
    await expect(bench.start()).rejects.toMatchObject({
      code: 'FILE_UNWRITABLE',
      message: expect.stringContaining('is a pipe'),
      hint: expect.stringContaining('path: -'),
    })
    await expect(bench.start(bench.folder)).rejects.toMatchObject({ message: expect.stringContaining('is a folder') })
  })

  it('keeps it from starting where the folder is missing, which is not made', async () => {
    await expect(bench.start(path.join(bench.folder, 'mnt', 'out.txt'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('lines that no commit has passed', () => {
  it('are at most so many', async () => {
    const task = await bench.start()
    await task.recover(all)
    const million = rows(0, 0, 1).select(Array.from({ length: 1_000_000 }, () => 0))
    for (let i = 0; i < 4; i++) await task.put(million, signal)
    await expect(task.put(rows(0, 1, 2), signal)).rejects.toMatchObject({ code: 'THROTTLED', kind: 'retriable' })
    await task.flush()
    await task.commit([at(0, 1)], [])
    await task.put(rows(0, 1, 2), signal)
  })
})

describe('two tasks', () => {
  it('do not write one file', async () => {
    const first = await bench.start()
    await expect(bench.start()).rejects.toMatchObject({ code: 'FILE_IN_USE' })
    await first.stop()
    await expect(bench.start()).resolves.toBeDefined()
  })
})

describe('a checkpoint', () => {
  it('that can’t be read is not taken for none', async () => {
    const task = await bench.start()
    await task.recover(all)
    await crash(task)
    writeFileSync(`${bench.path}.checkpoint`, '{')
    await expect(bench.start()).rejects.toMatchObject({ code: 'STATE_UNREADABLE' })
  })

  it('forgets partitions that have ended', async () => {
    const task = await bench.start()
    await task.recover(all)
    await task.put(rows(0, 0, 2), signal)
    await task.flush()
    await task.commit([at(0, 2)], [])
    expect(readFileSync(`${bench.path}.checkpoint`, 'utf8')).toContain('"t"')
    await task.commit([{ ...partition(0), position: { offset: 2, ended: true } }], [at(0, 2)])
    expect(readFileSync(`${bench.path}.checkpoint`, 'utf8')).not.toContain('"t"')
  })
})
