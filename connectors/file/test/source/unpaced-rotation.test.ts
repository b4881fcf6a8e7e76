import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rename, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { FileSourceConfig } from '../../src/source/source-config.ts'
import { SourceBench } from './support/source-bench.ts'

interface Writing {
  readonly how: 'rename' | 'copytruncate' | 'truncate'
  readonly generations: number
  readonly lines: number
}

const WRITER = path.join(import.meta.dirname, 'support/rotating-writer.mjs')

let bench: SourceBench
let writer: ChildProcess | undefined
beforeEach(async () => {
  bench = await SourceBench.create()
})
afterEach(async () => {
  writer?.kill('SIGKILL')
  await bench.cleanUp()
})

/** Starts a process that writes and rotates; it is over once it has left. */
function write(writing: Writing): { readonly over: () => boolean; readonly cutIfRead: () => void } {
  const child = fork(WRITER, [JSON.stringify({ file: bench.file('app.log'), ...writing })], { execArgv: [] })
  writer = child
  let over = false
  void once(child, 'exit').then(() => (over = true))
  let awaited = Infinity
  child.on('message', (generation) => (awaited = Number(generation) * writing.lines))
  const cutIfRead = (): void => {
    if (bench.rows.length < awaited) return
    awaited = Infinity
    child.send('cut')
  }
  return { over: () => over, cutIfRead }
}

/** Lines that are not there exactly once, and what is no line. */
function wrong({ generations, lines }: Writing): { missing: number; doubled: number; torn: string[] } {
  const counts = new Map<string, number>()
  for (const text of bench.texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  let [missing, doubled] = [0, 0]
  for (let generation = 0; generation < generations; generation++) {
    for (let n = 0; n < lines; n++) {
      const line = `${generation}:${n} ${'ü日'.repeat(n % 13)}`
      const count = counts.get(line) ?? 0
      counts.delete(line)
      if (count === 0) missing++
      else doubled += count - 1
    }
  }
  return { missing, doubled, torn: [...counts.keys()].slice(0, 5) }
}

async function read(options: Partial<FileSourceConfig>, writing: Writing, restarts: boolean): Promise<void> {
  await bench.append('app.log', '')
  await bench.start(options)
  const { over, cutIfRead } = write(writing)
  for (let polls = 1; !over(); polls++) {
    await bench.poll({ maxRecords: 370 })
    cutIfRead()
    if (restarts && polls % 9 === 0) await bench.start(options)
  }
  await bench.until(writing.generations * writing.lines)
  await bench.drain()
}

describe('rotation at any time, without regard to the reader', () => {
  for (const how of ['rename', 'copytruncate'] as const) {
    for (const pattern of ['app.log', 'app.log*']) {
      for (const [when, scanInterval, restarts] of [
        ['at once', 5, false],
        ['late', 250, false],
        ['with restarts', 5, true],
      ] as const) {
        it(`${how}, reading ${pattern}, noticed ${when}`, async () => {
          const writing = { how, generations: 25, lines: 400 }
          await read({ path: bench.file(pattern), scanInterval, rotateWait: 1000 }, writing, restarts)
          expect(wrong(writing)).toEqual({ missing: 0, doubled: 0, torn: [] })
        })
      }
    }
  }

  it('truncate as soon as all was read: nothing torn, nothing read twice', async () => {
    const writing = { how: 'truncate' as const, generations: 25, lines: 400 }
    await read({ path: bench.file('app.log') }, writing, false)
    expect(wrong(writing)).toEqual({ missing: 0, doubled: 0, torn: [] })
  })
})

describe('files beside the one that is followed', () => {
  it('are left alone where they were there before, whatever their names', async () => {
    await bench.append('app.log.1', 'history\n')
    await utimes(bench.file('app.log.1'), 1_700_000_000, 1_700_000_000)
    await bench.append('app.log', 'one\n')
    await bench.start()
    await bench.until(1)
    await shift()
    await bench.append('app.log', 'two\n')
    await bench.until(2)
    await bench.append('app.log-backup', 'a backup\n')
    await bench.append('app-other.log', 'another one\n')
    await shift()
    await bench.append('app.log', 'three\n')
    await bench.until(() => bench.ended.length === 2)
    await bench.start()
    await bench.drain()
    expect(bench.texts).toEqual(['one', 'two', 'three'])
  })

  it('are not read again when they are compressed, and read on where they were not read to the end', async () => {
    const options = { path: bench.file('app.log*') }
    const content = (from: number): string => Array.from({ length: 500 }, (_, n) => `line ${from + n}\n`).join('')
    await bench.append('app.log', content(0))
    await bench.start(options)
    await bench.until(500)
    await rename(bench.file('app.log'), bench.file('app.log.1'))
    await compress('app.log.1')
    await bench.append('app.log', content(500))
    await bench.until(700, { maxRecords: 200 })
    await bench.stop()
    await writeFile(bench.file('app.log.2.gz'), gzipSync(await readFile(bench.file('app.log'))))
    await bench.remove('app.log')
    await bench.append('app.log', content(1000))
    await bench.start(options)
    await bench.until(1500)
    for (let restarts = 0; restarts < 2; restarts++) {
      await bench.drain()
      await bench.start(options)
    }
    await bench.drain()
    expect(bench.texts.toSorted()).toEqual((content(0) + content(500) + content(1000)).trim().split('\n').toSorted())
  })
})

async function shift(): Promise<void> {
  await rename(bench.file('app.log.1'), bench.file('app.log.2')).catch(() => undefined)
  await rename(bench.file('app.log'), bench.file('app.log.1'))
}

/** As gzip does: the compressed file is written, then the other one removed. */
async function compress(name: string): Promise<void> {
  const whole = gzipSync(await readFile(bench.file(name)))
  await bench.append(`${name}.gz`, whole.subarray(0, whole.length / 2))
  await bench.drain()
  await bench.append(`${name}.gz`, whole.subarray(whole.length / 2))
  await bench.drain()
  await bench.remove(name)
}
