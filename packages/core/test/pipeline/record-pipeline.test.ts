import { describe, expect, it } from '@jest/globals'
import { type Converter, RecordError, type SinkTraits } from '../../src/index.ts'
import type { TransformStep } from '../../src/config/pipeline-config.ts'
import { bytesConverter } from '../../src/converters/bytes.ts'
import { type Prepared, recordPipeline } from '../../src/pipeline/record-pipeline.ts'
import { packSourceRecords } from '../../src/records/batch-builder.ts'
import { endConverters } from '../../src/records/codec.ts'
import type { RecordBatch } from '../../src/records/record-batch.ts'

/** Numbers as text; anything else can't be decoded. Counts how often it is called. */
function numbers(): Converter & { calls: number } {
  return {
    format: 'number',
    schemas: false,
    calls: 0,
    decode(buffer, start, end) {
      this.calls++
      const value = Number(buffer.toString('utf8', start, end))
      if (Number.isNaN(value)) throw new RecordError('CONVERSION_FAILED', 'not a number')
      return value
    },
    encode(value) {
      if (value === 13) throw new RecordError('CONVERSION_FAILED', 'no thirteen')
      return Buffer.from(`<${String(value)}>`)
    },
  }
}

function polled(...values: (string | null)[]): RecordBatch {
  const rows = values.map((value, offset) => ({ offset, value: value === null ? null : Buffer.from(value) }))
  return packSourceRecords(rows, 't').withOrigins(100)
}

function prepare(
  batch: RecordBatch,
  setting: { value?: Converter; sink?: Converter; traits?: SinkTraits; transforms?: TransformStep[] },
): Prepared {
  const key = endConverters(bytesConverter, bytesConverter)
  const value = endConverters(setting.value ?? numbers(), setting.sink ?? setting.value ?? numbers())
  const { transforms = [], traits = {} } = setting
  return recordPipeline({ codec: { key, value }, transforms, traits })(batch)
}

describe('reads: source', () => {
  it('decodes no value, however broken', () => {
    const value = numbers()
    const { ready, failures } = prepare(polled('1', 'x', null), { value, traits: { reads: 'source' } })
    expect([ready.length, failures.length, value.calls]).toEqual([3, 0, 0])
  })

  it('decodes keys, so that a broken one is set aside', () => {
    const rows = ['1', 'x'].map((key, offset) => ({ offset, key: Buffer.from(key), value: Buffer.from('?') }))
    const key = endConverters(numbers(), numbers())
    const value = endConverters(numbers(), numbers())
    const run = recordPipeline({ codec: { key, value }, transforms: [], traits: { reads: 'source' } })
    const { ready, failures } = run(packSourceRecords(rows, 't').withOrigins(0))
    expect(Array.from(ready, ({ offset }) => offset)).toEqual([0])
    expect(failures).toMatchObject([{ row: 1, stage: 'KEY_CONVERTER' }])
  })
})

const effects = { readsValues: true, changesValues: true, drops: true, splits: false }
const dropOdd: TransformStep = {
  name: 'drop-odd',
  effects,
  run: (batch) => {
    const kept: number[] = []
    const failures: { row: number; error: RecordError }[] = []
    for (let i = 0; i < batch.length; i++) {
      try {
        if ((batch.value(i) as number) % 2 === 0) kept.push(i)
      } catch (error) {
        failures.push({ row: i, error: error as RecordError })
      }
    }
    return { batch: batch.select(kept), failures }
  },
}
const double: TransformStep = {
  name: 'double',
  effects,
  run: (batch) => ({ batch: batch.withValues(Array.from(batch, (record) => (record.value as number) * 2)) }),
}

describe('recordPipeline', () => {
  it('finds what can not be decoded before the sink sees anything, and decodes everything once', () => {
    const value = numbers()
    const { ready, failures } = prepare(polled('1', 'x', '3'), { value })
    expect(Array.from(ready, (record) => record.value)).toEqual([1, 3])
    expect(failures.map(({ batch, row, stage }) => [batch.offset(row), stage])).toEqual([[1, 'VALUE_CONVERTER']])
    expect(value.calls).toBe(3)
  })

  it('hands bytes through unparsed where both ends speak the same format', () => {
    const value = numbers()
    const { ready, failures } = prepare(polled('1', 'x'), { value, sink: value, traits: { reads: 'bytes' } })
    expect(Array.from(ready, (record) => record.valueBytes?.toString())).toEqual(['1', 'x'])
    expect(failures).toEqual([])
    expect(value.calls).toBe(0)
  })

  it('encodes before the sink sees anything where the formats differ', () => {
    const sink = { ...numbers(), format: 'other' }
    const { ready, failures } = prepare(polled('1', '13', 'x', '4'), { sink, traits: { reads: 'bytes' } })
    expect(Array.from(ready, (record) => record.valueBytes?.toString())).toEqual(['<1>', '<4>'])
    expect(failures.map(({ batch, row, error }) => [batch.offset(row), error.message])).toEqual([
      [1, 'no thirteen'],
      [2, 'not a number'],
    ])
  })

  it('tells what was filtered from what failed and from what is skipped', () => {
    const prepared = prepare(polled('1', '2', null, 'x', '4'), {
      transforms: [dropOdd, double],
      traits: { tombstones: 'skip' },
    })
    expect(Array.from(prepared.ready, (record) => [record.offset, record.value])).toEqual([
      [1, 4],
      [4, 8],
    ])
    expect(prepared.filtered).toEqual([0])
    expect(prepared.skipped).toEqual([2])
    expect(prepared.failures.map(({ batch, row, stage }) => [batch.offset(row), stage])).toEqual([
      [3, 'VALUE_CONVERTER'],
    ])
  })

  it('finds the records that a transform throws for; the others go on', () => {
    const fragile: TransformStep = {
      name: 'fragile',
      effects,
      run: (batch) => {
        const values = Array.from(batch, ({ value }) => {
          if (value === 3) throw new TypeError('three')
          return (value as number) * 2
        })
        return { batch: batch.withValues(values) }
      },
    }
    const prepared = prepare(polled('1', '2', '3', 'x', '5'), { transforms: [fragile] })
    expect(Array.from(prepared.ready, ({ offset, value }) => [offset, value])).toEqual([
      [0, 2],
      [1, 4],
      [4, 10],
    ])
    expect(prepared.failures.map(({ batch, row, stage, error }) => [batch.offset(row), stage, error.message])).toEqual([
      [2, 'TRANSFORMATION', 'the transform fragile failed: three'],
      [3, 'VALUE_CONVERTER', 'not a number'],
    ])
    expect(prepared.filtered).toEqual([])
  })

  it('blames no record when a transform takes each half and not the whole', () => {
    const picky: TransformStep = {
      name: 'picky',
      effects,
      run: (batch) => {
        if (batch.length > 1) throw new Error('one at a time')
        return { batch }
      },
    }
    expect(() => prepare(polled('1', '2'), { transforms: [picky] })).toThrow('one at a time')
  })

  it('keeps the original bytes of changed records for dead letters', () => {
    const { ready } = prepare(polled('2'), { transforms: [double] })
    expect([ready.value(0), ready.rawValue(0)?.toString()]).toEqual([4, '2'])
  })

  it('sets records aside that the source could not make, beside tombstones and what transforms drop', () => {
    const error = new RecordError('RECORD_TOO_LARGE', 'too long')
    const batch = polled('2', 'no number', null, '3').withFailures([{ row: 1, error }])
    const prepared = prepare(batch, { traits: { tombstones: 'skip' }, transforms: [dropOdd] })
    expect(prepared.failures).toMatchObject([{ row: 1, stage: 'TASK_POLL', error }])
    expect(prepared.skipped).toEqual([2])
    expect(prepared.filtered).toEqual([3])
    expect([...prepared.ready].map(({ offset }) => offset)).toEqual([0])
  })
})
