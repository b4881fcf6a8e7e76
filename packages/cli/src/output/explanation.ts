import type { Explanation } from '@connect-run/core/runtime'

import type { Style } from './style.ts'
import { wrapped } from './wrapped.ts'

/** An explanation for a reader, as lines no wider than `columns`. */
export function explanationLines(explanation: Explanation, columns: number, style: Style): string[] {
  const { pipeline, source, sink, guarantee, meaning, because, order } = explanation
  const { after, weakenedBy, stopsWhen, stronger } = explanation
  const width = Math.min(columns, 110)
  const paint = guarantee === 'best-effort' ? style.red : guarantee === 'at-least-once' ? style.yellow : style.green
  const item = (label: string, text: string): string[] => items(label, text, { width, style })
  const section = (title: string, lines: readonly string[]): string[] => {
    return lines.length === 0 ? [] : ['', style.dim(title), ...lines]
  }
  return [
    `${style.bold(pipeline)}  ${source} -> ${sink}  ${paint(style.bold(guarantee))}`,
    ...wrapped(meaning, width - 2).map((line) => `  ${line}`),
    ...section('  why', [...because.flatMap(({ part, text }) => item(part, text)), ...item('order', order)]),
    ...section(
      '  after',
      after.flatMap(({ event, text }) => item(event, text)),
    ),
    ...section(
      '  weakened by',
      weakenedBy.flatMap(({ setting, text }) => item(setting, text)),
    ),
    ...section(
      '  stops when',
      stopsWhen.flatMap((text) => item('', text)),
    ),
    ...section(
      '  stronger',
      stronger.flatMap((text) => item('', text)),
    ),
  ]
}

/** The label, and the text beside it, or below it where the label is long. */
function items(label: string, text: string, { width, style }: { width: number; style: Style }): string[] {
  const indent = 23
  const lines = wrapped(text, width - (label === '' ? 4 : indent))
  if (label === '') return lines.map((line, index) => `  ${index === 0 ? '- ' : '  '}${line}`)
  const rest = lines.map((line) => `${' '.repeat(indent)}${line}`)
  if (label.length > indent - 4) return [`  ${style.cyan(label)}`, ...rest]
  return [`  ${style.cyan(label.padEnd(indent - 2))}${lines[0] ?? ''}`, ...rest.slice(1)]
}
