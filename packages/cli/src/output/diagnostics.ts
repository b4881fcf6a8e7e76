import type { Diagnostic } from '@connect-run/core/runtime'

import type { Style } from './style.ts'

export const diagnosticFormats = ['text', 'github', 'json'] as const

export type DiagnosticFormat = (typeof diagnosticFormats)[number]

/** Diagnostics for a reader, for GitHub's annotations, or for a program (one JSON array). */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], format: DiagnosticFormat, style: Style): string {
  if (format === 'json') return `${JSON.stringify(forProgram(diagnostics), null, 2)}\n`
  if (format === 'github') return diagnostics.map((diagnostic) => `${annotation(diagnostic)}\n`).join('')
  return [...new Set(diagnostics.map(({ file }) => file))]
    .flatMap((file) =>
      ofFile(
        diagnostics.filter((diagnostic) => diagnostic.file === file),
        style,
      ),
    )
    .map((text) => `${text}\n\n`)
    .join('')
}

/** More of one file than anybody reads. */
const mostOfFile = 50

function ofFile(diagnostics: readonly Diagnostic[], style: Style): string[] {
  const shown = diagnostics.slice(0, mostOfFile).map((diagnostic) => explained(diagnostic, style))
  const hidden = diagnostics.length - shown.length
  return hidden === 0 ? shown : [...shown, style.dim(`… and ${hidden} more in ${diagnostics[0]!.file}`)]
}

/** What a program needs of them. */
export function forProgram(diagnostics: readonly Diagnostic[]): object[] {
  return diagnostics.map(({ frame: _frame, ...diagnostic }) => diagnostic)
}

/**
 * Place, message, code frame and what to do:
 *
 *     configs/a.yaml:7:7  unknown key "topcs"
 *         6 |   connector: kafka
 *       > 7 |   topcs: [oceanic]
 *           |   ^^^^^
 *       Did you mean "topics"?
 */
function explained({ file, line, column, path, message, hint, frame, code }: Diagnostic, style: Style): string {
  const place = style.bold(`${file}:${line}:${column}`)
  const where = path === '' ? '' : ` ${style.dim(`at ${path}`)}`
  const lines = [`${place}  ${style.red(message)}${where} ${style.dim(`[${code}]`)}`]
  const width = String(frame?.lines.at(-1)?.number ?? 0).length
  for (const { number, text } of frame?.lines ?? []) {
    const isMarked = number === frame?.mark.line
    const gutter = `${isMarked ? '>' : ' '} ${String(number).padStart(width)} |`
    lines.push(`  ${isMarked ? gutter : style.dim(gutter)} ${text}`)
    if (!isMarked) continue
    const indent = text.slice(0, frame.mark.column - 1).replaceAll(/[^\t]/g, ' ')
    lines.push(`    ${' '.repeat(width)} ${style.dim('|')} ${indent}${style.red('^'.repeat(frame.mark.length))}`)
  }
  if (hint !== undefined) lines.push(`  ${style.cyan(hint)}`)
  return lines.join('\n')
}

/** GitHub shows it at the line of a pull request. */
function annotation({ file, line, column, endColumn, message, hint, code }: Diagnostic): string {
  const end = endColumn === undefined ? '' : `,endColumn=${endColumn}`
  const title = `,title=${code}`
  const text = [message, hint].filter((part) => part !== undefined).join('. ')
  return `::error file=${escaped(file)},line=${line},col=${column}${end}${title}::${text.replaceAll('%', '%25').replaceAll('\n', '%0A')}`
}

function escaped(property: string): string {
  return property.replaceAll('%', '%25').replaceAll(':', '%3A').replaceAll(',', '%2C')
}
