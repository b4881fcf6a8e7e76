import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { FileJournal, readMarks } from '../../src/dead-letters/file-journal.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const folder = temporaryFolder('replay-journal')
const pathOf = (): string => join(folder(), 'state', 'q.journal')
const purgeOf = ({ gone, left }: { gone: string[]; left: string[] }) => {
  return { purged: gone.length, gone: new Set(gone), left: new Set(left) }
}
const failure = { id: 'b', code: 'RECORD_REJECTED', stage: 'TASK_PUT', message: 'no' }

describe('FileJournal', () => {
  it('remembers what was replayed and what failed again', async () => {
    const journal = await FileJournal.open(pathOf())
    const chunk = await journal.begin(['a', 'b'], 0)
    await journal.failed(chunk, [failure])
    await journal.done(chunk, 1000)
    const second = await journal.begin(['b'], 0)
    await journal.failed(second, [{ ...failure, message: 'still no' }])
    await journal.done(second, 2000)
    await journal.close()
    const marks = await readMarks(pathOf())
    expect(marks.of('a')).toEqual({ replayedMs: 1000, attempts: 0, last: undefined })
    expect(marks.of('b')).toEqual({ replayedMs: undefined, attempts: 2, last: { ...failure, message: 'still no' } })
    expect(marks.of('c')).toEqual({ replayedMs: undefined, attempts: 0, last: undefined })
    const again = await FileJournal.open(pathOf())
    expect((await again.begin(['c'], 10)).number).toBe(11)
    await again.close()
  })

  it('knows which chunk was on its way, which does not count until it is done', async () => {
    const journal = await FileJournal.open(pathOf())
    const begun = await journal.begin(['a', 'b'], 0)
    await journal.failed(begun, [failure])
    await journal.close()
    const again = await FileJournal.open(pathOf())
    expect(again.marks.openChunks).toEqual([{ ...begun, failed: [failure] }])
    expect(again.marks.of('a').replayedMs).toBeUndefined()
    expect(again.marks.of('b').attempts).toBe(0)
    await again.done(begun, 5)
    expect(again.marks.openChunks).toEqual([])
    expect(again.marks.of('a').replayedMs).toBe(5)
    expect(again.marks.of('b').attempts).toBe(1)
    await again.close()
  })

  it('keeps a chunk that was on its way until it is done, or all of its letters have come since', async () => {
    const journal = await FileJournal.open(pathOf())
    const one = await journal.begin(['a', 'b'], 0)
    const other = await journal.begin(['c', 'd'], 0)
    await journal.done(await journal.begin(['a', 'e'], 0), 1)
    expect(journal.marks.openChunks).toEqual([one, other])
    await journal.done(await journal.begin(['b'], 0), 2)
    await journal.close()
    const again = await FileJournal.open(pathOf())
    expect(again.marks.openChunks).toEqual([other])
    await again.done(other, 3)
    expect([again.marks.openChunks, again.marks.of('d').replayedMs]).toEqual([[], 3])
    await again.close()
  })

  it('leaves out the half line of a crash, and goes on behind the whole ones', async () => {
    const journal = await FileJournal.open(pathOf())
    await journal.done(await journal.begin(['a'], 0), 1)
    await journal.close()
    appendFileSync(pathOf(), '{"chunk":2,"key":"x","letters":["b","')
    const again = await FileJournal.open(pathOf())
    await again.done(await again.begin(['c'], 0), 2)
    await again.close()
    const marks = await readMarks(pathOf())
    expect(['a', 'b', 'c'].map((id) => marks.of(id).replayedMs)).toEqual([1, undefined, 2])
  })

  it('is never taken for empty where it can not be understood', async () => {
    const journal = await FileJournal.open(pathOf())
    await journal.close()
    writeFileSync(pathOf(), 'nonsense\n{"chunk":1}\n')
    await expect(readMarks(pathOf())).rejects.toMatchObject({ code: 'STATE_UNREADABLE' })
    await expect(FileJournal.open(pathOf())).rejects.toMatchObject({ code: 'STATE_UNREADABLE' })
    writeFileSync(pathOf(), '')
    await (await FileJournal.open(pathOf())).close()
  })

  it('forgets letters that are gone, and goes on', async () => {
    const journal = await FileJournal.open(pathOf())
    const begun = await journal.begin(['a', 'b', 'c'], 0)
    await journal.failed(begun, [failure])
    await journal.done(begun, 1)
    await journal.forget(purgeOf({ gone: ['a'], left: ['b', 'c', 'never seen'] }))
    await journal.done(await journal.begin(['d'], 0), 2)
    await journal.close()
    const marks = await readMarks(pathOf())
    expect(marks.of('a').replayedMs).toBeUndefined()
    expect(marks.of('b')).toEqual({ replayedMs: undefined, attempts: 1, last: failure })
    expect([marks.of('c').replayedMs, marks.of('d').replayedMs, marks.lastChunk]).toEqual([1, 2, 2])
    expect(readFileSync(pathOf(), 'utf8').split('\n')).toHaveLength(4)
  })

  it('does not forget, when it is compacted, the chunk that nobody but the sink knows of', async () => {
    const journal = await FileJournal.open(pathOf())
    const begun = await journal.begin(['a', 'b'], 0)
    await journal.failed(begun, [failure])
    await journal.forget(purgeOf({ gone: [], left: ['a', 'b'] }))
    await journal.close()
    const again = await FileJournal.open(pathOf())
    expect(again.marks.openChunks).toEqual([{ ...begun, failed: [failure] }])
    await again.close()
  })

  it('is held by one process at a time', async () => {
    const journal = await FileJournal.open(pathOf())
    await expect(FileJournal.open(pathOf())).rejects.toMatchObject({
      code: 'STATE_LOCKED',
      message: 'another process is replaying or purging these dead letters',
    })
    await journal.close()
    await (await FileJournal.open(pathOf())).close()
  })

  it('says so where it can not be written', async () => {
    writeFileSync(join(folder(), 'file'), '')
    const path = join(folder(), 'file', 'q.journal')
    await expect(FileJournal.open(path)).rejects.toMatchObject({ code: 'STATE_UNWRITABLE' })
  })

  it('is empty where there is none', async () => {
    expect((await readMarks(join(folder(), 'none'))).lastChunk).toBe(0)
  })
})
