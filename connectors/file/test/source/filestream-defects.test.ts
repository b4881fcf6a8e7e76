import { mkdir, rename, truncate, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { SourceBench } from './support/source-bench.ts'

let bench: SourceBench
beforeEach(async () => {
  bench = await SourceBench.create()
})
afterEach(() => bench.cleanUp())

const numbered = (count: number): string => Array.from({ length: count }, (_, n) => `line ${n}\n`).join('')

describe("defects of Kafka Connect's FileStreamSource", () => {
  it('A: lines beyond a full batch come with the next polls, without another write', async () => {
    await bench.append('app.log', numbered(2001))
    await bench.start()
    await bench.poll({ maxRecords: 2000 })
    await bench.poll({ maxRecords: 2000 })
    expect(bench.texts).toEqual(numbered(2001).trim().split('\n'))
  })

  it('B: positions count bytes, not characters', async () => {
    const lines = ['ééé', '日本語', '🎉🎉', 'plain']
    await bench.append('app.log', lines.map((line) => `${line}\n`).join(''))
    for (let n = 1; n <= lines.length; n++) {
      await bench.start()
      await bench.until(n, { maxRecords: 1 })
    }
    await bench.start()
    await bench.drain()
    expect(bench.texts).toEqual(lines)
    expect(bench.rows.map(({ offset }) => offset)).toEqual([0, 7, 17, 26])
  })

  it('C: a file that is cut off is read again from its beginning', async () => {
    await bench.append('app.log', numbered(10))
    await bench.start()
    await bench.until(10)
    await truncate(bench.file('app.log'), 0)
    await bench.append('app.log', 'NEW1\nNEW2\n')
    await bench.until(12)
    expect(bench.rows.slice(10)).toEqual([
      { file: 'app.log', partition: 1, offset: 0, text: 'NEW1' },
      { file: 'app.log', partition: 1, offset: 5, text: 'NEW2' },
    ])
  })

  it('D: a position behind the end of the file is a cut-off file, not an endless loop', async () => {
    await bench.append('app.log', numbered(200))
    await bench.start()
    await bench.until(200)
    await writeFile(bench.file('app.log'), 'short\n')
    await bench.start()
    await bench.until(201)
    expect(bench.texts.at(-1)).toBe('short')
    expect(bench.logger!.entries.filter(({ level }) => level === 'warn')).toHaveLength(1)
  })

  it('E: after rename and creation anew both files are read, also across a restart', async () => {
    await bench.append('app.log', 'one\n')
    await bench.start()
    await bench.until(1)
    await bench.append('app.log', 'two\n')
    await rename(bench.file('app.log'), bench.file('app.log.1'))
    await bench.append('app.log', 'new-file\n')
    await bench.start()
    await bench.until(3)
    await bench.until(() => bench.ended.length > 0)
    await bench.drain()
    expect(bench.texts.toSorted()).toEqual(['new-file', 'one', 'two'])
    expect(bench.ended).toEqual(['app.log/0'])
  })

  it('F: a last line without line end is handed out after a while, and at the end of --once', async () => {
    await bench.append('app.log', 'one\ntwo')
    await bench.start({ lastLineAfter: 50 })
    await bench.until(2)
    await bench.append('app.log', '\nthree')
    await bench.start({ lastLineAfter: 50 }, { once: true })
    await bench.toEnd()
    expect(bench.rows.map(({ offset, text }) => [offset, text])).toEqual([
      [0, 'one'],
      [4, 'two'],
      [8, 'three'],
    ])
  })

  it('G: a folder is its files, and an empty one is said, not spun on', async () => {
    await mkdir(bench.file('logs'))
    await bench.start({ path: bench.file('logs') })
    await expect(bench.poll()).rejects.toMatchObject({ code: 'NOT_FOUND', kind: 'retriable' })
    await bench.append('logs/a.log', 'a\n')
    await bench.append('logs/b.log', 'b\n')
    await bench.start({ path: bench.file('logs') })
    await bench.until(2)
    expect(bench.texts).toEqual(['a', 'b'])
  })
})
