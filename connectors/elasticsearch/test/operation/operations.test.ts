import { describe, expect, it } from '@jest/globals'
import * as fc from 'fast-check'
import { coordinatesId } from '../../src/operation/document-id.ts'
import { OperationEncoder } from '../../src/operation/operations.ts'
import { sinkConfig } from '../support.ts'
import { type Options, TIME, batchOf, encode, encodeJson, linesFor, linesOf, only } from './support.ts'

const parsed = (lines: readonly string[]): unknown[] => lines.map((line) => JSON.parse(line) as unknown)

describe('an operation', () => {
  it('indexes by coordinates unless said otherwise', () => {
    expect(linesFor({ value: { n: 1 }, partition: 2, offset: 3 })).toEqual([
      `{"index":{"_index":"oceanic","_id":"oceanic+2+3+${TIME}"}}`,
      '{"n":1}',
    ])
  })

  it('has the members that the servers know, under their names', () => {
    const headers = [{ key: 'v', value: Buffer.from('9') }]
    const record = { value: { user: 'a"b', n: 1 }, key: 'K\n', headers }
    const options = {
      index: '${topic}-${value.n}',
      id: 'key',
      version: '${header.v}',
      routing: '${value.user}',
      pipeline: 'p',
      requireAlias: true,
    }
    const [action] = linesFor(record, options)
    expect(action).toBe(
      '{"index":{"_index":"oceanic-1","require_alias":true,"pipeline":"p","_id":"K\\n","version":9,"version_type":"external","routing":"a\\"b"}}',
    )
    expect(linesFor(record, { pipeline: 'p', requireAlias: true })[0]).toBe(
      `{"index":{"_index":"oceanic","require_alias":true,"pipeline":"p","_id":"oceanic+0+0+${TIME}"}}`,
    )
  })

  it('creates, and leaves the id to the server', () => {
    expect(linesFor({ value: {} }, { action: 'create', id: 'auto' })).toEqual(['{"create":{"_index":"oceanic"}}', '{}'])
  })

  it('creates in a data stream, with the time of the record', () => {
    expect(linesFor({ value: { n: 1 }, stream: 'App' }, { dataStream: { dataset: '${topic}' } })).toEqual([
      `{"create":{"_index":"logs-app-default","_id":"App+0+0+${TIME}"}}`,
      '{"@timestamp":"2024-05-01T12:30:00.000Z","n":1}',
    ])
  })

  it('deletes, without a document and without a pipeline', () => {
    const options = { action: 'delete', id: 'key', version: 'offset', routing: '${key}', requireAlias: true }
    const line =
      '{"delete":{"_index":"oceanic","require_alias":true,"_id":"k","version":5,"version_type":"external","routing":"k"}}'
    expect(linesFor({ value: { n: 1 }, key: 'k', offset: 5 }, options)).toEqual([line])
    expect(linesFor({ value: null, key: 'k', offset: 5 }, options)).toEqual([line])
    expect(linesFor({ value: null, key: 'k' }, { id: 'key', pipeline: 'p' })).toEqual([
      '{"delete":{"_index":"oceanic","_id":"k"}}',
    ])
  })

  it('refuses an empty routing value, which would be that of the id', () => {
    expect(linesFor({ value: { r: '' } }, { routing: '${value.r}' })).toEqual([
      'RECORD_INVALID: the routing value is empty',
    ])
  })

  it.each([
    ['objects', '{"a":', '1', '}'],
    ['arrays', '{"a":[0],"b":', '[1]', '}'],
  ])('has no more than 1000 levels of %s, of which nodes die', (_name, open, inner, close) => {
    const nested = (levels: number): Buffer => Buffer.from(open.repeat(levels) + inner + close.repeat(levels))
    const last = inner === '1' ? 1000 : 999
    const values = [nested(last), nested(last + 1), Buffer.from('{}')]
    const texts = [JSON.stringify({ a: '[{'.repeat(2000) }), JSON.stringify({ 'a"\\}': '{"'.repeat(2000) })]
    const all = values.concat(texts.map((text) => Buffer.from(text))).map((value) => ({ value, key: Buffer.from('k') }))
    const message = 'the document has more than 1000 levels of objects and arrays, which can end a node of the cluster'
    for (const options of [{}, { metadata: '_record' }]) {
      const { rows, failures } = encodeJson(all, options)
      expect(failures.map(({ row, error }) => [row, error.message])).toEqual([[1, message]])
      expect(rows).toEqual([0, 2, 3, 4])
    }
    const update = encodeJson(all, { action: 'update', id: 'key' })
    expect(update.rows).toEqual([2, 3, 4])
  })

  it('is made one by one of the records that a transform made of one', () => {
    const batch = batchOf([{ value: {}, offset: 8 }]).expand([0, 0], [{ n: 0 }, { n: 1 }])
    const operations = new OperationEncoder(sinkConfig()).encode(batch)
    expect(linesOf(operations)).toEqual([
      [`{"index":{"_index":"oceanic","_id":"oceanic+0+8+${TIME}"}}`, '{"n":0}'],
      [`{"index":{"_index":"oceanic","_id":"oceanic+0+8.1+${TIME}"}}`, '{"n":1}'],
    ])
  })
})

describe('an update', () => {
  const update = (record: object, options: object): unknown[] => {
    const record_ = { value: { n: 1, at: 'x' }, key: 'k', ...record }
    return parsed(linesFor(record_, { action: 'update', id: 'key', update: options }))
  }

  it('merges the value into the document, and adds it where there is none', () => {
    expect(update({}, {})).toEqual([
      { update: { _index: 'oceanic', retry_on_conflict: 3, _id: 'k' } },
      { doc: { n: 1, at: 'x' }, doc_as_upsert: true },
    ])
    expect(linesFor({ value: {}, key: 'k' }, { action: 'update', id: 'key' })[0]).toContain('"retry_on_conflict":3')
    expect(update({}, { upsert: false, retryOnConflict: 0 })).toEqual([
      { update: { _index: 'oceanic', retry_on_conflict: 0, _id: 'k' } },
      { doc: { n: 1, at: 'x' } },
    ])
  })

  it('runs a script with parameters of the types that they have in the record', () => {
    const headers = [{ key: 'h', value: Buffer.from('7') }]
    const params = {
      n: '${value.n}',
      gone: '${value.gone}',
      text: 'n=${value.n}',
      header: '${header.h}',
      key: '${key}',
      whole: '${value}',
      topic: '${topic}',
      day: '${time:dd}',
      two: 2,
      list: ['${value.n}'],
    }
    const script = { source: 'ctx._source.n += params.n', lang: 'painless', params }
    expect(update({ headers }, { script })[1]).toEqual({
      script: {
        source: 'ctx._source.n += params.n',
        lang: 'painless',
        params: {
          n: 1,
          gone: null,
          text: 'n=1',
          header: '7',
          key: 'k',
          whole: { n: 1, at: 'x' },
          topic: 'oceanic',
          day: '01',
          two: 2,
          list: ['${value.n}'],
        },
      },
      upsert: { n: 1, at: 'x' },
    })
  })

  it('runs a stored script, for new documents too, or for none', () => {
    expect(update({}, { script: { id: 's' }, scriptedUpsert: true })[1]).toEqual({
      script: { id: 's' },
      scripted_upsert: true,
      upsert: { n: 1, at: 'x' },
    })
    expect(update({}, { script: { id: 's' }, upsert: false })[1]).toEqual({ script: { id: 's' } })
    // Without an upsert the value is for the script alone, and need not be a document.
    expect(update({ value: 'text' }, { script: { id: 's' }, upsert: false })[1]).toEqual({ script: { id: 's' } })
  })

  it('keeps 64-bit integers, in parameters as in documents', () => {
    const value = { n: 9223372036854775807n }
    const options = { action: 'update', id: 'key', update: { script: { id: 's', params: { n: '${value.n}' } } } }
    expect(linesFor({ value, key: 'k' }, options)[1]).toBe(
      '{"script":{"id":"s","params":{"n":9223372036854775807}},"upsert":{"n":9223372036854775807}}',
    )
    const broken = { value: { n: Number.NaN }, key: 'k' }
    const script = { ...options, update: { script: { id: 's', params: { n: '${value.n}' } }, upsert: false } }
    expect(linesFor(broken, script)).toEqual([
      'CONVERSION_FAILED: a parameter of the script can’t be written as JSON: JSON has no NaN',
    ])
  })

  it('never takes bytes as they are: what closes the document early would say what to do with it', () => {
    const value = Buffer.from('{"a":1},"doc_as_upsert":false,"doc":{"b":2}')
    const { failures } = encodeJson([{ value, key: Buffer.from('k') }], { action: 'update', id: 'key' })
    expect(failures[0]!.error.code).toBe('CONVERSION_FAILED')
  })
})

describe('a tombstone', () => {
  it.each<[Options, string[]]>([
    [{}, []],
    [{ id: 'key', tombstones: 'skip' }, []],
    [{ id: 'key' }, ['{"delete":{"_index":"oceanic","_id":"k"}}']],
    [{ id: '${key}', tombstones: 'delete' }, ['{"delete":{"_index":"oceanic","_id":"k"}}']],
    [{ id: '${key}' }, []],
    [{ id: 'key', dataStream: {} }, []],
    [{ tombstones: 'deadLetter' }, ['RECORD_INVALID: the record has no value']],
  ])('with %j', (options, expected) => {
    const batches = [encode([{ value: null, key: 'k' }], options)]
    batches.push(encodeJson([{ value: null, key: Buffer.from('k') }], options))
    for (const operations of batches) {
      const { rows, failures } = operations
      expect(rows.length + failures.length === 0 ? [] : only(operations)).toEqual(expected)
    }
  })
})

describe('a batch', () => {
  const headers = [{ key: 'h', value: Buffer.from('x') }]

  it('says of each operation where it ends, which row it is and what it does', () => {
    const records = [
      { value: { n: 0 }, key: 'a' },
      { value: null, key: 'b' },
      { value: 'no object', key: 'c' },
      { value: { n: 3 }, key: null },
      { value: { n: 4, é: 1 }, key: 'é' },
    ]
    const operations = encode(records, { id: 'key' })
    expect(linesOf(operations)).toEqual([
      ['{"index":{"_index":"oceanic","_id":"a"}}', '{"n":0}'],
      ['{"delete":{"_index":"oceanic","_id":"b"}}'],
      ['{"index":{"_index":"oceanic","_id":"é"}}', '{"n":4,"é":1}'],
    ])
    expect(operations.ends.at(-1)).toBe(operations.body.length)
    const { rows, actions, guards, indices } = operations
    expect({ rows, actions, guards, indices }).toEqual({
      rows: [0, 1, 4],
      actions: ['index', 'delete', 'index'],
      guards: ['oceanic\0a', 'oceanic\0b', 'oceanic\0é'],
      indices: ['oceanic'],
    })
    expect(operations.failures.map(({ row, error }) => [row, error.code])).toEqual([
      [2, 'RECORD_INVALID'],
      [3, 'RECORD_INVALID'],
    ])
  })

  it('has no guards where ids can’t repeat', () => {
    expect(encode([{ value: {} }]).guards).toBeNull()
    expect(encode([{ value: {} }], { id: 'auto' }).guards).toBeNull()
    expect(encode([{ value: {} }], { routing: '${topic}' }).guards).toBeNull()
  })

  it('names each index once', () => {
    const records = ['a', 'b', 'a'].map((stream) => ({ value: {}, stream, headers }))
    expect(encode(records).indices).toEqual(['a', 'b'])
    const operations = encode(records, { index: '${header.h}-${topic}' })
    expect(operations.indices).toEqual(['x-a', 'x-b'])
    const indices = linesOf(operations).map(([action]) => (JSON.parse(action!) as { index: { _index: string } }).index)
    expect(indices.map(({ _index }) => _index)).toEqual(['x-a', 'x-b', 'x-a'])
  })

  it('of which nothing can be written has an empty body', () => {
    const { body, rows, failures } = encode([{ value: 1 }])
    expect([body.length, rows.length, failures.length]).toEqual([0, 0, 1])
  })

  it('makes the names of partitions and hours anew when they change', () => {
    const hour = 3_600_000
    const records = [0, 1, 0].flatMap((partition) => [0, hour, 24 * hour].map((by) => ({ partition, by })))
    const batch = records.map(({ partition, by }) => ({ value: {}, partition, timestamp: TIME + by }))
    const lines = linesOf(encode(batch, { index: 'i-${time:dd}' }))
    expect(lines.map(([action]) => action)).toEqual(
      records.map(({ partition, by }, offset) => {
        const day = by === 24 * hour ? '02' : '01'
        return `{"index":{"_index":"i-${day}","_id":"oceanic+${partition}+${offset}+${TIME + by}"}}`
      }),
    )
  })

  it('of one partition after the other of many topics stays right when topics are forgotten', () => {
    const records = Array.from({ length: 2500 }, (_, n) => ({ value: { n }, stream: `t${n % 1200}`, partition: n % 3 }))
    const lines = linesOf(encode(records))
    const ids = lines.map(([action]) => (JSON.parse(action!) as { index: { _id: string } }).index._id)
    expect(ids).toEqual(records.map(({ stream, partition }, n) => `${stream}+${partition}+${n}+${TIME}`))
  })

  it('has the ids that a record says of itself, whichever way lines are made', () => {
    const record = fc.record({
      partition: fc.nat({ max: 1000 }),
      offset: fc.oneof(fc.maxSafeNat(), fc.nat()),
      timestamp: fc.oneof(
        fc.constantFrom(-1, 8737259230999999000),
        fc.nat({ max: 4e12 }),
        fc.double({ min: 0, max: 4e12, noNaN: true }),
      ),
      stream: fc.constantFrom('a', 'a+0', 'ü"\\', '/x/y.json'),
    })
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), fc.boolean(), (records, isSplit) => {
        const whole = batchOf(records.map((at) => ({ value: {}, ...at })))
        const rows = records.flatMap((_, row) => [row, row])
        const batch = isSplit
          ? whole.expand(
              rows,
              rows.map(() => ({})),
            )
          : whole
        const expected = Array.from(batch, (each) => coordinatesId(each))
        for (const options of [{}, { routing: '${topic}' }]) {
          const operations = new OperationEncoder(sinkConfig({ index: 'i', ...options })).encode(batch)
          const ids = linesOf(operations).map(
            ([action]) => (JSON.parse(action!) as { index: { _id: string } }).index._id,
          )
          expect(ids).toEqual(expected)
        }
      }),
    )
  })

  it('refuses only the records whose id is too long', () => {
    const euros = '€'.repeat(164)
    const records = ['a', `aa${euros}`, `aaa${euros}`, 'b'].map((stream) => ({ value: {}, stream }))
    const { rows, failures } = encode(records, { index: 'fixed' })
    expect(rows).toEqual([0, 1, 3])
    expect(failures[0]!.row).toBe(2)
    expect(failures[0]!.error.message).toContain('has 513 bytes, and an id has 512 at most')
  })
})
