import { describe, expect, it } from '@jest/globals'
import { checkSink } from '../src/sink-check.ts'
import type { CnosdbSinkConfig } from '../src/sink-config.ts'
import { sinkConfig } from './support.ts'

function issues(options: Partial<CnosdbSinkConfig>): string[] {
  return checkSink(sinkConfig(options)).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('checkSink', () => {
  it.each<[Partial<CnosdbSinkConfig>]>([
    [{}],
    [{ table: '${topic}_${value.a.b}' }],
    [{ preset: 'telegraf' }],
    [{ time: { field: 'ts', unit: 'ms' } }],
    [{ tags: { static: { host: 'a b' }, headers: ['src'] } }],
  ])('%j is fine', (options) => {
    expect(issues(options)).toEqual([])
  })

  it.each<[Partial<CnosdbSinkConfig>, string]>([
    [{ url: 'http://root:secret@127.0.0.1' }, 'url: credentials in an address end up in logs'],
    [{ url: 'http://127.0.0.1/?db=x' }, 'url: the address has a query or a fragment'],
    [{ table: '${Topic}' }, 'table: ${Topic} is neither ${topic} nor ${value.…}'],
    [{ table: 'a${value' }, 'table: a `${` is not closed'],
    [{ table: '#a' }, 'table: the table name "#a" begins with "#"'],
    [{ time: { unit: 'ms' } }, 'time: `time.field` is missing'],
    [{ time: { field: 'ts' } }, 'time: how is the time written?'],
    [{ time: { field: 'ts', unit: 's', format: 'rfc3339' } }, 'time: `unit` and `format` exclude each other'],
    [
      { tags: { static: { time: 'x' } } },
      'tags.static.time: a tag is named `time`, which is the name of the time column',
    ],
    [{ tags: { static: { a: 'b\n' } } }, 'tags.static.a: the tag `a` has a line break'],
    [{ tags: { static: { partition: 'x' } } }, 'tags.static.partition: the sink adds a tag `partition` itself'],
    [{ tags: { headers: ['time'] } }, 'tags.headers.0: a tag is named `time`, which is the name of the time column'],
    [
      { api: 'influxdb', fields: { types: { a: 'unsigned' } } },
      'fields.types.a: InfluxDB 1.x has no unsigned integers',
    ],
  ])('%j: %s', (options, expected) => {
    expect(issues(options)).toEqual([expected])
  })

  it('a table is needed without a preset', () => {
    const { table: _table, ...config } = sinkConfig()
    expect(checkSink(config).map(({ path, message }) => [path, message])).toEqual([[[], '`table` is missing']])
  })

  it('shows no password', () => {
    expect(JSON.stringify(checkSink(sinkConfig({ url: 'http://root:secret@127.0.0.1' })))).not.toContain('secret')
  })
})
