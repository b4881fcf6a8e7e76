import { PassThrough } from 'node:stream'
import { describe, expect, it } from '@jest/globals'
import { type RecordBatch, packRecords } from '@connect-run/core'
import * as fc from 'fast-check'
import { lineMaker } from '../../src/sink/line-format.ts'
import type { FileSinkConfig } from '../../src/sink/sink-config.ts'
import { StdoutSinkTask } from '../../src/sink/stdout-task.ts'

function batch(...values: string[]): RecordBatch {
  return packed(values)
}

function packed(values: readonly (string | null)[]): RecordBatch {
  return packRecords(
    values.map((value, offset) => ({
      stream: 't',
      partition: 0,
      offset,
      timestamp: -1,
      key: Buffer.from('k'),
      value: value === null ? null : Buffer.from(value),
    })),
  )
}

function lines(config: Partial<FileSinkConfig>, of: RecordBatch): string {
  return Buffer.concat(lineMaker({ path: 'x', format: 'raw', ...config })(of).parts).toString()
}

const recipe = (title: unknown, calories: unknown): RecordBatch => batch('').withValues([{ title, calories }])

const { signal } = new AbortController()

describe('lines', () => {
  it('are the values as they are', () => {
    expect(lines({}, batch('a', '', 'ü\nb'))).toBe('a\n\nü\nb\n')
    expect(lines({}, batch('a', 'b', 'c').select([2, 0]))).toBe('c\na\n')
    expect(lineMaker({ path: 'x', format: 'raw' })(batch('ab', '', 'c')).ends).toEqual(Int32Array.of(3, 4, 6))
  })

  it('are those of any values, short and long, batch after batch, of the rows that are left', () => {
    // 64 KiB and more are not copied.
    const length = fc.oneof(
      fc.nat(100),
      fc.constantFrom(0, 1023, 1024, 1025, 65_535, 65_536, 65_537, 200_000),
      fc.constant(-1),
    )
    const value = fc.tuple(length, fc.constantFrom('a', 'ü', '\n', '\na', ' \n\n')).map(([size, text]) => {
      return size < 0 ? null : text.repeat(Math.ceil(size / text.length)).slice(0, size)
    })
    const values = fc.array(fc.tuple(value, fc.boolean()), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(fc.array(values, { maxLength: 4 }), fc.boolean(), (batches, flat) => {
        const make = lineMaker({ path: 'x', format: flat ? 'json-lines' : 'raw' })
        for (const rows of batches) {
          const kept = rows.flatMap(([, isKept], row) => (isKept ? [row] : []))
          const all = packed(rows.map(([text]) => text))
          for (const [of, picked] of [
            [all, rows],
            [all.select(kept), kept.map((row) => rows[row]!)],
          ] as const) {
            let text = ''
            const ends = picked.map(([one]) => {
              if (one !== null) text += `${flat ? one.replaceAll('\n', ' ') : one}\n`
              return Buffer.byteLength(text)
            })
            const made = make(of)
            expect(Buffer.concat(made.parts).equals(Buffer.from(text))).toBe(true)
            expect(made.length).toBe(ends.at(-1) ?? 0)
            expect([...made.ends]).toEqual(ends)
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  it('that are long are not copied', () => {
    const of = batch('x'.repeat(100_000))
    const [part] = lineMaker({ path: 'x', format: 'raw' })(of).parts
    expect(part!.buffer).toBe(of.packed.buffer.buffer)
  })

  it('of JSON are one each, however it was laid out', () => {
    expect(lines({ format: 'json-lines' }, batch('{\n  "a": 1\n}', '2'))).toBe('{   "a": 1 }\n2\n')
  })

  it('of a template are filled in, on one line each', () => {
    const template = 'Alert: ${value.title} calories count is ${value.calories}'
    expect(lines({ format: 'template', template }, recipe('Spaghetti\nCarbonara', 812.5))).toBe(
      'Alert: Spaghetti Carbonara calories count is 812.5\n',
    )
  })

  it('of a template have headers and times of the record in UTC', () => {
    const headers = [{ key: 'a', value: Buffer.from('x\ny') }]
    const record = { stream: 't', partition: 0, offset: 0, timestamp: Date.UTC(2024, 4, 1, 12), headers, value: null }
    const made = lineMaker({ path: 'x', format: 'template', template: '${header.a} ${time:yyyy-MM-dd HH}h' })(
      packRecords([{ ...record, key: null }]),
    )
    expect(Buffer.concat(made.parts).toString()).toBe('x y 2024-05-01 12h\n')
  })

  it('of a template end where their bytes do, whatever the text', () => {
    const made = lineMaker({ path: 'x', format: 'template', template: '${value.title}' })(
      batch('', '', '').withValues([{ title: 'Käse' }, { title: '🎉' }, { title: '' }]),
    )
    expect(Buffer.concat(made.parts).toString()).toBe('Käse\n🎉\n\n')
    expect(made.ends).toEqual(Int32Array.of(6, 11, 12))
  })

  it('of a template name the record that lacks something, and are made of the others', () => {
    const template = '${topic} ${value.title}'
    const two = batch('', '').withValues([{ title: 'a' }, {}])
    const made = lineMaker({ path: 'x', format: 'template', template })(two)
    expect(Buffer.concat(made.parts).toString()).toBe('t a\n')
    expect(made.failures).toMatchObject([{ row: 1, error: { code: 'RECORD_INVALID' } }])
    expect(made.ends).toEqual(Int32Array.of(4, 4))
  })
})

describe('standard output', () => {
  it('gets the lines, and says when its reader has gone', async () => {
    const output = new PassThrough()
    const task = new StdoutSinkTask({ path: '-', format: 'raw' }, output)
    await task.start()
    await task.put(batch('a', 'b'), signal)
    expect(String(output.read())).toBe('a\nb\n')
    output.destroy(Object.assign(new Error('broken pipe'), { code: 'EPIPE' }))
    await expect(task.put(batch('c'), signal)).rejects.toMatchObject({ kind: 'fatal' })
    await task.stop()
  })
})
