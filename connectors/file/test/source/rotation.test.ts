import { copyFile, rename, truncate } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { pollUntil } from '@connect-run/testkit'
import { SourceBench } from './support/source-bench.ts'

let bench: SourceBench
beforeEach(async () => {
  bench = await SourceBench.create()
})
afterEach(() => bench.cleanUp())

const ROUNDS = 6
const LINES = 300

/** Appends lines and rotates after each round; the writer leaves nothing between copy and truncation. */
async function writeRotating(rotate: (round: number) => Promise<void>): Promise<string[]> {
  const lines: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    for (let n = 0; n < LINES; n += 10) {
      const some = Array.from({ length: 10 }, (_, i) => `round ${round} line ${n + i} ü`)
      lines.push(...some)
      await bench.append('app.log', some.map((line) => `${line}\n`).join(''))
    }
    // A rotation that comes before the last one was seen can't be followed by anyone.
    await pollUntil(() => bench.texts.some((text) => text.startsWith(`round ${round} `)), { intervalMs: 1 })
    if (round < ROUNDS - 1) await rotate(round)
  }
  return lines
}

async function readWhile(writing: Promise<string[]>, restart?: () => Promise<void>): Promise<string[]> {
  const over = new AbortController()
  const ended = writing.finally(() => over.abort())
  for (let polls = 1; !over.signal.aborted; polls++) {
    await bench.poll({ maxRecords: 37 })
    if (polls % 9 === 0) await restart?.()
  }
  const written = await ended
  await bench.until(written.length)
  await bench.drain()
  return written
}

function compared(written: readonly string[]): { missing: string[]; doubled: string[] } {
  const read = new Set(bench.texts)
  const missing = written.filter((line) => !read.has(line))
  const doubled = bench.texts.filter((line, i) => bench.texts.indexOf(line) !== i)
  return { missing: missing.slice(0, 5), doubled: doubled.slice(0, 5) }
}

const shift = async (round: number): Promise<void> => {
  for (let n = round; n > 0; n--) await rename(bench.file(`app.log.${n}`), bench.file(`app.log.${n + 1}`))
}

describe('rotation under load', () => {
  for (const pattern of ['app.log', 'app.log*']) {
    it(`rename and creation anew, reading ${pattern}, with restarts in between`, async () => {
      const options = { path: bench.file(pattern) }
      await bench.append('app.log', '')
      await bench.start(options)
      const writing = writeRotating(async (round) => {
        await shift(round)
        await rename(bench.file('app.log'), bench.file('app.log.1'))
      })
      const written = await readWhile(writing, () => bench.start(options))
      expect(compared(written)).toEqual({ missing: [], doubled: [] })
    })

    it(`copy and truncation, reading ${pattern}`, async () => {
      const options = { path: bench.file(pattern) }
      await bench.append('app.log', '')
      await bench.start(options)
      const writing = writeRotating(async (round) => {
        await shift(round)
        await copyFile(bench.file('app.log'), bench.file('app.log.1'))
        await truncate(bench.file('app.log'), 0)
      })
      const written = await readWhile(writing, () => bench.start(options))
      expect(compared(written)).toEqual({ missing: [], doubled: [] })
    })
  }
})
