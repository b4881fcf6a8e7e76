import { type LetterGroup, placeText, type QueueSummary, summarize } from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Screen } from '../output/screen.ts'
import { amount, counted, table } from '../output/table.ts'
import { wrapped } from '../output/wrapped.ts'
import { printable } from '../output/printable.ts'
import type { ListFlags } from './dlq-command.ts'
import type { DlqSetting } from './dlq-queue.ts'

/** Says what is in the queue, by cause. */
export async function dlqList(setting: DlqSetting, { format }: ListFlags): Promise<ExitCode> {
  const { queue, journal, selection, out, stopping: signal } = setting
  const marks = await journal.read()
  const summary = await summarize(queue, { selection, marks, signal })
  const places = { target: queue.target, journal: journal.location }
  if (format === 'json') out.line(JSON.stringify({ ...places, ...forProgram(summary) }, null, 2))
  else print(queue.target, summary, out)
  return exitCodes.ok
}

function print(
  target: string,
  { groups, letters, records, replayed, others, damaged }: QueueSummary,
  out: Screen,
): void {
  const { style } = out
  const doubles = letters === records ? '' : ` of ${counted(records, 'record')}`
  out.line(`${style.bold(target)}  ${counted(letters, 'letter')}${doubles}, ${amount(replayed)} replayed`)
  if (groups.length > 0) {
    out.line()
    for (const line of groupLines(groups, out)) out.line(line)
  }
  if (others > 0) {
    out.line(style.dim(`\n${counted(others, 'letter')} of other pipelines left out (--any-pipeline takes them).`))
  }
  if (damaged.length === 0) return
  const where = damaged.slice(0, 5).map(placeText).join(', ')
  out.line(style.yellow(`\n${counted(damaged.length, 'line')} that can't be read as dead letters: ${where}`))
}

const right = { align: 'right' } as const

const columns = [
  { title: 'letters', ...right },
  { title: 'replayed', ...right },
  { title: 'code' },
  { title: 'stage' },
  { title: 'first failure' },
  { title: 'last' },
  { title: 'example' },
  { title: 'cause' },
]

/** A table; on a terminal that is too narrow for it, a paragraph for each group. */
function groupLines(groups: readonly LetterGroup[], { style, isTerminal, columns: width }: Screen): string[] {
  const rows = table(columns, groups.map(row), style)
  // The first line has the titles, and its colour.
  if (!isTerminal || rows.slice(1).every((line) => line.length <= width)) return rows
  return groups.flatMap((group) => paragraph(group, width))
}

function paragraph(group: LetterGroup, width: number): string[] {
  const [, , code, stage, first, last, example, cause = ''] = row(group)
  return [
    `${counted(group.letters, 'letter')}, ${amount(group.replayed)} replayed: ${code} in ${stage}`,
    ...wrapped(cause, width - 2).map((line) => `  ${line}`),
    `  from ${first} to ${last}`,
    `  such as ${example}`,
  ]
}

function row({ letters, replayed, code, stage, firstMs, lastMs, example, message }: LetterGroup): string[] {
  const { stream, partition, offset } = example
  const at = `${stream}/${partition}/${offset}`
  return [amount(letters), amount(replayed), code, stage, time(firstMs), time(lastMs), at, message].map(printable)
}

function time(ms: number | undefined): string {
  return ms === undefined ? '' : new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

function forProgram({ groups, damaged, ...counts }: QueueSummary): object {
  return { ...counts, groups: groups.map(withTimes), damaged: damaged.map(placeText) }
}

function withTimes({ firstMs, lastMs, ...group }: LetterGroup): object {
  return { ...group, firstFailure: time(firstMs), lastFailure: time(lastMs) }
}
