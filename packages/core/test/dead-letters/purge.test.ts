import { appendFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { fileQueue } from '../../src/dead-letters/file-queue.ts'
import type { DeadLetter } from '../../src/dead-letters/letter.ts'
import { purgeFile } from '../../src/dead-letters/purge.ts'
import { DeadLetterFile } from '../../src/delivery/dead-letter-file.ts'
import { packRecords } from '../../src/records/batch-builder.ts'
import { lettersOf, writeLetters, written } from '../support/letters.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const folder = temporaryFolder('purge')
const pathOf = (): string => join(folder(), 'q.jsonl')
const isEven = ({ offset }: DeadLetter): boolean => offset % 2 === 0
const purge = (isPurged: (letter: DeadLetter) => boolean) => {
  return purgeFile(pathOf(), { isPurged, nowMs: 1_700_000_000_000, signal: new AbortController().signal })
}
const offsetsLeft = async (): Promise<number[]> => (await lettersOf(fileQueue(pathOf()))).map(({ offset }) => offset)

describe('purgeFile', () => {
  it('removes what is to go, and keeps every other line as it is', async () => {
    writeLetters(
      pathOf(),
      [0, 1, 2, 3].map((offset) => written({ offset })),
    )
    appendFileSync(pathOf(), 'not a letter\n')
    const before = readFileSync(pathOf(), 'utf8').split('\n')
    const { purged, gone, left: kept } = await purge(isEven)
    expect(purged).toBe(2)
    expect([gone.size, kept.size]).toEqual([2, 2])
    const [left] = readdirSync(folder())
    expect(readFileSync(join(folder(), left!), 'utf8').split('\n')).toEqual([before[1], before[3], before[4], ''])
    expect(await offsetsLeft()).toEqual([1, 3])
  })

  it('leaves no file behind where nothing is left, and none that it was not asked about', async () => {
    writeFileSync(join(folder(), 'q.jsonl.bak'), 'mine')
    writeFileSync(join(folder(), 'q.jsonl.20231114T221320000Z-00000000.tmp'), 'of a purge that was killed')
    writeLetters(pathOf(), [written({ offset: 2 })])
    await purge(isEven)
    expect(readdirSync(folder())).toEqual(['q.jsonl.bak'])
    expect((await purge(isEven)).purged).toBe(0)
  })

  it('loses no letter of a pipeline that goes on writing', async () => {
    const file = new DeadLetterFile({ path: pathOf(), maxFileBytes: 20_000, now: () => 1_700_000_000_000 })
    await file.start()
    const writer = { isDone: false }
    const writing = async (): Promise<void> => {
      for (let i = 0; i < 50; i++) {
        await file.put(packRecords([written({ offset: i * 2 }), written({ offset: i * 2 + 1 })]))
      }
      writer.isDone = true
    }
    const purging = async (): Promise<void> => {
      while (!writer.isDone) await purge(isEven)
    }
    await Promise.all([writing(), purging()])
    await file.stop()
    await purge(isEven)
    const odd = Array.from({ length: 50 }, (_, i) => i * 2 + 1)
    expect([...new Set(await offsetsLeft())].toSorted((a, b) => a - b)).toEqual(odd)
  })
})
