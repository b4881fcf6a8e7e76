import { appendFileSync, existsSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { PartitionPosition, Positions } from '@connect-run/core'
import * as fc from 'fast-check'
import { SinkBench, at, partition, rows } from './support.ts'

let bench: SinkBench

beforeEach(() => {
  bench = new SinkBench()
})

afterEach(() => bench.close())

const { signal } = new AbortController()
const all = { partitions: undefined, stored: [] as Positions }

/** As a kill -9 leaves it: nothing more is done to the file, and its lock is free. */
const crash = (task: { stop(): Promise<void> }): Promise<void> => task.stop()

interface Step {
  readonly kind: 'put' | 'commit' | 'crash' | 'crash after checkpoint' | 'rebalance'
  readonly number: number
  readonly count: number
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('put', 'put', 'put', 'commit', 'crash', 'crash after checkpoint', 'rebalance'),
    number: fc.nat(2),
    count: fc.nat(4),
  }),
  { maxLength: 30 },
)

/** The runtime's side: what was read, what has passed, what the source's store holds. */
class Runtime {
  readonly next = [0, 0, 0]
  readonly passed = [0, 0, 0]
  stored: PartitionPosition[] = []

  positions(): Positions {
    return this.passed.flatMap((offset, number) => (offset > 0 ? [at(number, offset)] : []))
  }

  goOn(recovered: Positions, numbers: readonly number[]): void {
    for (const number of numbers) {
      const from = [...recovered, ...this.stored].find((entry) => entry.partition === number)?.position.offset ?? 0
      this.next[number] = from
      this.passed[number] = from
    }
  }
}

describe('a file that is written', () => {
  it('holds every line once, in order and whole, whatever crashes, commits and rebalances there were', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (plan) => {
        const own = new SinkBench()
        try {
          const runtime = new Runtime()
          let task = await own.start()
          runtime.goOn(await task.recover(all), [0, 1, 2])
          const restart = async (): Promise<void> => {
            await crash(task)
            appendFileSync(own.path, 'half a li')
            task = await own.start()
            runtime.goOn(await task.recover({ partitions: undefined, stored: runtime.stored }), [0, 1, 2])
          }
          for (const { kind, number, count } of plan) {
            if (kind === 'put') {
              const from = runtime.next[number]!
              await task.put(rows(number, from, from + count), signal)
              runtime.next[number] = from + count
            } else if (kind === 'rebalance') {
              const stored = runtime.stored.filter((entry) => entry.partition === number)
              runtime.goOn(await task.recover({ partitions: [partition(number)], stored }), [number])
            } else if (kind === 'crash') await restart()
            else {
              // Only a part of what was written has passed, so that positions fall between lines of the file.
              runtime.next.forEach((next, p) => {
                runtime.passed[p] = Math.max(runtime.passed[p]!, p === number ? next - Math.min(count, next) : next)
              })
              await task.flush()
              const said = await task.commit(runtime.positions(), runtime.stored).then(
                () => true,
                (error: { code: string }) => (expect(error.code).toBe('THROTTLED'), false),
              )
              if (kind === 'commit' && said) runtime.stored = [...runtime.positions()]
              if (kind === 'crash after checkpoint') await restart()
            }
          }
          await task.put(rows(0, runtime.next[0]!, runtime.next[0]! + 1), signal)
          runtime.next[0]!++
          const lines = own.lines()
          for (const number of [0, 1, 2]) {
            const mine = lines.filter((line) => line.startsWith(`${number}:`))
            const known = Math.max(runtime.next[number]!, mine.length)
            expect(mine).toEqual(Array.from({ length: known }, (_, i) => `${number}:${i}`))
          }
          expect(lines.every((line) => /^\d:\d+$/.test(line))).toBe(true)
        } finally {
          await own.close()
        }
      }),
      { numRuns: 60 },
    )
  })

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

  it('is not cut where it is not the one that was written, and that is said', async () => {
    const first = await bench.start()
    await first.recover(all)
    await first.put(rows(0, 0, 3), signal)
    await first.flush()
    await first.commit([at(0, 3)], [])
    await crash(first)
    writeFileSync(bench.path, 'edited\n')
    const second = await bench.start()
    expect(await second.recover({ partitions: undefined, stored: [at(0, 3)] })).toEqual([])
    await second.put(rows(0, 3, 4), signal)
    expect(bench.lines()).toEqual(['edited', '0:3'])
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

  it('keeps it from starting where the folder is missing, which is not made', async () => {
    await expect(bench.start(path.join(bench.folder, 'mnt', 'out.txt'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
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
    const second = await bench.start()
    await expect(second.recover(all)).rejects.toMatchObject({ code: 'STATE_UNREADABLE' })
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
