import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from '@jest/globals'
import type { Positions } from '@connect-run/core'
import { fakeClock } from '@connect-run/testkit/conformance'
import type { FileSinkTask } from '../../src/sink/sink-task.ts'
import { Runtime, SinkBench, type SinkBenchOptions } from './support.ts'

const HOUR = 3_600_000
const all = { partitions: undefined, stored: [] as Positions }

let bench: SinkBench
let runtime: Runtime

afterEach(() => bench.close())

async function begin(options: SinkBenchOptions): Promise<FileSinkTask> {
  bench = new SinkBench(options)
  runtime = new Runtime()
  return await goOn()
}

async function goOn(): Promise<FileSinkTask> {
  const task = await bench.start()
  runtime.goOn(await task.recover({ ...all, stored: runtime.stored }))
  return task
}

const read = (name: string): Buffer => readFileSync(path.join(bench.folder, name))

describe('rotation by size', () => {
  it('is before the batch that would make the file too large, and never tears a batch', async () => {
    const task = await begin({ rotate: { size: 12 } })
    for (const count of [1, 2, 1, 5, 1]) await runtime.put(task, 0, count)
    await runtime.commit(task)
    await task.stop()
    expect(bench.names()).toEqual(['out.txt.00000001', 'out.txt.00000002', 'out.txt.00000003', 'out.txt'])
    expect(read('out.txt.00000001').toString()).toBe('0:0\n0:1\n0:2\n')
    expect(read('out.txt.00000002').toString()).toBe('0:3\n')
    expect(read('out.txt.00000003').toString()).toBe('0:4\n0:5\n0:6\n0:7\n0:8\n')
    expect(bench.lines()).toEqual(['0:9'])
  })

  it('gives a file its lasting name once a checkpoint is beyond it, so that who finds it finds it for good', async () => {
    const task = await begin({ rotate: { size: 8, compression: 'gzip' } })
    for (let i = 0; i < 3; i++) await runtime.put(task, 0, 2)
    expect(bench.names()).toEqual(['out.txt.00000001.waiting', 'out.txt.00000002.waiting', 'out.txt'])
    await runtime.commit(task, 0, 3)
    await task.stop()
    expect(bench.names()).toEqual(['out.txt.00000001.gz', 'out.txt.00000002.waiting', 'out.txt'])
    const second = await goOn()
    expect(runtime.next[0]).toBe(3)
    expect(bench.names()).toEqual(['out.txt.00000001.gz', 'out.txt'])
    expect(bench.lines()).toEqual(['0:2'])
    await runtime.put(second, 0, 3)
    await runtime.commit(second)
    await second.stop()
    expect(bench.allLines()).toEqual(['0:0', '0:1', '0:2', '0:3', '0:4', '0:5'])
  })

  it('makes gzip files with the rights and the time of the plain ones', async () => {
    const task = await begin({ rotate: { size: 4, compression: 'gzip' }, mode: '0640' })
    await runtime.put(task, 0, 1)
    const { mtimeMs } = statSync(bench.path)
    await runtime.put(task, 0, 1)
    await runtime.commit(task)
    await task.stop()
    const zipped = path.join(bench.folder, 'out.txt.00000001.gz')
    expect(gunzipSync(read('out.txt.00000001.gz')).toString()).toBe('0:0\n')
    expect(statSync(zipped).mode & 0o777).toBe(0o640)
    expect(statSync(bench.path).mode & 0o777).toBe(0o640)
    expect(Math.abs(statSync(zipped).mtimeMs - mtimeMs)).toBeLessThan(2)
  })
})

describe('rotation by time', () => {
  it('is at the hours of the clock, for files that have lines, whatever the clock does', async () => {
    const clock = fakeClock(10 * HOUR)
    const task = await begin({ rotate: { every: HOUR }, clock })
    const putAt = async (hours: number): Promise<void> => {
      await clock.advance(hours * HOUR - clock.now())
      await runtime.put(task, 0, 1)
    }
    for (const hours of [10.2, 10.99, 11, 13.5, 9.5, 9.9]) await putAt(hours)
    await runtime.commit(task)
    await task.stop()
    expect(bench.names().map((name) => read(name).toString())).toEqual(['0:0\n0:1\n', '0:2\n', '0:3\n', '0:4\n0:5\n'])
  })

  it('goes by when the file was begun, also after a crash that cuts it back', async () => {
    const clock = fakeClock(10 * HOUR)
    const first = await begin({ rotate: { every: HOUR }, clock })
    await runtime.put(first, 0, 1)
    await runtime.commit(first)
    await runtime.put(first, 0, 1)
    await first.stop()
    const second = await goOn()
    await runtime.put(second, 0, 1)
    expect(bench.lines()).toEqual(['0:0', '0:1'])
    await clock.advance(HOUR)
    await runtime.put(second, 0, 1)
    expect(read('out.txt.00000001.waiting').toString()).toBe('0:0\n0:1\n')
    expect(bench.lines()).toEqual(['0:2'])
  })
})

describe('rotated files', () => {
  it('are kept as many as asked for', async () => {
    const task = await begin({ rotate: { size: 4, keep: 2 } })
    for (let i = 0; i < 6; i++) await runtime.put(task, 0, 1)
    await runtime.commit(task)
    await task.stop()
    expect(bench.names()).toEqual(['out.txt.00000004', 'out.txt.00000005', 'out.txt'])
  })

  it('go on with their numbers where the checkpoint was removed', async () => {
    const first = await begin({ rotate: { size: 4 } })
    for (let i = 0; i < 3; i++) await runtime.put(first, 0, 1)
    await runtime.commit(first)
    await first.stop()
    rmSync(`${bench.path}.checkpoint`)
    const second = await bench.start()
    await second.recover(all)
    await runtime.put(second, 0, 1)
    await runtime.commit(second)
    await second.stop()
    expect(bench.names()).toEqual(['out.txt.00000001', 'out.txt.00000002', 'out.txt.00000003', 'out.txt'])
    expect(bench.allLines()).toEqual(['0:0', '0:1', '0:2', '0:3'])
  })

  it('do not take numbers again where all were carried away and the active one was changed', async () => {
    const first = await begin({ rotate: { size: 4 } })
    for (let i = 0; i < 3; i++) await runtime.put(first, 0, 1)
    await runtime.commit(first)
    await first.stop()
    for (const name of bench.names().slice(0, 2)) rmSync(path.join(bench.folder, name))
    writeFileSync(bench.path, 'edited, and longer\n')
    const second = await bench.start()
    await second.recover(all)
    await runtime.put(second, 0, 1)
    expect(bench.names()).toEqual(['out.txt.00000003.waiting', 'out.txt'])
  })

  it('that somebody changed are not cut back, and that is said', async () => {
    const first = await begin({ rotate: { size: 4 } })
    await runtime.put(first, 0, 1)
    await runtime.commit(first)
    await runtime.put(first, 0, 1)
    await first.stop()
    writeFileSync(`${bench.path}.00000001.waiting`, 'edited\n')
    const second = await bench.start()
    await second.recover(all)
    await second.stop()
    expect(bench.names()).toEqual(['out.txt.00000001', 'out.txt'])
    expect(bench.allLines()).toEqual(['edited', '0:1'])
    expect(JSON.stringify(bench.loggers)).toContain('is not as it was written')
  })

  it('are finished, and cut back, where rotation is no longer asked for', async () => {
    const first = await begin({ rotate: { size: 8, compression: 'gzip' } })
    for (let i = 0; i < 3; i++) await runtime.put(first, 0, 2)
    await runtime.commit(first, 0, 3)
    await first.stop()
    // As it is after a crash while it was being compressed.
    rmSync(`${bench.path}.00000001.gz`)
    writeFileSync(`${bench.path}.00000001.waiting`, '0:0\n0:1\n')
    writeFileSync(`${bench.path}.00000001.gz.tmp`, 'half of a gzip')
    const second = new SinkBench({ folder: bench.folder })
    const task = await second.start()
    expect(await task.recover(all)).toMatchObject([{ position: { offset: 3 } }])
    await second.close()
    expect(bench.names()).toEqual(['out.txt.00000001', 'out.txt'])
    expect(bench.allLines()).toEqual(['0:0', '0:1', '0:2'])
  })

  it('do not push away a file that somebody else put in the place of the active one', async () => {
    const first = await begin({ rotate: { size: 4 } })
    await runtime.put(first, 0, 1)
    await runtime.commit(first)
    await runtime.put(first, 0, 1)
    await first.stop()
    // The old one stays, so that its inode is not used again.
    renameSync(bench.path, path.join(bench.folder, 'moved'))
    writeFileSync(bench.path, 'precious\n')
    await expect(bench.start()).rejects.toMatchObject({ code: 'FILE_GONE', hint: expect.stringContaining('Move') })
    expect(bench.lines()).toEqual(['precious'])
    renameSync(bench.path, path.join(bench.folder, 'precious'))
    await goOn()
    expect(bench.lines()).toEqual(['0:0'])
  })

  it('are never those of somebody else, put in the place of the active one while it is written', async () => {
    const task = await begin({ rotate: { size: 4 } })
    await runtime.put(task, 0, 1)
    renameSync(bench.path, path.join(bench.folder, 'moved'))
    writeFileSync(bench.path, 'precious\n')
    await expect(runtime.put(task, 0, 1)).rejects.toMatchObject({ code: 'FILE_GONE', kind: 'retriable' })
    expect(bench.names()).toEqual(['out.txt'])
    renameSync(path.join(bench.folder, 'moved'), bench.path)
    await runtime.put(task, 0, 1)
    await runtime.commit(task)
    await task.stop()
    expect(bench.allLines()).toEqual(['0:0', '0:1'])
  })

  it('that are gone before a checkpoint is beyond them let nothing pass', async () => {
    const task = await begin({ rotate: { size: 4 } })
    for (let i = 0; i < 2; i++) await runtime.put(task, 0, 2)
    rmSync(`${bench.path}.00000001.waiting`)
    await expect(runtime.commit(task, 0, 3)).rejects.toMatchObject({ code: 'FILE_GONE', kind: 'retriable' })
  })
})

describe('a path', () => {
  it('that is a link is not rotated', async () => {
    bench = new SinkBench({ rotate: { size: 4 } })
    mkdirSync(path.join(bench.folder, 'other'))
    writeFileSync(path.join(bench.folder, 'other', 'real'), '')
    symlinkSync(path.join(bench.folder, 'other', 'real'), bench.path)
    await expect(bench.start()).rejects.toMatchObject({
      code: 'FILE_UNWRITABLE',
      hint: expect.stringContaining('Name'),
    })
  })

  it('has the rights of the one before, unless others are asked for', async () => {
    const task = await begin({ rotate: { size: 4 } })
    chmodSync(bench.path, 0o600)
    await task.stop()
    const again = await goOn()
    for (let i = 0; i < 2; i++) await runtime.put(again, 0, 1)
    expect(statSync(bench.path).mode & 0o777).toBe(0o600)
  })

  it('without file is made with the rights that are asked for, and one with a file is left as it is', async () => {
    const task = await begin({ mode: '0666' })
    expect(statSync(bench.path).mode & 0o777).toBe(0o666)
    await task.stop()
    const other = new SinkBench({ mode: '0644', folder: bench.folder })
    await other.start()
    await other.close()
    expect(statSync(bench.path).mode & 0o777).toBe(0o666)
  })
})
