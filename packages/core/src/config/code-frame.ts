import type { Cover } from './redact.ts'
import type { Span } from './issue.ts'

export interface FrameLine {
  /** From 1. */
  readonly number: number
  readonly text: string
}

/** The lines around a place, with secrets hidden. */
export interface CodeFrame {
  readonly lines: readonly FrameLine[]
  /** What to point at: columns from 1 of the text as shown. */
  readonly mark: { readonly line: number; readonly column: number; readonly length: number }
}

/** One line before and one after tell where one is; more would bury the next error. */
const around = 1

/** The frame for a span of a text. `covers` may overlap and need no order. */
export function codeFrame(text: string, span: Span, covers: readonly Cover[]): CodeFrame {
  const shown = cover(text, span, covers)
  const lines = shown.text.split('\n').map((line) => visible(line.replace(/\r$/, '')))
  const before = shown.text.slice(0, shown.span.start).split('\n')
  const index = before.length - 1
  const column = before[index]!.length + 1
  const length = Math.min(shown.span.end - shown.span.start, (lines[index]?.length ?? 0) - column + 1)
  const first = Math.max(0, index - around)
  return {
    lines: lines
      .slice(first, index + around + 1)
      .map((line, i) => ({ number: first + i + 1, text: line }))
      .filter((line) => line.number === index + 1 || line.text.trim() !== ''),
    mark: { line: index + 1, column, length: Math.max(1, length) },
  }
}

// oxlint-disable-next-line no-control-regex -- it is control characters that are looked for
const invisible = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u200E\u200F\u202A-\u202E\u2066-\u2069]/g

/** Control characters as pictures of the same length: a terminal would obey them. Tabs and line ends stay. */
export function visible(text: string): string {
  return text.replace(invisible, (character) => {
    const code = character.charCodeAt(0)
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\uFFFD'
  })
}

/** Replaces what must not be seen and moves the span accordingly. */
function cover(text: string, span: Span, covers: readonly Cover[]): { text: string; span: Span } {
  let { start, end } = span
  let result = ''
  let at = 0
  for (const part of covers.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (part.start < at) continue
    result += text.slice(at, part.start) + part.shown
    at = part.end
    const grown = part.shown.length - (part.end - part.start)
    if (part.end <= span.start) start += grown
    else if (part.start <= span.start) start = result.length - part.shown.length
    if (part.start < span.end) end = part.end <= span.end ? end + grown : result.length
  }
  return { text: result + text.slice(at), span: { start, end: Math.max(start + 1, end) } }
}
