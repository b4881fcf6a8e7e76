import { CsvSplitter } from './csv-splitter.ts'
import { JsonArraySplitter } from './json-array-splitter.ts'
import { LineSplitter } from './line-splitter.ts'
import { MultilineSplitter } from './multiline.ts'
import type { Splitter } from './splitter.ts'
import { type EncodingName, textEncoding } from './text-encoding.ts'

export interface FormatConfig {
  readonly format: 'lines' | 'csv' | 'json-array'
  readonly encoding: EncodingName
  /** Bytes as they stand in the file. */
  readonly maxRecordBytes: number
  readonly multiline?: { readonly start: string }
  readonly csv?: { readonly delimiter?: string; readonly header?: boolean | readonly string[] }
}

/** Between the columns of CSV. */
export const DEFAULT_DELIMITER = ','

/** A splitter for a file from its beginning, or from where another one with this token left off. */
export function createSplitter(config: FormatConfig, token?: unknown): Splitter {
  const { format, maxRecordBytes, multiline, csv } = config
  if (format === 'json-array') return new JsonArraySplitter({ maxRecordBytes, token })
  const encoding = textEncoding(config.encoding)
  if (format === 'csv') {
    const { delimiter = DEFAULT_DELIMITER, header = true } = csv ?? {}
    return new CsvSplitter({ delimiter, header, maxRecordBytes, toUtf8: encoding.toUtf8, token })
  }
  const lines = new LineSplitter({ encoding, maxRecordBytes, token })
  if (multiline === undefined) return lines
  return new MultilineSplitter({ lines, start: new RegExp(multiline.start), maxRecordBytes })
}
