import { PassThrough } from 'node:stream'
import { describe, expect, it } from '@jest/globals'
import { type RecordBatch, packRecords } from '@connect-run/core'
import { lineMaker } from '../../src/sink/line-format.ts'
import type { FileSinkConfig } from '../../src/sink/sink-config.ts'
import { StdoutSinkTask } from '../../src/sink/stdout-task.ts'

function batch(...values: string[]): RecordBatch {
  return packRecords(
    values.map((value, offset) => ({
      stream: 't',
      partition: 0,
      offset,
      timestamp: -1,
      key: Buffer.from('k'),
      value: Buffer.from(value),
    })),
  )
}

function lines(config: Partial<FileSinkConfig>, of: RecordBatch): string {
  return lineMaker({ path: 'x', format: 'raw', ...config })(of).bytes.toString()
}

const recipe = (title: unknown, calories: unknown): RecordBatch => batch('').withValues([{ title, calories }])

const { signal } = new AbortController()

describe('lines', () => {
  it('are the values as they are', () => {
    expect(lines({}, batch('a', '', 'ü\nb'))).toBe('a\n\nü\nb\n')
    expect(lines({}, batch('a', 'b', 'c').select([2, 0]))).toBe('c\na\n')
    expect(lineMaker({ path: 'x', format: 'raw' })(batch('ab', '', 'c')).ends).toEqual(Int32Array.of(3, 4, 6))
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

  it('of a template name the record that lacks something, and are made of the others', () => {
    const template = '${topic} ${value.title}'
    const two = batch('', '').withValues([{ title: 'a' }, {}])
    const made = lineMaker({ path: 'x', format: 'template', template })(two)
    expect(made.bytes.toString()).toBe('t a\n')
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
