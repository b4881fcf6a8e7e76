import { type LetterGroup, placeText, type QueueSummary, readMarks, summarize } from '@connect-run/core/runtime'

import { type ExitCode, exitCodes } from '../exit-codes.ts'
import type { Screen } from '../output/screen.ts'
import { amount, counted, table } from '../output/table.ts'
import { printable } from '../output/printable.ts'
import type { ListFlags } from './dlq-command.ts'
import type { DlqSetting } from './dlq-queue.ts'

/** Says what is in the queue, by cause. */
export async function dlqList(setting: DlqSetting, { format }: ListFlags): Promise<ExitCode> {
  const { queue, journal, selection, out, stopping: signal } = setting
  const marks = await readMarks(journal)
  const summary = await summarize(queue, { selection, marks, signal })
  if (format === 'json') out.line(JSON.stringify({ target: queue.target, journal, ...forProgram(summary) }, null, 2))
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
    for (const line of table(columns, groups.map(row), style)) out.line(line)
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
