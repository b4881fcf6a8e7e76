import { describe, expect, it } from '@jest/globals'
import {
  packRecords,
  parseTemplate,
  partText,
  templateProblem,
  templateText,
  type ConnectRecord,
  type Header,
  valueAt,
} from '../../src/index.ts'

describe('templateProblem', () => {
  it('knows the subjects that the sink knows, and no others', () => {
    expect(templateProblem('plain', ['topic'])).toBeUndefined()
    expect(templateProblem('a-${topic}-${value.b.c}', ['topic', 'value'])).toBeUndefined()
    expect(templateProblem('${key}', ['topic', 'value'])).toBe('${key} is neither ${topic} nor ${value.…}')
    expect(templateProblem('${value}', ['topic', 'key', 'value'])).toBe(
      '${value} is neither ${topic}, ${key} nor ${value.…}',
    )
    expect(templateProblem('${value..a}', ['topic', 'value'])).toContain('${value..a}')
  })

  it('knows headers and times, and what is wrong with the pattern of a time', () => {
    const problem = (template: string): string | undefined => templateProblem(template, ['topic', 'header', 'time'])
    expect(problem('${header.X-Trace.id}-${time:yyyy.MM.dd}-${time:HH}')).toBeUndefined()
    expect(problem('${time:yyyyMMdd}')).toBeUndefined()
    expect(problem('${header}')).toBe('${header} is neither ${topic}, ${header.…} nor ${time:…}')
    expect(problem('${time}')).toBe('${time}: a time needs a pattern, as in `${time:yyyy.MM.dd}`')
    expect(problem('${time:.}')).toContain('needs a pattern')
    expect(problem('${time:yyyy.mm.dd}')).toBe('${time:yyyy.mm.dd}: `mm` is no part of a time, write `MM`')
    expect(problem('${time:YYYY.MM.DD}')).toBe('${time:YYYY.MM.DD}: `YYYY` is no part of a time, write `yyyy`')
    expect(problem('${time:ww}')).toBe('${time:ww}: `ww` is no part of a time; `yyyy`, `MM`, `dd` and `HH` are')
    expect(templateProblem('${time:yyyy}', ['topic', 'key'])).toBe('${time:yyyy} is neither ${topic} nor ${key}')
  })

  it('notices a placeholder that is not closed', () => {
    expect(templateProblem('a-${topic', ['topic'])).toBe('a `${` is not closed')
  })
})

describe('parseTemplate', () => {
  it('cuts a template into its parts', () => {
    expect(parseTemplate('a-${topic}.${key}${value.b.c}!')).toEqual([
      { kind: 'text', text: 'a-' },
      { kind: 'topic' },
      { kind: 'text', text: '.' },
      { kind: 'key' },
      { kind: 'value', path: ['b', 'c'], source: '${value.b.c}' },
      { kind: 'text', text: '!' },
    ])
  })
})

describe('partText', () => {
  const TIME = Date.UTC(2024, 1, 29, 23, 59, 59, 999)
  function recordOf(options: { timestamp?: number; headers?: readonly Header[] } = {}): ConnectRecord {
    const { timestamp = TIME, headers } = options
    const at = { stream: 'oceanic', partition: 0, offset: 0, timestamp, headers, key: null, value: null }
    return packRecords([at])
      .withValues([{ a: { b: 7 } }])
      .at(0)
  }
  function render(template: string, record: ConnectRecord = recordOf()): string {
    return parseTemplate(template)
      .map((part) => partText(part, record, 'index'))
      .join('')
  }

  it('finds every subject of a record', () => {
    const headers = [
      { key: 'x', value: Buffer.from('old') },
      { key: 'x', value: Buffer.from('né') },
    ]
    expect(render('a-${topic}-${value.a.b}-${header.x}', recordOf({ headers }))).toBe('a-oceanic-7-né')
    expect(() => render('${key}')).toThrow('the index needs a key, which the record does not have')
    expect(() => render('${header.x}')).toThrow('the index needs ${header.x}, which the record does not have')
    expect(() => render('${header.x}', recordOf({ headers: [{ key: 'x', value: null }] }))).toThrow('${header.x}')
    const binary = [{ key: 'x', value: Buffer.from([0xff]) }]
    expect(() => render('${header.x}', recordOf({ headers: binary }))).toThrow('not UTF-8')
  })

  it('writes the time of the record in UTC, hour by hour', () => {
    expect(render('${time:yyyy.MM.dd}-${time:HH}')).toBe('2024.02.29-23')
    const [part] = parseTemplate('${time:yyyyMMdd HH}')
    const hours = [0, 1, TIME, TIME + 1, TIME].map((timestamp) => partText(part!, recordOf({ timestamp }), 'index'))
    expect(hours).toEqual(['19700101 00', '19700101 00', '20240229 23', '20240301 00', '20240229 23'])
  })

  it('refuses a record without a time, and one whose time no calendar has', () => {
    expect(() => render('${time:yyyy}', recordOf({ timestamp: -1 }))).toThrow('the index needs ${time:yyyy} (a time)')
    expect(() => render('${time:yyyy}', recordOf({ timestamp: 9e15 }))).toThrow('beyond every calendar')
  })
})

describe('templateText', () => {
  it('takes what has one text, and refuses the record otherwise', () => {
    expect([
      templateText('a', 'table', 'x'),
      templateText(1.5, 'table', 'x'),
      templateText(true, 'table', 'x'),
    ]).toEqual(['a', '1.5', 'true'])
    for (const found of [undefined, null, {}, []]) {
      expect(() => templateText(found, 'table', '${value.a}')).toThrow(
        'the table needs ${value.a}, which the record does not have',
      )
    }
  })
})

describe('valueAt', () => {
  it('follows own keys only', () => {
    expect(valueAt({ a: { b: 0 } }, ['a', 'b'])).toBe(0)
    expect(valueAt({ a: 1 }, ['a', 'b'])).toBeUndefined()
    expect(valueAt({}, ['constructor'])).toBeUndefined()
  })
})
