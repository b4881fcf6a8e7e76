import { describe, expect, it } from '@jest/globals'
import { parseLineProtocol } from '@connect-run/testkit/embedded'
import type { CnosdbSinkConfig, TimeUnit } from '../../src/sink-config.ts'
import { encode, encodeJson, readVectors, why } from '../support.ts'

interface Case {
  readonly config: {
    readonly tag_keys?: readonly string[]
    readonly json_string_fields?: readonly string[]
    readonly json_name_key?: string
    readonly json_query?: string
    readonly json_time_key?: string
    readonly json_time_format?: string
    readonly msg_headers_as_tags?: readonly string[]
    readonly global_tags?: Readonly<Record<string, string>>
    readonly headers?: Readonly<Record<string, string>>
  }
  readonly value: string
  readonly lp?: readonly string[]
  readonly error?: string
}

const units: Readonly<Record<string, TimeUnit>> = { unix: 's', unix_ms: 'ms', unix_us: 'us', unix_ns: 'ns' }

/** Telegraf's options in ours, as the README says. */
function translated({ config }: Case): Partial<CnosdbSinkConfig> {
  const { json_name_key: nameKey, json_time_key: timeKey, json_time_format: format = '', json_query: query } = config
  const unit = units[format]
  return {
    preset: 'telegraf',
    ...(nameKey === undefined ? {} : { table: `\${value.${nameKey.replace('_', '.')}}` }),
    ...(query === undefined ? {} : { root: query }),
    ...(timeKey === undefined
      ? {}
      : { time: { field: timeKey, ...(unit === undefined ? { format: 'rfc3339' } : { unit }) } }),
    tags: {
      fields: config.tag_keys ?? [],
      headers: config.msg_headers_as_tags ?? [],
      static: config.global_tags ?? {},
    },
    fields: { strings: config.json_string_fields ?? [] },
  }
}

function outcome(one: Case): { lines: string } | { failure: string } {
  const headers = Object.entries(one.config.headers ?? {}).map(([key, value]) => ({ key, value: Buffer.from(value) }))
  const { text, failures } = encodeJson([{ value: Buffer.from(one.value), offset: 0, headers }], translated(one))
  return failures[0] === undefined ? { lines: comparable([text]) } : { failure: why(failures[0]) }
}

/** Points as text; the order of tags and fields means nothing, and `1e21` is `1000000000000000000000`. */
function comparable(lines: readonly string[]): string {
  const points = parseLineProtocol(Buffer.from(lines.join('\n'))).map(({ table, tags, fields, time }) => [
    table,
    [...tags].map((tag) => `${tag.key}=${tag.value}`).sort(),
    [...fields]
      .map((field) => `${field.key}=${field.type} ${Object.is(field.value, -0) ? '-0' : String(field.value)}`)
      .sort(),
    String(time),
  ])
  return JSON.stringify(points, null, 1)
}

const nothingIsDroppedSilently = 'Telegraf drops it without a word; here it is dead-lettered with its reason'

/** Where the outcome differs from Telegraf's on purpose: what it is instead, and why. */
const deviations: Readonly<Record<string, { readonly failure: RegExp; readonly because: string }>> = {
  '{"time":1690510331,"v":1}': {
    failure: /named `time`/,
    because: 'CnosDB refuses the whole batch for a field `time`',
  },
  '{"t":"C:\\\\Windows","v":1}': { failure: /has a backslash/, because: 'CnosDB refuses the whole batch' },
  '{"t":"\\\\","v":42}': { failure: /has a backslash/, because: 'Telegraf drops the tag, and with it the series' },
  '{"t":"x\\ny","v":1}': { failure: /has a line break/, because: 'CnosDB refuses what Telegraf writes' },
  '{"id":9007199254740993}': { failure: /would round/, because: 'Telegraf stores another number' },
  '{"name":"","v":1}': { failure: /table name is empty/, because: nothingIsDroppedSilently },
  '{"error":null,"result":{"data":null}}': { failure: /needs an object/, because: nothingIsDroppedSilently },
  null: { failure: /needs an object/, because: nothingIsDroppedSilently },
  '[]': { failure: /empty array/, because: nothingIsDroppedSilently },
  '': { failure: /empty value/, because: nothingIsDroppedSilently },
  '\n\t': { failure: /JSON/, because: nothingIsDroppedSilently },
  '{"v":1,"time":"04 Jan 06 15:04"}': { failure: /is not a time like/, because: 'Go’s layouts are not supported' },
}

/** Same point, other time. */
const otherTimes: Readonly<Record<string, string>> = {
  // The digits as written, not those of the nearest double.
  '{"v":1,"ts":1536002769.123}': '1536002769123000000',
}

const cases = readVectors<Case>('telegraf')

describe('preset: telegraf', () => {
  it('has every deviation among the cases', () => {
    const values = cases.map((one) => one.value)
    for (const value of [...Object.keys(deviations), ...Object.keys(otherTimes)]) expect(values).toContain(value)
  })

  it.each(cases.map((one) => [one.value, one] as const))('%j', (value, one) => {
    const deviation = deviations[value]
    if (deviation !== undefined) expect(outcome(one)).toEqual({ failure: expect.stringMatching(deviation.failure) })
    else if (one.error !== undefined) expect(outcome(one)).toHaveProperty('failure')
    else {
      const lines = one.lp!.map((text) => text.replace(/\d+$/, (time) => otherTimes[value] ?? time))
      expect(outcome(one)).toEqual({ lines: comparable(lines) })
    }
  })

  it('puts the partition into the nanoseconds', () => {
    const records = [{ value: { v: 1 }, partition: 3, offset: 7 }]
    expect(encode(records, { preset: 'telegraf' }).text).toBe('kafka_consumer v=1 1690510331000000451\n')
  })

  it('tells elements with the same tags apart', () => {
    const value = [
      { t: 'a', v: 1 },
      { t: 'b', v: 2 },
      { t: 'a', v: 3 },
    ]
    const { text } = encode([{ value }], { preset: 'telegraf', tags: { fields: ['t'] } })
    expect(text.split('\n').map((row) => row.split(' ')[0])).toEqual([
      'kafka_consumer,t=a',
      'kafka_consumer,t=b',
      'kafka_consumer,t=a,index=2',
      '',
    ])
  })
})
