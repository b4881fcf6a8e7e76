import { describe, expect, it } from '@jest/globals'
import { IndexNames, dataStreamPart, indexName } from '../../src/operation/index-name.ts'
import { sinkConfig } from '../support.ts'
import { type Options, TIME, type TestRecord, batchOf } from './support.ts'

describe('an index name', () => {
  it.each([
    ['oceanic', 'oceanic'],
    ['Oceanic.Readings', 'oceanic.readings'],
    ['ÄÖ', 'äö'],
    ['__consumer_offsets', 'consumer_offsets'],
    ['-+_a-+_', 'a-+_'],
    ['a\\b/c*d?e"f<g>h|i j,k#l:m', 'a_b_c_d_e_f_g_h_i_j_k_l_m'],
    ['a\nb\u0000', 'a_b_'],
    ['/data/a.json', 'data_a.json'],
    ['.', 'dot'],
    ['..', 'dotdot'],
    ['_..', 'dotdot'],
    ['...', '...'],
    ['.hidden', '.hidden'],
  ])('of %j is %j', (text, name) => {
    expect(indexName(text)).toBe(name)
  })

  it('is refused where nothing is left, where it is too long, and where it is no text', () => {
    expect(() => indexName('')).toThrow('leaves nothing for an index name')
    expect(() => indexName('_-+')).toThrow('leaves nothing for an index name')
    expect(indexName('x'.repeat(255))).toHaveLength(255)
    expect(() => indexName('x'.repeat(256))).toThrow('has 256 bytes, and an index name has 255 at most')
    expect(() => indexName('é'.repeat(128))).toThrow('256 bytes')
    expect(() => indexName('a\ud800')).toThrow('half a character')
  })
})

describe('a part of the name of a data stream', () => {
  it('has no hyphen, which would end it', () => {
    expect(dataStreamPart('My-App/1')).toBe('my_app_1')
    expect(() => dataStreamPart('x'.repeat(101))).toThrow('has 101 bytes')
    expect(() => dataStreamPart('')).toThrow('leaves nothing')
  })
})

describe('the index of a record', () => {
  function namesOf(records: readonly TestRecord[], options: Options): string[] {
    const names = new IndexNames(sinkConfig(options))
    return Array.from(batchOf(records), (record) => names.of(record))
  }

  it('is its topic unless said otherwise', () => {
    expect(namesOf([{ value: {} }, { value: {}, stream: 'Other' }], {})).toEqual(['oceanic', 'other'])
  })

  it('is made of all that a template can name', () => {
    const headers = [{ key: 'site', value: Buffer.from('North') }]
    const record = { value: { a: { b: 7n } }, key: 'K', headers }
    const index = '${topic}-${key}-${value.a.b}-${header.site}-${time:yyyy.MM.dd-HH}'
    expect(namesOf([record], { index })).toEqual(['oceanic-k-7-north-2024.05.01-12'])
  })

  it('is made anew for each record, however often names come back', () => {
    const values = ['a', 'b', 'a', 'a', 'c', 'b'].map((v) => ({ value: { v } }))
    expect(namesOf(values, { index: 'i-${value.v}' })).toEqual(['i-a', 'i-b', 'i-a', 'i-a', 'i-c', 'i-b'])
  })

  it('is a data stream’s of three parts', () => {
    const dataStream = { type: 'metrics', dataset: '${topic}', namespace: '${value.site}' }
    expect(namesOf([{ value: { site: 'a-B' }, stream: 'x-y' }], { dataStream })).toEqual(['metrics-x_y-a_b'])
  })

  it('tells which names are the same for all records, or for those of a partition and hour', () => {
    const of = (options: Options): [string | undefined, boolean] => {
      const { fixed, varies } = new IndexNames(sinkConfig(options))
      return [fixed, varies]
    }
    expect(of({ index: 'fixed' })).toEqual(['fixed', false])
    expect(of({ index: '${topic}-${time:yyyy}' })).toEqual([undefined, false])
    expect(of({ index: '${header.a}' })).toEqual([undefined, true])
    expect(of({ index: '${key}' })).toEqual([undefined, true])
    expect(of({ index: '${value.a}' })).toEqual([undefined, true])
    const dataStream = { type: 'logs', dataset: 'generic', namespace: 'default' }
    expect(of({ dataStream })).toEqual(['logs-generic-default', false])
  })

  it('does not let two topics write over each other because their names are made one', () => {
    const records = [
      { value: {}, stream: 'Ab' },
      { value: {}, stream: 'aB' },
    ]
    expect(namesOf(records, { id: 'coordinates' })).toEqual(['ab', 'ab'])
    expect(() => namesOf(records, { id: 'key' })).toThrow(
      'the index `ab` is that of `Ab` and of `aB`, whose ids may be the same',
    )
    expect(namesOf([records[0]!, records[0]!], { id: 'key' })).toEqual(['ab', 'ab'])
  })

  it('needs what the template names', () => {
    expect(() => namesOf([{ value: {} }], { index: '${value.a}' })).toThrow('the index needs ${value.a}')
    expect(() => namesOf([{ value: {}, timestamp: -1 }], { index: '${time:yyyy}' })).toThrow('${time:yyyy} (a time)')
    expect(namesOf([{ value: {}, timestamp: TIME + 86_400_000 }], { index: '${time:dd}' })).toEqual(['02'])
  })

  it('forgets names rather than grow without bound', () => {
    const names = new IndexNames(sinkConfig({ index: '${value.n}', id: 'key' }))
    const batch = batchOf(Array.from({ length: 10_001 }, (_, n) => ({ value: { n: `N${n}` } })))
    const made = Array.from(batch, (record) => names.of(record))
    expect(new Set(made).size).toBe(10_001)
    // `N0` would exclude `n0` if it were still known.
    expect(names.of(batchOf([{ value: { n: 'n0' } }]).at(0))).toBe('n0')
  })
})
