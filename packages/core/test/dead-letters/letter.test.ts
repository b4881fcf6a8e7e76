import { describe, expect, it } from '@jest/globals'
import { RecordError } from '../../src/index.ts'
import { letterLine, parseLine } from '../../src/dead-letters/letter-line.ts'
import { attemptsOf, failedAt, letterOf } from '../../src/dead-letters/letter.ts'
import { letter, written } from '../support/letters.ts'

const place = { container: 'q', number: 1 }
const binary = Buffer.from([0, 255, 254, 10, 13, 195, 40, 0])

describe('a dead letter', () => {
  it('has the headers of Kafka Connect, byte for byte and in its order, and then our own', () => {
    const error = new RecordError('CONVERSION_FAILED', 'not JSON', { hint: 'mend it' })
    const { headers } = written({ offset: 7, stage: 'VALUE_CONVERTER', error, attempts: 0 })
    const told = headers!.map(({ key, value }) => [key.replace('__connect.errors.', ''), value!.toString()])
    expect(told.filter(([name]) => name !== 'exception.stacktrace')).toEqual([
      ['topic', 't'],
      ['partition', '0'],
      ['offset', '7'],
      ['connector.name', 'p'],
      ['task.id', '0'],
      ['stage', 'VALUE_CONVERTER'],
      ['class.name', 'value-format'],
      ['exception.class.name', 'RecordError'],
      ['exception.message', 'not JSON'],
      ['code', 'CONVERSION_FAILED'],
      ['hint', 'mend it'],
      ['pipeline', 'w-p'],
      ['attempts', '1'],
      ['first.failure.time', '2023-11-14T22:13:20.000Z'],
      ['timestamp', '1600000000000'],
    ])
    expect(told[9]![0]).toBe('exception.stacktrace')
    expect(told[9]![1]).toContain('not JSON')
  })

  it('says which transform it failed in', () => {
    const executing = (setting: object): string | undefined => {
      const found = letterOf(written({ offset: 1, ...setting }), place)
      return found.errors['class.name']
    }
    expect(executing({ stage: 'TRANSFORMATION', transform: 'rename' })).toBe('rename')
    // What a transform was the first to read could not be converted.
    expect(executing({ stage: 'VALUE_CONVERTER', transform: 'rename' })).toBe('value-format')
    expect(executing({ stage: 'TASK_PUT' })).toBe('sink')
  })

  it('keeps binary keys, values and headers untouched through a line of JSON', () => {
    const headers = [
      { key: 'h', value: binary },
      { key: 'h', value: null },
      { key: 'ü', value: Buffer.alloc(0) },
    ]
    const before = written({ offset: 2 ** 52, key: binary, value: Buffer.from('naïve ✓'), headers, timestamp: -1 })
    const after = parseLine(letterLine(before))
    expect(after).toEqual(before)
    expect(letterOf(after!, place)).toMatchObject({
      key: binary,
      value: Buffer.from('naïve ✓'),
      headers,
      timestamp: undefined,
      offset: 2 ** 52,
    })
    const empty = written({ offset: 1, key: Buffer.alloc(0), value: null })
    expect(parseLine(letterLine(empty))).toEqual(empty)
  })

  it.each(['', 'null', '{}', '{"stream":"t"}', '{"stream":"t","partition":0,"offset":1,"headers":5}', '{"stream":'])(
    'is not %s',
    (line) => expect(parseLine(line)).toBeUndefined(),
  )

  it('of a record that has such headers itself keeps them', () => {
    const own = written({ offset: 1 }).headers!
    const again = letterOf(written({ offset: 9, stream: 'dlq', headers: own }), place)
    expect(again).toMatchObject({ stream: 'dlq', offset: 9, headers: own })
  })

  it('of Kafka Connect is understood, also without any headers', () => {
    const headers = [
      { key: 'mine', value: Buffer.from('x') },
      ...Object.entries({ topic: 'a', partition: '3', offset: '12', stage: 'VALUE_CONVERTER' }).map(([name, value]) => {
        return { key: `__connect.errors.${name}`, value: Buffer.from(value) }
      }),
    ]
    const bytes = { key: null, value: Buffer.from('v') }
    const found = letterOf({ stream: 'dlq', partition: 0, offset: 5, timestamp: 99, ...bytes, headers }, place)
    expect(found).toMatchObject({ stream: 'a', partition: 3, offset: 12, timestamp: 99, headers: [headers[0]] })
    expect(attemptsOf(found)).toBe(1)
    expect(failedAt(found)).toBeUndefined()
    const bare = letterOf({ stream: 'dlq', partition: 0, offset: 5, timestamp: -1, ...bytes }, place)
    expect(bare).toMatchObject({ stream: 'dlq', partition: 0, offset: 5, timestamp: undefined, errors: {} })
  })

  it('has a name of its own, and one that it shares with others of its record', () => {
    const first = letter({ offset: 1, failedMs: 1000 })
    const again = letter({ offset: 1, failedMs: 2000 })
    expect(letter({ offset: 1, failedMs: 1000 }).id).toBe(first.id)
    expect(again.id).not.toBe(first.id)
    expect(again.recordId).toBe(first.recordId)
    const others = [{ partition: 1 }, { stream: 'u' }, { timestamp: 5 }, { value: null }, { value: Buffer.alloc(0) }]
    const ids = [{ key: Buffer.from('v') }, { key: Buffer.from('v'), value: Buffer.from('1') }, ...others].map(
      (change) => letter({ offset: 1, ...change }).recordId,
    )
    expect(new Set([first.recordId, ...ids]).size).toBe(ids.length + 1)
  })
})
