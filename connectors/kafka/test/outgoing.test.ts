import { describe, expect, it } from '@jest/globals'
import { HEADER_STRIDE, type Header, type PackedInput, type RecordBatch, packRecords } from '@connect-run/core'
import type { OutgoingRecords } from '../src/client/producer-client.ts'
import { outgoing, pickRecords } from '../src/outgoing.ts'
import { compileTopic } from '../src/topic-template.ts'

const binary: Header = { key: 'b', value: Buffer.from([0xff, 0]) }
const nothing: Header = { key: 'n', value: null }
const text: Header = { key: 'a', value: Buffer.from('1') }

function row(offset: number, headers: readonly Header[] = [], stream = 'in'): PackedInput {
  const [key, value] = [Buffer.from(`k${offset}`), Buffer.from(`v${offset}`)]
  return { stream, partition: 0, offset, timestamp: 1000 + offset, key, value, headers }
}

interface PlainRecord {
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
  readonly headers: readonly (readonly [string, string | null])[]
}

/** What a client would send. */
function plain({ count, buffer, timestamp, headers, ...ends }: OutgoingRecords): PlainRecord[] {
  const textAt = (start: number, end: number): string | null => (end < 0 ? null : buffer.toString('latin1', start, end))
  return Array.from({ length: count }, (_, i) => ({
    key: textAt(ends.keyStart[i]!, ends.keyEnd[i]!),
    value: textAt(ends.valueStart[i]!, ends.valueEnd[i]!),
    timestamp: timestamp[i]!,
    headers: Array.from({ length: (headers?.length ?? 0) / HEADER_STRIDE }, (_unused, h) => h * HEADER_STRIDE)
      .filter((h) => headers![h] === i)
      .map((h) => [textAt(headers![h + 1]!, headers![h + 2]!)!, textAt(headers![h + 3]!, headers![h + 4]!)] as const),
  }))
}

function sent(batch: RecordBatch, topic = 't', textHeaders = false): Record<string, PlainRecord[]> {
  const { topics } = outgoing(batch, compileTopic(topic), { textHeaders })
  return Object.fromEntries(topics.map((part) => [part.topic, plain(part.records)]))
}

const expected = (offset: number, headers: PlainRecord['headers'] = []): PlainRecord => ({
  key: `k${offset}`,
  value: `v${offset}`,
  timestamp: 1000 + offset,
  headers,
})

describe('what a batch sends', () => {
  const rows = [row(0, [text, binary]), row(1), row(2, [nothing]), row(3, [text])]
  const batch = packRecords(rows)

  it('is the source’s columns where they pass through', () => {
    const { topics } = outgoing(batch, compileTopic('t'))
    const [{ records, rows: all } = { records: undefined, rows: undefined }] = topics
    expect(all).toBe(null)
    expect(records!.buffer).toBe(batch.packed.buffer)
    expect(records!.valueStart).toBe(batch.packed.valueStart)
    expect(records!.timestamp).toBe(batch.packed.timestamp)
    expect(records!.headers).toBe(batch.packed.headers)
  })

  it('has headers of any bytes, of a part of the source’s records too', () => {
    const headers = [['a', '1'] as const, ['b', '\u00ff\0'] as const]
    expect(sent(batch)).toEqual({
      t: [expected(0, headers), expected(1), expected(2, [['n', null]]), expected(3, [['a', '1']])],
    })
    expect(sent(batch.slice(2, 4))).toEqual({ t: [expected(2, [['n', null]]), expected(3, [['a', '1']])] })
    expect(sent(batch.select([3, 0]))).toEqual({ t: [expected(3, [['a', '1']]), expected(0, headers)] })
  })

  it('keeps headers beside values that were made', () => {
    const made = batch.select([0, 2, 3]).withEncoded({
      buffer: Buffer.from('xyz'),
      keyStart: Int32Array.of(0, 0, 0),
      keyEnd: Int32Array.of(-1, -1, 0),
      valueStart: Int32Array.of(0, 1, 2),
      valueEnd: Int32Array.of(1, 2, -1),
    })
    expect(sent(made)).toEqual({
      t: [
        {
          key: null,
          value: 'x',
          timestamp: 1000,
          headers: [
            ['a', '1'],
            ['b', '\u00ff\0'],
          ],
        },
        { key: null, value: 'y', timestamp: 1002, headers: [['n', null]] },
        { key: '', value: null, timestamp: 1003, headers: [['a', '1']] },
      ],
    })
  })

  it('goes to each topic in order', () => {
    const mixed = packRecords([row(0), row(1, [text], 'other'), row(2, [binary]), row(3, [], 'other')])
    expect(sent(mixed, '${topic}.copy')).toEqual({
      'in.copy': [expected(0), expected(2, [['b', '\u00ff\0']])],
      'other.copy': [expected(1, [['a', '1']]), expected(3)],
    })
  })

  it('leaves out rows without a topic, and of the published client those whose headers it would change', () => {
    const { topics, refused } = outgoing(batch, compileTopic('t'), { textHeaders: true })
    expect(topics.map(({ rows: sentRows }) => sentRows)).toEqual([[1, 3]])
    expect(refused.map((failure) => [failure.row, failure.error.code])).toEqual([
      [0, 'RECORD_INVALID'],
      [2, 'RECORD_INVALID'],
    ])
    expect(refused[0]!.error.message).toBe(
      "the header `b` has a NUL in its value, which the published node-rdkafka can't send unchanged",
    )
    expect(outgoing(packRecords([row(0, [], '/'), row(1)]), compileTopic('${topic}'))).toMatchObject({
      topics: [{ topic: 'in', rows: [1] }],
      refused: [{ row: 0, error: { code: 'RECORD_INVALID' } }],
    })
  })

  it('goes to topics by headers and times of its records', () => {
    const made = [row(0, [text]), { ...row(1, [text]), timestamp: Date.UTC(2024, 4, 1) }, row(2)]
    const { topics, refused } = outgoing(packRecords(made), compileTopic('t-${header.a}-${time:yyyy}'))
    expect(topics.map(({ topic, rows: sentRows }) => [topic, sentRows])).toEqual([
      ['t-1-1970', [0]],
      ['t-1-2024', [1]],
    ])
    expect(refused).toMatchObject([{ row: 2, error: { message: expect.stringContaining('${header.a}') } }])
  })

  it('can be sent again in part', () => {
    const { topics } = outgoing(batch, compileTopic('t'))
    expect(plain(pickRecords(topics[0]!.records, [2, 3]))).toEqual([
      expected(2, [['n', null]]),
      expected(3, [['a', '1']]),
    ])
  })
})
