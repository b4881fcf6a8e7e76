import { Readable } from 'node:stream'
import { chmod, open, readdir, readlink, writeFile } from 'node:fs/promises'
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
    await bench.start({ path: bench.folder, maxOpenFiles: 8, scanInterval: 200 })
    let most = 0
    const count = async (): Promise<void> => void (most = Math.max(most, await openIn(bench.folder)))
    while (bench.rows.length < 2000) {
      await bench.poll({ maxRecords: 100 })
      await count()
    }
    await Promise.all(names.map((name) => bench.append(name, `${name} three\n`)))
    while (bench.rows.length < 3000) {
      await bench.poll({ maxRecords: 100 })
      await count()
    }
    await bench.drain()
    const lines = names.flatMap((name) => ['one', 'two', 'three'].map((line) => `${name} ${line}`))
    expect(bench.texts.toSorted()).toEqual(lines.toSorted())
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(8)
    await bench.stop()
    expect(await openIn(bench.folder)).toBe(0)
  })

  it('sets a line of 60 MB aside, without holding it, and reads on', async () => {
    await writeFile(bench.file('app.log'), 'before\n')
    for (let n = 0; n < 60; n++) await bench.append('app.log', Buffer.alloc(1_000_000, 'x'))
    await bench.append('app.log', '\nnext\n')
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    await bench.start()
    while (bench.rows.length < 3) {
      await bench.poll()
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    expect(bench.rows.map(({ offset }) => offset)).toEqual([0, 7, 60_000_008])
    expect(bench.rows[1]).toMatchObject({ error: { code: 'RECORD_TOO_LARGE' } })
    expect(bench.rows[1]!.error!.message).toContain('60000000 bytes')
    expect(bench.rows[2]).toMatchObject({ text: 'next' })
    expect(most).toBeLessThan(40_000_000)
  })

  it('reads a block with more lines than are looked for at a time, and goes on within it', async () => {
    const count = 150_000
    await writeFile(bench.file('app.log'), `${'\n'.repeat(count)}${'ab\r\n'.repeat(count)}last`)
    const at: number[] = []
    const texts = new Map<string, number>()
    const take = (): void => {
      for (const { offset, text } of bench.rows.splice(0)) {
        at.push(offset)
        texts.set(text, (texts.get(text) ?? 0) + 1)
      }
    }
    await bench.start()
    while (at.length < count + count / 2) {
      await bench.poll({ maxRecords: 3000 })
      take()
    }
    await bench.start({ lastLineAfter: 0 }, { once: true })
    while (!bench.atEnd) {
      await bench.poll({ maxRecords: 7000 })
      take()
    }
    expect(texts).toEqual(new Map(Object.entries({ '': count, ab: count, last: 1 })))
    expect(at).toEqual(Array.from({ length: 2 * count + 1 }, (_, i) => (i < count ? i : count + 4 * (i - count))))
  })

  it('reads lines that are longer than a block', async () => {
    const lengths = [10, 5_000_000, 0, 2_359_296, 3]
    await writeFile(bench.file('app.log'), lengths.map((length, i) => `${String(i).repeat(length)}\n`).join(''))
    await bench.start({ maxRecordBytes: 8_000_000 })
    await bench.until(lengths.length)
    expect(bench.texts.map((text) => text.length)).toEqual(lengths)
    expect(bench.texts.map((text) => new Set(text).size)).toEqual([1, 1, 0, 1, 1])
    expect(bench.rows.map(({ offset }) => offset)).toEqual([0, 11, 5_000_012, 5_000_013, 7_359_310])
  })

  it('streams a JSON array of 200 MB', async () => {
    const text = 'lorem ipsum '.repeat(80)
    const file = await open(bench.file('big.json'), 'w')
    const count = 200_000
    for (let n = 0; n < count; n += 10_000) {
      const some = Array.from({ length: 10_000 }, (_, i) => JSON.stringify({ id: n + i, text }))
      await file.write(`${n === 0 ? '[' : ',\n'}${some.join(',\n')}`)
    }
    await file.write(']\n')
    await file.close()
    await bench.start({ path: bench.file('big.json'), format: 'json-array' }, { once: true })
    const before = process.memoryUsage.rss()
    let [next, most] = [0, 0]
    while (!bench.atEnd) {
      await bench.poll({ maxRecords: 5000 })
      for (const row of bench.rows.splice(0)) if (row.text.startsWith(`{"id":${next},`)) next++
      most = Math.max(most, process.memoryUsage.rss() - before)
    }
    expect(next).toBe(count)
    expect(most).toBeLessThan(150_000_000)
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

  it('reads a compressed file that is still being written, when it is whole', async () => {
    const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n} ${(n * 7919) % 10_007}`)
    const whole = gzipSync(lines.map((line) => `${line}\n`).join(''))
    await bench.append('a.log.gz', whole.subarray(0, 50_000))
    await bench.append('b.log', 'b\n')
    await bench.start({ path: bench.folder })
    await bench.drain()
    expect(bench.logger!.entries.some(({ message }) => message.includes('it ends too early'))).toBe(true)
    await bench.append('a.log.gz', whole.subarray(50_000))
    await bench.until(20_001)
    await bench.drain()
    expect(bench.texts.filter((text) => text !== 'b')).toEqual(lines)
  })

  it.each(['utf-16le', 'utf-16be'] as const)('begins at the end of text in %s', async (encoding) => {
    // U+0A0A and U+000A next to U+0A00: bytes of a line end that are none.
    const encoded = (text: string): Buffer => {
      const bytes = Buffer.from(text, 'utf16le')
      return encoding === 'utf-16be' ? bytes.swap16() : bytes
    }
    await bench.append('a.log', encoded('old\n\u0A00\u0A0A'))
    await bench.start({ path: bench.file('a.log'), startAt: 'end', encoding })
    await bench.drain()
    await bench.append('a.log', encoded('x\nnew\n'))
    await bench.until(2)
    expect(bench.texts).toEqual(['\u0A00\u0A0Ax', 'new'])
  })

  it('begins at the end of a CSV file with the names of its header, and leaves out what can not be followed', async () => {
    await bench.append('a.csv', 'x,y\n1,2\n')
    await writeFile(bench.file('old.csv.gz'), gzipSync('x,y\n5,6\n'))
    const options = { path: bench.folder, startAt: 'end', format: 'csv' } as const
    await bench.start(options)
    await bench.drain()
    await bench.append('a.csv', '3,4\n')
    await bench.until(1)
    await bench.start(options)
    await bench.drain()
    expect(bench.texts).toEqual(['{"x":"3","y":"4"}'])
  })

  it('begins at the end of a CSV file before a row of which a part is there, with line ends in its quotes', async () => {
    await bench.append('a.csv', 'x,y\n1,2\n3,"one\ntwo\n')
    const options = { path: bench.folder, startAt: 'end', format: 'csv' } as const
    await bench.start(options)
    await bench.drain()
    await bench.append('a.csv', '"\n5,6\n')
    await bench.until(2)
    expect(bench.rows).toMatchObject([
      { offset: 8, text: JSON.stringify({ x: '3', y: 'one\ntwo\n' }) },
      { offset: 21, text: '{"x":"5","y":"6"}' },
    ])
  })

  it('does not cut a last line that is being written with --once', async () => {
    await bench.append('app.log', 'one\ntw')
    await bench.start({ lastLineAfter: 10_000 }, { once: true })
    await bench.until(1)
    await bench.poll()
    await bench.append('app.log', 'o and')
    await bench.poll()
    await bench.append('app.log', ' more\nthree\nfo')
    await bench.toEnd()
    expect(bench.texts).toEqual(['one', 'two and more'])
    await bench.append('app.log', 'ur\n')
    await bench.start()
    await bench.until(4)
    expect(bench.texts).toEqual(['one', 'two and more', 'three', 'four'])
  })

  it('takes a last line without line end with --once when nothing was written for a while', async () => {
    await bench.append('app.log', 'one\ntwo')
    await bench.start({ lastLineAfter: 200 }, { once: true })
    await bench.toEnd()
    expect(bench.texts).toEqual(['one', 'two'])
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
  it('is said with its name', async () => {
    await bench.append('app.log', 'one\n')
    await chmod(bench.folder, 0o755)
    await chmod(bench.file('app.log'), 0)
    await bench.start()
    await asNobody(() =>
      expect(bench.poll()).rejects.toMatchObject({
        code: 'FILE_UNREADABLE',
        kind: 'retriable',
        message: `${bench.file('app.log')} may not be read by this user (EACCES)`,
      }),
    )
  })

  it('does not hold up others, and is not forgotten', async () => {
    await bench.append('app.log', 'one\n')
    await bench.append('b.log', 'two\n')
    await chmod(bench.folder, 0o755)
    await chmod(bench.file('app.log'), 0)
    await bench.start({ path: bench.folder })
    await asNobody(async () => {
      await bench.until(1)
      await bench.drain()
    })
    expect(bench.texts).toEqual(['two'])
    await chmod(bench.file('app.log'), 0o644)
    await bench.append('app.log', 'three\n')
    await bench.until(3)
    expect(bench.texts).toEqual(['two', 'one', 'three'])
  })
})

/** Root may read anything, so for that time it is another user. */
async function asNobody(act: () => Promise<void>): Promise<void> {
  const { geteuid, seteuid } = process
  if (geteuid === undefined || seteuid === undefined || geteuid() !== 0) return act()
  seteuid('nobody')
  try {
    await act()
  } finally {
    seteuid(0)
  }
}

/** How many files of the folder this process has open. */
async function openIn(folder: string): Promise<number> {
  const descriptors = await readdir('/proc/self/fd')
  const targets = await Promise.all(descriptors.map((one) => readlink(`/proc/self/fd/${one}`).catch(() => '')))
  return targets.filter((target) => target.startsWith(`${folder}/`)).length
}
