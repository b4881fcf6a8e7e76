import { Readable } from 'node:stream'
import { chmod, writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { SourceBench } from './support/source-bench.ts'

let bench: SourceBench
beforeEach(async () => {
  bench = await SourceBench.create()
})
afterEach(() => bench.cleanUp())

describe('file source', () => {
  it('reads multi-byte text that is written byte by byte', async () => {
    const text = 'naïve 日本語 🎉\nzweite Zeile ß\n'
    await bench.append('app.log', '')
    await bench.start()
    for (const byte of Buffer.from(text)) {
      await bench.append('app.log', Buffer.from([byte]))
      await bench.poll({ maxWaitMs: 0 })
    }
    await bench.until(2)
    expect(bench.texts).toEqual(['naïve 日本語 🎉', 'zweite Zeile ß'])
  })

  it('goes on at every position', async () => {
    const lines = Array.from({ length: 40 }, (_, n) => 'é'.repeat(n % 7))
    await bench.append('app.log', lines.map((line) => `${line}\n`).join(''))
    for (let n = 1; n <= lines.length; n++) {
      await bench.start()
      await bench.until(n, { maxRecords: 1 })
    }
    expect(bench.texts).toEqual(lines)
  })

  it('reads a thousand files with eight open at a time', async () => {
    const names = Array.from({ length: 1000 }, (_, n) => `f${n}.log`)
    await Promise.all(names.map((name) => bench.append(name, `${name} one\n${name} two\n`)))
    await bench.start({ path: bench.folder, maxOpenFiles: 8 })
    await bench.until(2000)
    await bench.append('f500.log', 'late\n')
    await bench.until(2001)
    expect(new Set(bench.texts).size).toBe(2001)
  })

  it('sets a line of 60 MB aside and reads on', async () => {
    await writeFile(bench.file('app.log'), Buffer.concat([Buffer.alloc(60_000_000, 'x'), Buffer.from('\nnext\n')]))
    await bench.start()
    await bench.until(2)
    expect(bench.rows[0]).toMatchObject({ offset: 0, error: { code: 'RECORD_TOO_LARGE' } })
    expect(bench.rows[1]).toMatchObject({ offset: 60_000_001, text: 'next' })
  })

  it('goes on inside a compressed file', async () => {
    const lines = Array.from({ length: 50 }, (_, n) => `line ${n}`)
    await writeFile(bench.file('a.log.gz'), gzipSync(lines.map((line) => `${line}\n`).join('')))
    const options = { path: bench.file('a.log.gz') }
    for (let n = 7; n <= 50; n += 7) {
      await bench.start(options)
      await bench.until(n, { maxRecords: 7 })
    }
    await bench.start(options)
    await bench.drain()
    await bench.start(options)
    await bench.drain()
    expect(bench.texts).toEqual(lines)
  })

  it('begins at the end, keeps that position, and reads new files from their beginning', async () => {
    await bench.append('a.log', 'old\nhalf')
    const options = { path: bench.folder, startAt: 'end' as const }
    await bench.start(options)
    await bench.drain()
    await bench.append('a.log', ' line\n')
    await bench.append('b.log', 'new\n')
    await bench.start(options)
    await bench.until(2)
    expect(bench.texts.toSorted()).toEqual(['half line', 'new'])
  })

  it('reads on after --once', async () => {
    await bench.append('app.log', 'one\n')
    await bench.start({}, { once: true })
    await bench.toEnd()
    await bench.append('app.log', 'two\n')
    await bench.start()
    await bench.until(2)
    expect(bench.texts).toEqual(['one', 'two'])
  })

  it('fails with --once where there is no file', async () => {
    await bench.start({}, { once: true })
    await expect(bench.poll()).rejects.toMatchObject({ code: 'NOT_FOUND', kind: 'fatal' })
  })

  it('ends a partition whose file was removed', async () => {
    await bench.append('app.log', 'one\n')
    await bench.append('b.log', 'b\n')
    await bench.start({ path: [bench.file('app.log'), bench.file('b.log')] })
    await bench.until(2)
    await bench.remove('app.log')
    await bench.until(() => bench.ended.length === 1)
    expect(bench.ended).toEqual(['app.log/0'])
  })

  it('reads standard input to its end', async () => {
    await bench.startStdin(Readable.from([Buffer.from('one\ntw'), Buffer.from('o\nthree')]))
    await bench.toEnd()
    expect(bench.texts).toEqual(['one', 'two', 'three'])
    expect(bench.ended).toEqual(['-/0'])
  })
})

describe('a file that may not be read', () => {
  const itUnlessRoot = process.getuid?.() === 0 ? it.skip : it
  itUnlessRoot('is said with its name', async () => {
    await bench.append('app.log', 'one\n')
    await chmod(bench.file('app.log'), 0)
    await bench.start()
    await expect(bench.poll()).rejects.toMatchObject({ code: 'FILE_UNREADABLE', kind: 'retriable' })
  })
})
