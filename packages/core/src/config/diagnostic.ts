import type { ErrorCode } from '../api/error-codes.ts'
import { type CodeFrame, codeFrame, visible } from './code-frame.ts'
import { type Issue, pathText, type Span } from './issue.ts'
import type { Cover } from './redact.ts'
import type { YamlSource } from './yaml-source.ts'

/** One thing wrong with a config file, ready to be shown. Holds no secret and no value of a variable. */
export interface Diagnostic {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 code units. */
  readonly column: number
  readonly endColumn?: number
  readonly code: ErrorCode
  /** `pipelines.orders.source.topics[0]`; empty where the text itself is wrong. */
  readonly path: string
  readonly message: string
  readonly hint: string | undefined
  /** Absent where the file could not be read. */
  readonly frame?: CodeFrame
}

/** Where diagnostics of one file come from. */
export interface DiagnosticSource {
  readonly file: string
  readonly source: YamlSource
  readonly covers: readonly Cover[]
}

export function diagnose({ file, source, covers }: DiagnosticSource, issue: Issue, span?: Span): Diagnostic {
  const place = span ?? source.locate(issue.path, issue.at ?? 'value')
  const { line, column } = source.position(place.start)
  const end = source.position(place.end)
  return {
    file,
    line,
    column,
    ...(end.line === line ? { endColumn: end.column } : {}),
    code: issue.code ?? 'CONFIG_INVALID',
    path: visible(pathText(issue.path)),
    message: visible(issue.message),
    hint: issue.hint === undefined ? undefined : visible(issue.hint),
    frame: codeFrame(source.text, place, covers),
  }
}

/** By place, and each said once. */
export function inOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const said = new Set<string>()
  return diagnostics
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .filter(({ line, column, message }) => {
      const key = `${line}:${column}:${message}`
      return !said.has(key) && said.add(key)
    })
}
