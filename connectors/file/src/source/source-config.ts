import path from 'node:path'
import type { ConfigIssue, ObjectSchema } from '@connect-run/core'
import type { FormatConfig } from './format/format.ts'
import { encodings } from './format/text-encoding.ts'

export type Compression = 'auto' | 'none' | 'gzip'

export interface FileSourceConfig extends FormatConfig {
  readonly path: string | readonly string[]
  readonly exclude?: readonly string[]
  readonly compression: Compression
  readonly startAt: 'beginning' | 'end'
  /** Milliseconds, as all below. */
  readonly lastLineAfter: number
  readonly rotateWait: number
  readonly scanInterval: number
  readonly maxOpenFiles: number
}

/** The path that stands for standard input. */
export const STDIN = '-'

export const sourceSchema: ObjectSchema<FileSourceConfig> = {
  type: 'object',
  description: 'Reads files record by record, follows what is appended to them, and goes along with their rotation.',
  required: ['path'],
  properties: {
    path: {
      description: 'A file, a folder (its files), a glob, or a list of these; `-` is standard input.',
      examples: ['/var/log/app.log', ['/var/log/app/*.log', '/var/log/other']],
      anyOf: [
        { type: 'string', minLength: 1 },
        { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1 },
      ],
    },
    exclude: {
      type: 'array',
      items: { type: 'string', minLength: 1 },
      description: 'Globs of files to leave out.',
      examples: [['*.gz', '**/debug-*']],
    },
    format: {
      type: 'string',
      enum: ['lines', 'csv', 'json-array'],
      default: 'lines',
      description: 'A record for each line, for each row, or for each element of one JSON array.',
    },
    encoding: {
      type: 'string',
      enum: encodings,
      default: 'utf-8',
      description: 'How text is encoded. Values reach the converter as UTF-8.',
    },
    compression: {
      type: 'string',
      enum: ['auto', 'none', 'gzip'],
      default: 'auto',
      description: '`auto`: gzip where the name ends in `.gz`. Compressed files are read once, not followed.',
    },
    startAt: {
      type: 'string',
      enum: ['beginning', 'end'],
      default: 'beginning',
      description:
        'Where to begin in files that are there at the first start. Files that come later are read from the beginning.',
    },
    multiline: {
      type: 'object',
      description: 'A record of `lines` may have several lines.',
      required: ['start'],
      properties: {
        start: {
          type: 'string',
          format: 'regex',
          minLength: 1,
          description: 'Matches the first line of a record; the lines up to the next match belong to it.',
          examples: ['^\\d{4}-\\d\\d-\\d\\d '],
        },
      },
    },
    csv: {
      type: 'object',
      description: 'Of the format `csv`.',
      properties: {
        delimiter: { type: 'string', minLength: 1, description: 'Between columns. Default `,`.' },
        header: {
          description:
            'Whether the first row names the columns (default), or the names. Without names, a value is an array.',
          anyOf: [{ type: 'boolean' }, { type: 'array', items: { type: 'string' }, minItems: 1 }],
        },
      },
    },
    maxRecordBytes: {
      type: 'string',
      format: 'size',
      default: '1MiB',
      description: 'A longer record is set aside with RECORD_TOO_LARGE, and the next one is read.',
    },
    lastLineAfter: {
      type: 'string',
      format: 'duration',
      default: '5s',
      description: 'A last line without line end is taken as it is when nothing was appended for so long.',
    },
    rotateWait: {
      type: 'string',
      format: 'duration',
      default: '5s',
      advanced: true,
      description: 'How long a file that was renamed, removed or replaced is still read for late writes.',
    },
    scanInterval: {
      type: 'string',
      format: 'duration',
      default: '1s',
      advanced: true,
      description: 'How often to look for new and rotated files.',
    },
    maxOpenFiles: {
      type: 'integer',
      minimum: 1,
      default: 256,
      advanced: true,
      description: 'At most this many files are open at a time.',
    },
  },
}

/** What the schema can't say. */
export function checkSource(config: FileSourceConfig): readonly ConfigIssue[] {
  const issues: ConfigIssue[] = []
  const paths = pathsOf(config)
  if (paths.includes(STDIN) && paths.length > 1) {
    issues.push({ path: ['path'], message: '`-` (standard input) stands alone', hint: 'Use two pipelines.' })
  }
  if (config.multiline !== undefined && config.format !== 'lines') {
    issues.push({ path: ['multiline'], message: `\`multiline\` belongs to the format \`lines\`, not ${config.format}` })
  }
  if (config.csv !== undefined && config.format !== 'csv') {
    issues.push({ path: ['csv'], message: `\`csv\` belongs to the format \`csv\`, not ${config.format}` })
  }
  if (config.format === 'json-array' && config.encoding !== 'utf-8') {
    issues.push({ path: ['encoding'], message: 'JSON is written in utf-8' })
  }
  if (config.format === 'csv' && config.encoding.startsWith('utf-16')) {
    const hint = 'Convert the file first, for example with iconv.'
    issues.push({ path: ['encoding'], message: 'the format `csv` is not read in UTF-16', hint })
  }
  return issues
}

export function pathsOf({ path: paths }: FileSourceConfig): readonly string[] {
  return typeof paths === 'string' ? [paths] : paths
}

export function isStdin(config: FileSourceConfig): boolean {
  return pathsOf(config)[0] === STDIN
}

/** The streams where they are known before any file is looked at: paths without pattern may still be folders. */
export function streamsOf(config: FileSourceConfig): readonly string[] | undefined {
  return isStdin(config) ? [STDIN] : undefined
}

/** Whether the file at this path is read through gzip. */
export function isGzip({ compression }: FileSourceConfig, file: string): boolean {
  return compression === 'gzip' || (compression === 'auto' && path.extname(file).toLowerCase() === '.gz')
}
