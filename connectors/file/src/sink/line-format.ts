import {
  type ConnectRecord,
  type RecordBatch,
  type RecordError,
  type RowFailure,
  type TemplatePart,
  isRecordError,
  parseTemplate,
  templateText,
  valueAt,
} from '@connect-run/core'
import type { FileSinkConfig } from './sink-config.ts'

/** The lines of a batch, one behind the other. */
export interface Lines {
  readonly bytes: Buffer
  /** By row: where its line ends in `bytes`; where the line before ended if it has none. */
  readonly ends: Int32Array
  /** Rows that have no line, with the reason. */
  readonly failures: readonly RowFailure[]
}

export type LineMaker = (batch: RecordBatch) => Lines

const LF = 0x0a
const SPACE = 0x20

export function lineMaker({ format, template }: FileSinkConfig): LineMaker {
  if (format === 'template') return templateLines(parseTemplate(template!))
  return format === 'json-lines' ? (batch) => onOneLineEach(valueLines(batch)) : valueLines
}

function valueLines(batch: RecordBatch): Lines {
  const { length } = batch
  const ends = new Int32Array(length)
  const values = batch.passesThrough ? null : Array.from({ length }, (_, i) => batch.valueBytes(i)!)
  let size = length
  for (let i = 0; i < length; i++) size += values === null ? valueLength(batch, i) : values[i]!.length
  const bytes = Buffer.allocUnsafe(size)
  const { buffer, valueStart, valueEnd } = batch.packed
  let at = 0
  for (let i = 0; i < length; i++) {
    if (values === null) {
      const row = batch.packedRow(i)
      at += buffer.copy(bytes, at, valueStart[row], valueEnd[row])
    } else at += values[i]!.copy(bytes, at)
    bytes[at++] = LF
    ends[i] = at
  }
  return { bytes, ends, failures: [] }
}

function valueLength(batch: RecordBatch, i: number): number {
  const row = batch.packedRow(i)
  return batch.packed.valueEnd[row]! - batch.packed.valueStart[row]!
}

/** A line end within JSON can only stand between its tokens: a space says the same. */
function onOneLineEach(lines: Lines): Lines {
  const { bytes, ends } = lines
  let start = 0
  for (const end of ends) {
    for (let at = bytes.indexOf(LF, start); at < end - 1; at = bytes.indexOf(LF, at + 1)) bytes[at] = SPACE
    start = end
  }
  return lines
}

function templateLines(parts: readonly TemplatePart[]): LineMaker {
  return (batch) => {
    const ends = new Int32Array(batch.length)
    const failures: RowFailure[] = []
    const lines: Buffer[] = []
    let at = 0
    for (let row = 0; row < batch.length; row++) {
      const line = fill(parts, batch.at(row))
      if (typeof line === 'string') {
        const bytes = Buffer.from(`${line}\n`, 'utf8')
        lines.push(bytes)
        at += bytes.length
      } else failures.push({ row, error: line })
      ends[row] = at
    }
    return { bytes: Buffer.concat(lines, at), ends, failures }
  }
}

function fill(parts: readonly TemplatePart[], record: ConnectRecord): string | RecordError {
  let line = ''
  try {
    for (const part of parts) line += part.kind === 'text' ? part.text : oneLine(textOf(part, record))
    return line
  } catch (error) {
    if (isRecordError(error)) return error
    throw error
  }
}

function textOf(part: Exclude<TemplatePart, { kind: 'text' }>, record: ConnectRecord): string {
  if (part.kind === 'topic') return record.stream
  if (part.kind === 'key') return templateText(record.key, 'template', 'a key')
  return templateText(valueAt(record.value, part.path), 'template', part.source)
}

function oneLine(text: string): string {
  return text.replaceAll(/\r?\n/g, ' ')
}
