import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { type PackedInput, RecordError, packRecords, sourceConnector } from '../../src/index.ts'
import type { ConnectorPlugin, SourceContext, SourceTask } from '../../src/index.ts'
import type { DeadLetterTarget } from '../../src/config/pipeline-config.ts'
import { fileQueue } from '../../src/dead-letters/file-queue.ts'
import { readMarks } from '../../src/dead-letters/file-journal.ts'
import { type DeadLetterQueue } from '../../src/dead-letters/queue.ts'
import { isSelected } from '../../src/dead-letters/selection.ts'
import { sourceQueue } from '../../src/dead-letters/source-queue.ts'
import { summarize } from '../../src/dead-letters/summary.ts'
import { letter, lettersOf, writeLetters, written } from '../support/letters.ts'
import { recordingLogger } from '../support/pipeline.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const folder = temporaryFolder('queues')
const { signal } = new AbortController()
const noMarks = (): ReturnType<typeof readMarks> => readMarks(join(folder(), 'none'))

describe('fileQueue', () => {
  it('reads what was set aside first, says what is damaged, and leaves out a line that does not end yet', async () => {
    const path = join(folder(), 'q.jsonl')
    writeLetters(path, [written({ offset: 1 })])
    writeFileSync(path, 'damage\n\n{"stream":"half', { flag: 'a' })
    renameSync(path, `${path}.20231114T221320000Z-00000000`)
    writeLetters(path, [written({ offset: 2, value: Buffer.alloc(200_000, 'x') }), written({ offset: 3 })])
    const queue = fileQueue(path)
    const found = await lettersOf(queue)
    expect(found.map(({ offset, place }) => [offset, place])).toEqual([
      [1, { container: 'q.jsonl.20231114T221320000Z-00000000', number: 1 }],
      [2, { container: 'q.jsonl', number: 1 }],
      [3, { container: 'q.jsonl', number: 2 }],
    ])
    const summary = await summarize(queue, { selection: {}, marks: await noMarks(), signal })
    expect(summary.damaged).toEqual([{ container: 'q.jsonl.20231114T221320000Z-00000000', number: 2 }])
  })

  it('is empty where there is no file', async () => {
    expect(await lettersOf(fileQueue(join(folder(), 'no', 'file')))).toEqual([])
  })
})

describe('sourceQueue', () => {
  function reading(setting: { ends?: number; gives?: number; deadLetterSource?: ConnectorPlugin['deadLetterSource'] }) {
    const clock = new VirtualClock()
    const seen = { config: undefined as unknown, context: undefined as SourceContext<unknown> | undefined, stops: 0 }
    const records = [4, 5, 6].map((offset): PackedInput => {
      return Object.assign(written({ offset }), { stream: 'dlq', partition: 1, offset: offset * 10 })
    })
    const create = (config: unknown): SourceTask => {
      seen.config = config
      let polls = 0
      return {
        start: async (context) => void (seen.context = context),
        poll: async () => {
          const record = polls === 0 || polls > records.length ? undefined : records[polls - 1]
          polls++
          if (record === undefined || polls > (setting.gives ?? Infinity)) {
            await clock.sleep(200)
            return []
          }
          return packRecords([record], [{ stream: 'dlq', partition: 1, position: { offset: record.offset + 1 } }])
        },
        stop: async () => void seen.stops++,
        commit: () => Promise.reject(new Error('a reader leaves nothing behind')),
        endPositions: async () => [
          { stream: 'dlq', partition: 0, position: { offset: 0 } },
          { stream: 'dlq', partition: 1, position: { offset: setting.ends ?? 51 } },
        ],
      }
    }
    const config = { type: 'object', properties: { topics: { description: 'x', type: 'string' } } } as const
    const plugin: ConnectorPlugin = {
      name: 'fake',
      description: 'x',
      source: sourceConnector<{ topics?: string }>({ description: 'x', config: { ...config, required: [] }, create }),
      ...(setting.deadLetterSource && { deadLetterSource: setting.deadLetterSource }),
    }
    const target: DeadLetterTarget = {
      kind: 'sink',
      plugin,
      config: {},
      options: { topic: 'dlq' },
      describe: 'topic dlq',
    }
    const world = { clock, random: () => 0, logger: recordingLogger() }
    return { queue: sourceQueue({ worker: 'w', pipeline: 'p', target, ...world }), seen, clock }
  }

  it('reads what is there with a source of the same connector, and commits nothing', async () => {
    const { queue, seen, clock } = reading({ deadLetterSource: ({ topic }) => ({ topics: topic }) })
    const found = await clock.runUntil(lettersOf(queue))
    expect(found.map(({ offset, place }) => [offset, place])).toEqual([
      [4, { container: 'dlq', partition: 1, number: 40 }],
      [5, { container: 'dlq', partition: 1, number: 50 }],
    ])
    expect(seen).toMatchObject({ config: { topics: 'dlq' }, stops: 1 })
    expect(await seen.context!.assigned([], [])).toEqual([])
  })

  it('does not wait for ever for what never comes', async () => {
    const { queue, clock } = reading({ gives: 2, deadLetterSource: () => ({}) })
    await expect(clock.runUntil(lettersOf(queue))).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: 'topic dlq has given nothing more for 30 s, before its end',
    })
  })

  it('reads under a name that nobody else has, each time anew', async () => {
    const readers: string[] = []
    const { queue } = reading({
      ends: 0,
      deadLetterSource: (_sink, reader) => {
        readers.push(reader)
        return {}
      },
    })
    expect(await lettersOf(queue)).toEqual([])
    expect(await lettersOf(queue)).toEqual([])
    expect(new Set(readers).size).toBe(2)
  })

  it('says so where a queue can not be read back', async () => {
    await expect(lettersOf(reading({}).queue)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(lettersOf(reading({ deadLetterSource: () => undefined }).queue)).rejects.toMatchObject({
      message: "dead letters in topic dlq can't be read back",
    })
  })
})

describe('a selection', () => {
  const about = { offset: 10, stream: 'a/b', partition: 2, failedMs: 5000 }
  it.each([
    [{}, true],
    [{ codes: ['RECORD_REJECTED'] }, true],
    [{ codes: ['CONVERSION_FAILED'] }, false],
    [{ stream: 'a/b', partition: 2, offsets: { first: 10, last: 10 } }, true],
    [{ stream: 'a' }, false],
    [{ partition: 1 }, false],
    [{ offsets: { first: 11, last: 20 } }, false],
    [{ fromMs: 5000, toMs: 5001 }, true],
    [{ toMs: 5000 }, false],
    [{ fromMs: 5001 }, false],
  ])('%j', async (selection, expected) => expect(isSelected(selection, letter(about), await noMarks())).toBe(expected))
})

describe('a summary', () => {
  it('counts letters by cause, whatever numbers and values are in the message, the most frequent first', async () => {
    const failing = (offset: number, message: string, failedMs = offset) => {
      return letter({ offset, failedMs, error: new RecordError('CONVERSION_FAILED', message) })
    }
    const letters = [
      letter({ offset: 0 }),
      failing(1, 'no JSON at byte 17, near "a \\" b"'),
      failing(2, 'no JSON at byte 4, near "x"'),
      failing(2, 'no JSON at byte 4, near "x"', 9),
    ]
    const queue: DeadLetterQueue = {
      target: 'q',
      async *read() {
        yield { letters, damaged: [] }
      },
    }
    const summary = await summarize(queue, { selection: {}, marks: await noMarks(), signal })
    expect(summary).toMatchObject({ letters: 4, records: 3, replayed: 0 })
    expect(summary.groups).toMatchObject([
      { code: 'CONVERSION_FAILED', letters: 3, firstMs: 1, lastMs: 9, example: { offset: 1 } },
      { code: 'RECORD_REJECTED', letters: 1 },
    ])
  })
})
