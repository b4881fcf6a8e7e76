import path from 'node:path'
import { type ConfigIssue, type ObjectSchema, type SinkTraits, templateProblem } from '@connect-run/core'

export type LineFormat = 'raw' | 'json-lines' | 'template'

export interface FileSinkConfig {
  readonly path: string
  readonly format: LineFormat
  readonly template?: string
}

/** The path that stands for standard output. */
export const STDOUT = '-'

export const sinkSchema: ObjectSchema<FileSinkConfig> = {
  type: 'object',
  description: 'Appends a line for each record.',
  required: ['path'],
  properties: {
    path: {
      type: 'string',
      minLength: 1,
      description:
        'The file, from where the worker was started; `-` is standard output. It is made where it is missing, its ' +
        'folder is not, so that a disk that is not mounted is noticed.',
      examples: ['/data/readings.jsonl', '-'],
    },
    format: {
      type: 'string',
      enum: ['raw', 'json-lines', 'template'],
      default: 'raw',
      description:
        '`raw`: the value as its converter writes it, also with line ends inside. `json-lines`: the same for JSON, on ' +
        'one line. `template`: the text of `template`.',
    },
    template: {
      type: 'string',
      minLength: 1,
      description:
        'A line with `${topic}`, `${key}` and `${value.…}` in it, for `format: template`. Line ends in what is put in ' +
        'become spaces.',
      examples: ['Alert: ${value.title} calories count is ${value.calories}'],
    },
  },
}

/** What the schema can't say. */
export function checkSink({ format, template }: FileSinkConfig): readonly ConfigIssue[] {
  if (format !== 'template') {
    if (template === undefined) return []
    return [{ path: ['template'], message: 'belongs to `format: template`', hint: 'Set `format: template`.' }]
  }
  if (template === undefined) return [{ path: [], message: '`format: template` needs a `template`' }]
  const problem = templateProblem(template, ['topic', 'key', 'value'])
  return problem === undefined ? [] : [{ path: ['template'], message: problem }]
}

export function sinkTraits({ format }: FileSinkConfig): SinkTraits {
  return {
    ordered: true,
    reads: format === 'template' ? 'values' : 'bytes',
    tombstones: 'skip',
  }
}

/** The file that a pipeline must have for itself. */
export function sinkClaims({ path: file }: FileSinkConfig): readonly string[] {
  return file === STDOUT ? [] : [path.resolve(file)]
}
