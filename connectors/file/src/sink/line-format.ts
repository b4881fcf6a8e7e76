import {
  type ConnectRecord,
  type RecordBatch,
  type RecordError,
  type RowFailure,
  type TemplatePart,
  isRecordError,
  parseTemplate,
  partText,
} from '@connect-run/core'
import { LineBuffer } from './line-buffer.ts'
import type { FileSinkConfig } from './sink-config.ts'

/** The lines of a batch, one behind the other. Their bytes are valid until the next batch. */
export interface Lines {
  /** To be written in this order. */
  readonly parts: readonly Uint8Array[]
  /** Bytes of all of them. */
  readonly length: number
  /** By row: where its line ends; where the line before ended if it has none. */
  readonly ends: Int32Array
  /** Rows that have no line, with the reason. */
  readonly failures: readonly RowFailure[]
}

export type LineMaker = (batch: RecordBatch) => Lines

export function lineMaker({ format, template }: FileSinkConfig): LineMaker {
  if (format === 'template') return templateLines(parseTemplate(template!))
  return valueLines(new LineBuffer(format === 'json-lines'))
}

/** A line end within JSON can only stand between its tokens, where a space says the same. */
function valueLines(lines: LineBuffer): LineMaker {
  return (batch) => {
    const { buffer, valueStart, valueEnd } = batch.encoded()
    const ends = new Int32Array(batch.length)
    lines.begin(buffer, valueStart, valueEnd)
    for (let i = 0; i < ends.length; i++) {
      const end = valueEnd[i]!
      if (end >= 0) lines.add(valueStart[i]!, end)
      ends[i] = lines.length
    }
    return { parts: lines.parts(), length: lines.length, ends, failures: [] }
  }
}

function templateLines(parts: readonly TemplatePart[]): LineMaker {
  return (batch) => {
    const failures: RowFailure[] = []
    const lines: string[] = []
    let text = ''
    for (let row = 0; row < batch.length; row++) {
      const line = fill(parts, batch.at(row))
      if (typeof line === 'string') text += line
      else failures.push({ row, error: line })
      lines.push(typeof line === 'string' ? line : '')
    }
    const bytes = Buffer.from(text, 'utf8')
    const ends = endsOf(lines, bytes.length === text.length)
    return { parts: [bytes], length: bytes.length, ends, failures }
  }
}

/** Where each line ends, in bytes. */
function endsOf(lines: readonly string[], isAscii: boolean): Int32Array {
  const ends = new Int32Array(lines.length)
  let at = 0
  for (let row = 0; row < ends.length; row++) {
    at += isAscii ? lines[row]!.length : Buffer.byteLength(lines[row]!)
    ends[row] = at
  }
  return ends
}

/** The line with its end, or why there is none. */
function fill(parts: readonly TemplatePart[], record: ConnectRecord): string | RecordError {
  let line = ''
  try {
    for (const part of parts) line += part.kind === 'text' ? part.text : oneLine(partText(part, record, 'template'))
    return `${line}\n`
  } catch (error) {
    if (isRecordError(error)) return error
    throw error
  }
}

function oneLine(text: string): string {
  return text.includes('\n') ? text.replaceAll(/\r?\n/g, ' ') : text
}
