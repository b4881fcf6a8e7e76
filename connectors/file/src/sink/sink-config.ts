import path from 'node:path'
import {
  type ConfigIssue,
  type ObjectSchema,
  type PropertySchema,
  type SinkTraits,
  templateProblem,
} from '@connect-run/core'

export type LineFormat = 'raw' | 'json-lines' | 'template'

/** When a file is put aside and the next one begun, and what becomes of it. */
export interface RotateConfig {
  /** Bytes. */
  readonly size?: number
  /** Milliseconds. */
  readonly every?: number
  /** Default `none`. */
  readonly compression?: 'none' | 'gzip'
  readonly keep?: number
}

export interface FileSinkConfig {
  readonly path: string
  readonly format: LineFormat
  readonly template?: string
  readonly mode?: string
  readonly rotate?: RotateConfig
}

/** The path that stands for standard output. */
export const STDOUT = '-'

const rotateSchema: PropertySchema = {
  type: 'object',
  description:
    'Puts the file aside as `<path>.00000001`, `<path>.00000002` and so on, and begins the next one, when either of ' +
    '`size` and `every` says so.',
  properties: {
    size: {
      type: 'string',
      format: 'size',
      description: 'Before a batch that would make the file larger than this.',
      examples: ['100MB'],
    },
    every: {
      type: 'string',
      format: 'duration',
      description:
        'Before the first batch of the next interval by the clock in UTC: `1h` at each full hour, `1d` at midnight. A ' +
        'file without lines is never put aside.',
      examples: ['1h', '1d'],
    },
    compression: {
      type: 'string',
      enum: ['none', 'gzip'],
      default: 'none',
      description: '`gzip`: files that are put aside are compressed, to `<path>.00000001.gz`.',
    },
    keep: {
      type: 'integer',
      minimum: 1,
      description: 'So many files that were put aside are kept; the oldest are removed. Without it, all are.',
    },
  },
}

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
        'A line with `${topic}`, `${key}`, `${value.…}`, `${header.…}` and `${time:…}` in it, for `format: template`. Line ends in what is put in ' +
        'become spaces.',
      examples: ['Alert: ${value.title} calories count is ${value.calories}'],
    },
    mode: {
      type: 'string',
      pattern: '^0?[0-7]{3}$',
      errorMessage: "must be permission bits in octal digits, in quotes, such as '0640'",
      advanced: true,
      description:
        'Permission bits of files that are made, in octal digits. Without it, what the umask leaves of 0644.',
      examples: ['0640'],
    },
    rotate: rotateSchema,
  },
}

/** What the schema can't say. */
export function checkSink(config: FileSinkConfig): readonly ConfigIssue[] {
  return [...checkTemplate(config), ...checkFiles(config)]
}

function checkTemplate({ format, template }: FileSinkConfig): readonly ConfigIssue[] {
  if (format !== 'template') {
    if (template === undefined) return []
    return [{ path: ['template'], message: 'belongs to `format: template`', hint: 'Set `format: template`.' }]
  }
  if (template === undefined) return [{ path: [], message: '`format: template` needs a `template`' }]
  const problem = templateProblem(template, ['topic', 'key', 'value', 'header', 'time'])
  return problem === undefined ? [] : [{ path: ['template'], message: problem }]
}

function checkFiles({ path: file, rotate, mode }: FileSinkConfig): readonly ConfigIssue[] {
  if (file === STDOUT) {
    const given = Object.entries({ rotate, mode }).filter(([, value]) => value !== undefined)
    return given.map(([name]) => ({ path: [name], message: 'belongs to a file, not to standard output' }))
  }
  if (isDescriptor(file)) {
    return [{ path: ['path'], message: `${file} is no file of its own`, hint: 'Standard output is `-`.' }]
  }
  if (rotate === undefined) return []
  const { size, every } = rotate
  if (size === undefined && every === undefined) {
    return [{ path: ['rotate'], message: 'needs `size` or `every`', hint: 'For example, `every: 1d`.' }]
  }
  const zeros = Object.entries({ size, every }).filter(([, value]) => value === 0)
  return zeros.map(([name]) => ({ path: ['rotate', name], message: 'must be more than 0' }))
}

/** What the process has open, by whatever name: there a checkpoint can't stand beside the lines. */
function isDescriptor(file: string): boolean {
  return /^\/(dev\/(stdout|stderr|fd\/)|proc\/(self|\d+)\/fd\/)/.test(path.resolve(file))
}

/** Whether the file must be put aside before `bytes` more are appended to it. */
export function isRotationDue(
  { size = Infinity, every = Infinity }: RotateConfig,
  active: { readonly length: number; readonly since: number },
  { bytes, now }: { bytes: number; now: number },
): boolean {
  if (active.length === 0) return false
  return active.length + bytes > size || Math.floor(now / every) !== Math.floor(active.since / every)
}

export function sinkTraits({ format, path: file }: FileSinkConfig): SinkTraits {
  return {
    ordered: true,
    holdsPositions: file !== STDOUT,
    reads: format === 'template' ? 'values' : 'bytes',
    tombstones: 'skip',
  }
}

/** The file that a pipeline must have for itself. */
export function sinkClaims({ path: file }: FileSinkConfig): readonly string[] {
  return file === STDOUT ? [] : [path.resolve(file)]
}
