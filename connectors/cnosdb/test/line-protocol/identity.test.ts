import { describe, expect, it } from '@jest/globals'
import type { CnosdbSinkConfig } from '../../src/sink-config.ts'
import { type TestRecord, TIME, batchOf, encode, encoderOf, jsonBatchOf, why } from '../support.ts'

/** Table, tags and time of each line. */
function identities(text: string): Set<string> {
  return new Set(
    text
      .trimEnd()
      .split('\n')
      .map((row) => row.replace(/ .* /, ' ')),
  )
}

const value = { pressure: 1.5 }

/** One millisecond of a log-append-time topic. */
function oneMillisecond(partitions: number, each: number): TestRecord[] {
  return Array.from({ length: partitions * each }, (_, i) => ({
    value,
    partition: i % partitions,
    offset: 12_345_678 + Math.floor(i / partitions),
  }))
}

describe('the identity of a point', () => {
  it('is the millisecond and the offset as one number, and the partition', () => {
    const { text } = encode([{ value, partition: 3, offset: 1_234_567, timestamp: TIME }])
    expect(text).toBe('m,partition=3 pressure=1.5 1690510331000234567\n')
  })

  it.each([
    [0, 0, '0'],
    [0, 5, '5'],
    [1, 999_999, '1999999'],
    [9_223_372_036_853, 999_999, '9223372036853999999'],
    [TIME, 2 ** 53 - 1, '1690510331000740991'],
  ])('joins digits: %d ms, offset %d', (timestamp, offset, time) => {
    expect(encode([{ value, timestamp, offset }]).text.trimEnd().split(' ')[2]).toBe(time)
  })

  it('keeps 4 x 50,000 records of one millisecond apart', () => {
    const encoder = encoderOf()
    const { text, failures } = encoder.encode(batchOf(oneMillisecond(4, 50_000)))
    expect(failures).toHaveLength(0)
    expect(identities(text).size).toBe(200_000)
  })

  it.each([true, false])('does not mix up partitions and tags that look alike (transcoded: %p)', (transcode) => {
    const records = Array.from({ length: 16 * 100 }, (_, i) => ({
      value: Buffer.from(`{"sensor":"s${i % 100}","pressure":1.5}`),
      partition: Math.floor(i / 100),
      offset: 1,
    }))
    const encoder = encoderOf({ table: 'events', tags: { fields: ['sensor'] }, transcode })
    const { text, failures } = encoder.encode(jsonBatchOf(records))
    expect(failures).toHaveLength(0)
    expect(identities(text).size).toBe(1600)
  })

  it('does not mix up tags of which two have each other’s ends', () => {
    const records = Array.from({ length: 400 }, (_, i) => ({
      value: { host: `h${i % 20}`, device: `d${Math.floor(i / 20)}`, pressure: 1.5 },
      partition: i,
      offset: 1,
    }))
    const encoder = encoderOf({ tags: { fields: ['host', 'device'], partition: false } })
    expect(encoder.encode(batchOf(records)).failures).toHaveLength(0)
  })

  it('would not without the tag, and says so', () => {
    const { text, failures } = encode(oneMillisecond(4, 500), { tags: { partition: false } })
    expect(identities(text).size).toBe(500)
    expect(failures).toHaveLength(1500)
    expect(new Set(failures.map(({ error }) => error.code))).toEqual(new Set(['RECORD_COLLISION']))
  })

  it('is the same whenever the record is written again', () => {
    const batch = batchOf(oneMillisecond(2, 100))
    const first = encoderOf().encode(batch).text
    const encoder = encoderOf()
    expect(encoder.encode(batch).text).toBe(first)
    expect(encoder.encode(batch)).toMatchObject({ text: first, failures: [] })
  })

  it('has the topic where there are several', () => {
    const encoder = encoderOf({}, ['a', 'b'])
    const { text } = encoder.encode(
      batchOf([
        { value, stream: 'a', offset: 1 },
        { value, stream: 'b,c', offset: 1 },
      ]),
    )
    expect(text).toBe(
      'm,topic=a,partition=0 pressure=1.5 1690510331000000001\nm,topic=b\\,c,partition=0 pressure=1.5 1690510331000000001\n',
    )
  })

  it('has no topic where the table is the topic', () => {
    const encoder = encoderOf({ table: 't_${topic}' }, ['a', 'b'])
    expect(encoder.encode(batchOf([{ value, stream: 'a' }])).text).toBe(
      't_a,partition=0 pressure=1.5 1690510331000000000\n',
    )
  })

  it('has the index of an array’s element above 0', () => {
    const { text } = encode([{ value: [{ a: 1 }, { a: 2 }, { a: 3 }] }])
    expect(text).toBe(
      [0, 1, 2].map((i) => `m,partition=0${i === 0 ? '' : `,index=${i}`} a=${i + 1} 1690510331000000000\n`).join(''),
    )
  })
})

describe('two records that would become one row', () => {
  it('are noticed within a batch: the later one is refused', () => {
    const { text, failures } = encode([5, 6, 1_000_005].map((offset) => ({ value, offset })))
    expect(text.split('\n')).toHaveLength(3)
    expect(failures.map((failure) => [failure.row, why(failure)])).toEqual([
      [2, expect.stringMatching(/^RECORD_COLLISION: /)],
    ])
  })

  it('are noticed across batches, also when both are written again', () => {
    const encoder = encoderOf()
    const first = batchOf([{ value, offset: 5 }])
    const second = batchOf([{ value, offset: 1_000_005 }])
    for (let i = 0; i < 3; i++) {
      expect(encoder.encode(first).failures).toHaveLength(0)
      expect(encoder.encode(second).failures).toHaveLength(1)
    }
  })

  it('are none with other tags, another table, partition or millisecond', () => {
    const records = [
      { value: { t: 'a', n: 'x', v: 1 }, offset: 5 },
      { value: { t: 'b', n: 'x', v: 1 }, offset: 1_000_005 },
      { value: { t: 'a', n: 'y', v: 1 }, offset: 2_000_005 },
      { value: { t: 'a', n: 'x', v: 1 }, offset: 3_000_005, timestamp: TIME + 1 },
      { value: { t: 'a', n: 'x', v: 1 }, offset: 4_000_005, partition: 1 },
    ]
    expect(encode(records, { table: '${value.n}', tags: { fields: ['t'] } }).failures).toHaveLength(0)
  })

  it('are noticed with the preset, whose nanoseconds hold the partition too', () => {
    const preset: Partial<CnosdbSinkConfig> = { preset: 'telegraf' }
    const codes = (records: TestRecord[]): string[] => encode(records, preset).failures.map(({ error }) => error.code)
    expect(codes([0, 15_625].map((offset) => ({ value, offset })))).toEqual(['RECORD_COLLISION'])
    expect(codes([0, 64].map((partition) => ({ value, partition, offset: partition === 0 ? 1 : 0 })))).toEqual([
      'RECORD_COLLISION',
    ])
    expect(codes(oneMillisecond(64, 1000))).toEqual([])
  })

  it('are the user’s business where the time is the user’s: the last one wins', () => {
    const records = [1, 2].map((v) => ({ value: { v, ts: 5 } }))
    const { text, failures } = encode(records, { time: { field: 'ts', unit: 'ms' } })
    expect({ text, failures }).toEqual({ text: 'm v=1 5000000\nm v=2 5000000\n', failures: [] })
  })
})
